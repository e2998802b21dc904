//! Who is there, who comes, and who has left.

use crate::in_time;
use crate::stage::{LONG, ROOM, SHORT, WATCH, Watcher, name, news, open_plan, plan, rooms, start};
use crate::support::stage::{token, token_with};
use crate::support::stomp::StompClient;
use byway::Destination;
use byway::broker::{PresenceSettings, Who};
use byway::policy::Revocation;
use serde_json::json;
use std::time::{Duration, SystemTime};

#[tokio::test]
async fn a_watcher_learns_who_is_there_with_what_everybody_may_see() {
    let shown = PresenceSettings { claims: vec!["name".to_owned(), "none".to_owned()], ..rooms(LONG) };
    let stage = plan(shown).start();
    let before = SystemTime::now() - Duration::from_secs(1);
    let claims = json!({ "name": "Ada L.", "secret": "canary" });
    let ada = token_with("ada", LONG, claims);
    let mut ada = StompClient::connect(stage.client(), &[("token", &ada)]).await;
    ada.subscribe("0", ROOM, &[]).await;
    let mut watcher = stage.connect_as("bob").await;
    watcher.listen("w", WATCH, "auto").await;
    let here = news(&watcher.message().await);
    let since = here["members"][0]["since"].as_str().unwrap();
    let time = humantime::parse_rfc3339(since).unwrap();
    assert!(time > before && time <= SystemTime::now());
    let member = json!({ "user": "ada", "since": since, "claims": { "name": "Ada L." } });
    let whole =
        json!({ "type": "here", "destination": ROOM, "count": 1, "truncated": false, "members": [member.clone()] });
    assert_eq!(here, whole);

    let present = stage.messenger.presence(&Destination::parse(ROOM).unwrap()).unwrap();
    assert_eq!((present.count, &present.members[0].who), (1, &Who::User("ada".into())));
    assert_eq!(stage.messenger.presence(&Destination::parse("/topic/else").unwrap()), None);
}

#[tokio::test]
async fn a_user_comes_with_the_first_session_and_leaves_with_the_last() {
    let stage = start(SHORT);
    let mut watcher = Watcher::new(&stage).await;
    assert_eq!(watcher.known, [""; 0]);
    let (mut first, mut second) = (stage.connect_as("ada").await, stage.connect_as("ada").await);
    first.subscribe("0", ROOM, &[]).await;
    second.subscribe("0", ROOM, &[]).await;
    second.subscribe("1", ROOM, &[]).await;
    assert_eq!(watcher.next().await, "join ada");
    first.ask("UNSUBSCRIBE", &[("id", "0")], "").await;
    second.ask("UNSUBSCRIBE", &[("id", "0")], "").await;
    let mut bob = stage.connect_as("bob").await;
    bob.subscribe("0", ROOM, &[]).await;
    assert_eq!(watcher.next().await, "join bob", "and ada is still there");
    drop(bob);
    assert_eq!(watcher.next().await, "leave bob");
    second.ask("UNSUBSCRIBE", &[("id", "1")], "").await;
    assert_eq!(watcher.next().await, "leave ada");
}

#[tokio::test]
async fn whoever_comes_back_in_time_was_never_away() {
    let stage = start(LONG);
    let mut watcher = Watcher::new(&stage).await;
    for _ in 0..20 {
        let mut ada = stage.connect_as("ada").await;
        ada.subscribe("0", ROOM, &[]).await;
        ada.ask("UNSUBSCRIBE", &[("id", "0")], "").await;
    }
    let mut bob = stage.connect_as("bob").await;
    bob.subscribe("0", ROOM, &[]).await;
    assert_eq!([watcher.next().await, watcher.next().await], ["join ada", "join bob"]);
    assert_eq!(Watcher::new(&stage).await.known, ["ada", "bob"]);
}

#[tokio::test]
async fn sessions_without_a_name_are_there_one_by_one() {
    let stage = open_plan(rooms(SHORT)).start();
    let mut watcher = Watcher::of(stage.connect().await).await;
    let (mut one, mut other) = (stage.connect().await, stage.connect().await);
    one.subscribe("0", ROOM, &[]).await;
    other.subscribe("0", ROOM, &[]).await;
    assert_eq!([watcher.next().await, watcher.next().await], ["join s2", "join s3"]);
    one.ask("DISCONNECT", &[], "").await;
    assert_eq!(watcher.next().await, "leave s2");
}

#[tokio::test]
async fn patterns_and_watching_make_nobody_present() {
    let stage = start(SHORT);
    let mut watcher = Watcher::new(&stage).await;
    let mut ada = stage.connect_as("ada").await;
    ada.subscribe("0", "/topic/rooms/*", &[]).await;
    ada.subscribe("1", "/topic/rooms/2", &[]).await;
    let mut bob = stage.connect_as("bob").await;
    bob.subscribe("0", ROOM, &[]).await;
    assert_eq!(watcher.next().await, "join bob");
}

#[tokio::test]
async fn consumers_of_a_queue_are_there_too() {
    let jobs = PresenceSettings { grace: SHORT, ..PresenceSettings::new("/queue/*".parse().unwrap()) };
    let stage = plan(jobs).start();
    let mut watcher = stage.connect_as("bob").await;
    watcher.listen("w", "/presence/queue/jobs", "auto").await;
    assert_eq!(news(&watcher.message().await)["count"], 0);
    let mut worker = stage.connect_as("ada").await;
    worker.subscribe("0", "/queue/jobs", &[("ack", "client")]).await;
    let join = news(&watcher.message().await);
    assert_eq!((&join["type"], name(&join["member"])), (&"join".into(), "ada".to_owned()));
}

#[tokio::test]
async fn who_was_revoked_leaves_and_who_has_a_new_token_stays() {
    let stage = start(SHORT);
    let mut watcher = Watcher::new(&stage).await;
    let (mut ada, mut bob) = (stage.connect_as("ada").await, stage.connect_as("bob").await);
    ada.subscribe("0", ROOM, &[]).await;
    bob.subscribe("0", ROOM, &[]).await;
    assert_eq!([watcher.next().await, watcher.next().await], ["join ada", "join bob"]);
    let refresh = ("destination", "/byway/token");
    ada.ask("SEND", &[refresh, ("token", &token("ada"))], "").await;
    stage.messenger.revoke(&Revocation::User("bob".into()), SystemTime::now() + LONG).unwrap();
    assert_eq!(watcher.next().await, "leave bob");
    assert_eq!(Watcher::new(&stage).await.known, ["ada"]);
}

#[tokio::test]
async fn a_server_that_stops_tells_of_nobody_who_leaves() {
    let stage = start(Duration::ZERO);
    let mut watcher = Watcher::new(&stage).await;
    let mut ada = stage.connect_as("ada").await;
    ada.subscribe("0", ROOM, &[]).await;
    assert_eq!(watcher.next().await, "join ada");
    let byway = stage.server.byway.clone();
    let drained = tokio::spawn(async move { byway.drain(Duration::from_secs(10)).await });
    ada.closes(&byway::Disconnect::GOING_AWAY).await;
    watcher.client.closes(&byway::Disconnect::GOING_AWAY).await;
    drained.await.unwrap();
}

/// Rooms fill and empty while watchers come: each begins with a state, and what it is told from then on fits it.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_state_and_its_changes_are_one_sequence_under_load() {
    const ROUNDS: usize = 30;
    let stage = std::sync::Arc::new(start(Duration::ZERO));
    let mut comers = Vec::new();
    for who in ["ada", "bob", "eve", "dan"] {
        let mut client = stage.connect_as(who).await;
        comers.push(tokio::spawn(async move {
            for _ in 0..ROUNDS {
                client.subscribe("0", ROOM, &[]).await;
                client.ask("UNSUBSCRIBE", &[("id", "0")], "").await;
            }
        }));
    }
    let mut watchers = Vec::new();
    for _ in 0..10 {
        watchers.push(Watcher::new(&stage).await);
    }
    for comer in comers {
        comer.await.unwrap();
    }
    let mut last = stage.connect_as("last").await;
    last.subscribe("0", ROOM, &[]).await;
    for mut watcher in watchers {
        in_time(async { while watcher.next().await != "join last" {} }).await;
        assert_eq!(watcher.known, ["last"]);
    }
}

#[tokio::test]
async fn members_are_told_in_the_order_in_which_they_came() {
    let stage = start(LONG);
    let mut clients = Vec::new();
    for who in ["dan", "ada", "eve"] {
        let mut client = stage.connect_as(who).await;
        client.subscribe("0", ROOM, &[]).await;
        clients.push(client);
    }
    let mut watcher = stage.connect_as("bob").await;
    watcher.listen("w", WATCH, "auto").await;
    let here = news(&watcher.message().await);
    let names: Vec<_> = here["members"].as_array().unwrap().iter().map(name).collect();
    assert_eq!(names, ["dan", "ada", "eve"]);
}
