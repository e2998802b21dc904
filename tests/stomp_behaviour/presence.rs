//! Who is there.

use crate::support::stage::Plan;
use crate::support::stomp::Frame;
use byway::Transport;
use byway::broker::PresenceSettings;
use serde_json::Value;
use std::time::Duration;

const ROOM: &str = "/topic/rooms/1";

fn plan(row: Transport, grace: Duration) -> Plan {
    let rooms = PresenceSettings { grace, ..PresenceSettings::new("/topic/rooms/*".parse().expect("a pattern")) };
    Plan::new(row).tokens().broker(|broker| broker.presence = vec![rooms])
}

/// As in `join ada`, or `here ada bob`.
fn told(message: &Frame) -> String {
    let news: Value = serde_json::from_str(message.text()).expect("JSON");
    let mut told = news["type"].as_str().expect("a type").to_owned();
    let members = news["members"].as_array().into_iter().flatten().chain(news.get("member"));
    members.for_each(|member| told.push_str(&format!(" {}", member["user"].as_str().expect("a user"))));
    told
}

pub async fn a_watcher_hears_who_is_there_and_then_who_comes_and_goes(row: Transport) {
    let stage = plan(row, Duration::from_millis(100)).start();
    let (mut ada, mut bob) = (stage.connect_as("ada").await, stage.connect_as("bob").await);
    ada.subscribe("0", ROOM, &[]).await;
    let mut watcher = stage.connect_as("eve").await;
    watcher.listen("w", "/presence/topic/rooms/1", "auto").await;
    assert_eq!(told(&watcher.message().await), "here ada");
    bob.subscribe("0", ROOM, &[]).await;
    assert_eq!(told(&watcher.message().await), "join bob");
    ada.ask("UNSUBSCRIBE", &[("id", "0")], "").await;
    assert_eq!(told(&watcher.message().await), "leave ada");
}

pub async fn a_member_whose_session_ends_may_come_back_in_time_by_another(row: Transport) {
    let stage = plan(row, Duration::from_secs(3600)).start();
    let mut watcher = stage.connect_as("eve").await;
    watcher.subscribe("room", ROOM, &[]).await;
    watcher.listen("w", "/presence/topic/rooms/1", "auto").await;
    assert_eq!(told(&watcher.message().await), "here eve");
    for _ in 0..2 {
        let mut ada = stage.connect_as("ada").await;
        ada.subscribe("0", ROOM, &[]).await;
        ada.ask("DISCONNECT", &[], "").await;
    }
    let mut bob = stage.connect_as("bob").await;
    bob.subscribe("0", ROOM, &[]).await;
    assert_eq!(told(&watcher.message().await), "join ada");
    assert_eq!(told(&watcher.message().await), "join bob");
}
