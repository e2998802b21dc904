//! `[broker]`: what destinations are, what is kept of them, and who is there.

use crate::stage::{Stage, in_time, soon, stomp, tokens};
use crate::support::stage::token_with;
use crate::support::stomp::{Heard, StompClient};
use byway::Transport;
use serde_json::{Value, json};
use std::time::Duration;

#[tokio::test]
async fn what_prefixes_mean_is_what_the_file_says() {
    let kinds = "broker.kinds = [{ prefix = \"/queue\", kind = \"topic\" }]";
    let stage = stomp(kinds);
    let (mut one, mut other) = (stage.connect().await, stage.connect().await);
    one.subscribe("0", "/queue/a", &[]).await;
    other.subscribe("0", "/queue/a", &[]).await;
    one.publish("/queue/a", "to both").await;
    assert_eq!((one.body().await, other.body().await), ("to both".into(), "to both".into()));
    one.publish("/topic/a", "").await;
    one.error("Forbidden").await;
}

/// What a subscriber who comes late gets of two messages to each of these topics.
async fn past(settings: &str, topics: &[&str]) -> Vec<String> {
    let stage = stomp(settings);
    let mut client = stage.connect().await;
    for topic in topics.iter().flat_map(|topic| [topic; 2]) {
        stage.publish(topic, &"x".repeat(600));
    }
    for topic in topics {
        client.send("SUBSCRIBE", &[("id", topic), ("destination", topic), ("history", "9")], "").await;
    }
    client.send("BEGIN", &[("transaction", "end"), ("receipt", "end")], "").await;
    let mut got = Vec::new();
    loop {
        match client.frame().await {
            frame if frame.command == "RECEIPT" => return got,
            frame => got.push(frame.header("destination").expect("a MESSAGE").to_owned()),
        }
    }
}

const KEPT: &str = "broker.history = [{ pattern = \"/topic/**\" }]\n";

#[tokio::test]
async fn what_is_kept_of_topics_is_what_the_file_says() {
    assert!(past("", &["/topic/a"]).await.is_empty());
    assert_eq!(past(KEPT, &["/topic/a"]).await.len(), 2);
}

#[tokio::test]
async fn a_topic_is_kept_as_far_as_its_entry_says() {
    let of_entry = |entry: &str| format!("broker.history = [{{ pattern = \"/topic/**\", {entry} }}]");
    assert_eq!(past(&of_entry("messages = 1"), &["/topic/a"]).await.len(), 1);
    assert_eq!(past(&of_entry("bytes = 1000"), &["/topic/a"]).await.len(), 1);
    let stage = stomp(&of_entry("max_age = \"50ms\""));
    stage.publish("/topic/a", "old");
    soon(async { while stage.get("/e/feed/topic/a?format=poll&wait=0&history=1").await.status() == 200 {} }).await;
}

#[tokio::test]
async fn as_many_topics_are_kept_as_the_file_says() {
    let few = format!("{KEPT}broker.max_histories = 1");
    assert_eq!(past(&few, &["/topic/a", "/topic/b"]).await, ["/topic/a", "/topic/a"]);
}

#[tokio::test]
async fn as_many_bytes_of_topics_are_kept_as_the_file_says() {
    assert_eq!(past(KEPT, &["/topic/a", "/topic/b", "/topic/c"]).await.len(), 6);
    let little = format!("{KEPT}broker.max_history_bytes = 1000");
    assert!(past(&little, &["/topic/a", "/topic/b", "/topic/c"]).await.len() < 6);
}

/// Publishes to a subscriber who takes nothing, until so much was lost or replaced; or until it is gone.
async fn stuff(stage: &Stage, mut enough: impl FnMut() -> bool) {
    in_time(async {
        while !enough() {
            stage.publish("/topic/a", &"x".repeat(60_000));
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn what_slow_sessions_get_is_what_the_file_says() {
    for policy in ["close", "drop_oldest", "keep_newest"] {
        let slow = format!("broker.slow_consumers = [{{ pattern = \"/topic/a\", policy = \"{policy}\" }}]");
        let stage = stomp(&format!("{slow}\nendpoints.e.session.queue_messages = 8"));
        let mut client = stage.connect().await;
        client.subscribe("0", "/topic/a", &[]).await;
        stuff(&stage, || match policy {
            "close" => stage.endings("slow_consumer") > 0,
            "drop_oldest" => stage.stats().traffic.dropped > 0,
            _ => stage.stats().traffic.conflated > 0,
        })
        .await;
        assert!(matches!(client.next().await, Heard::Frame(_)), "{policy}");
    }
}

/// Those who subscribe to these rooms, and how many a watcher of each is told of.
async fn present(settings: &str, rooms: &[&str]) -> Vec<String> {
    let stage = stomp(&format!("broker.presence = [{{ pattern = \"/topic/rooms/*\" }}]\n{settings}"));
    let mut clients: Vec<StompClient> = Vec::new();
    for room in rooms {
        clients.push(stage.connect().await);
        clients.last_mut().expect("one").subscribe("0", &format!("/topic/rooms/{room}"), &[]).await;
    }
    let mut counts = Vec::new();
    for room in rooms {
        let mut watcher = stage.connect().await;
        watcher.listen("0", &format!("/presence/topic/rooms/{room}"), "auto").await;
        let here: Value = serde_json::from_str(&watcher.body().await).expect("JSON");
        counts.push(here["count"].to_string());
    }
    counts
}

#[tokio::test]
async fn it_is_known_who_is_there_where_the_file_says() {
    assert_eq!(present("", &["1", "2"]).await, ["1", "1"]);
    let mut client = stomp("").connect().await;
    client.send("SUBSCRIBE", &[("id", "0"), ("destination", "/presence/topic/rooms/1")], "").await;
    assert_eq!(client.frame().await.command, "ERROR");
}

/// What a watcher is told of a room where ada and bob are, who have long claims.
async fn room(entry: &str) -> (Stage, Vec<StompClient>, StompClient, Value) {
    let stage = tokens(&format!("broker.presence = [{{ pattern = \"/topic/rooms/*\", {entry} }}]"));
    let mut members = Vec::new();
    for user in ["ada", "bob"] {
        let token = token_with(user, Duration::from_secs(3600), json!({ "team": "x".repeat(600) }));
        let mut member = StompClient::connect(stage.client(Transport::RawWebsocket), &[("token", &token)]).await;
        member.subscribe("0", "/topic/rooms/1", &[]).await;
        members.push(member);
    }
    let mut watcher = stage.connect_as("watcher").await;
    watcher.listen("0", "/presence/topic/rooms/1", "auto").await;
    let here = serde_json::from_str(&watcher.body().await).expect("JSON");
    (stage, members, watcher, here)
}

#[tokio::test]
async fn who_is_there_is_told_as_its_entry_says() {
    let (stage, members, mut watcher, here) = room("grace = \"50ms\"").await;
    assert_eq!((&here["truncated"], &here["members"][0]["claims"]), (&json!(false), &Value::Null));
    drop(members);
    assert_eq!(soon(watcher.message()).await.header("presence"), Some("leave"));
    drop(stage);
    let claims = "claims = [\"team\"]";
    assert_eq!(room(claims).await.3["members"][0]["claims"]["team"], "x".repeat(600));
    for few in ["max_members = 1", &format!("max_bytes = 1024, {claims}")] {
        let here = room(few).await.3;
        assert_eq!((&here["truncated"], here["members"].as_array().map(Vec::len)), (&json!(true), Some(1)), "{few}");
    }
}

#[tokio::test]
async fn destinations_have_somebody_there_as_many_as_the_file_says() {
    assert_eq!(present("broker.max_presences = 1", &["1", "2"]).await, ["1", "0"]);
}

#[tokio::test]
async fn members_are_as_many_as_the_file_says() {
    assert_eq!(present("broker.max_present = 2", &["1", "2", "3"]).await, ["1", "1", "0"]);
}
