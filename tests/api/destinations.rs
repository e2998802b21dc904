//! What the broker has, as the API tells it.

use crate::stage::{Stage, json, refused};
use serde_json::{Value, json};

async fn destinations(stage: &Stage, query: &str) -> Value {
    json(&stage.get(&format!("/api/destinations?{query}")).await)
}

fn names(page: &Value) -> Vec<&str> {
    page["destinations"].as_array().unwrap().iter().map(|row| row["destination"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn destinations_are_told_with_who_listens_and_what_is_kept() {
    let stage = Stage::start();
    let (mut ada, mut bob) = (stage.connect_as("ada").await, stage.connect_as("bob").await);
    for client in [&mut ada, &mut bob] {
        client.subscribe("x", "/topic/a", &[]).await;
    }
    ada.subscribe("y", "/topic/*", &[]).await;
    ada.subscribe("own", "/user/queue/own", &[]).await;
    bob.subscribe("q", "/queue/b", &[("ack", "client")]).await;
    for destination in ["/queue/a", "/queue/b", "/topic/kept/a", "/topic/unheard"] {
        stage.publish(&json!({ "destination": destination, "body": "12345" })).await;
    }
    bob.message().await;

    let page = destinations(&stage, "").await;
    let [queue_a, queue_b, pattern, topic, kept] = page["destinations"].as_array().unwrap().as_slice() else {
        panic!("{page}")
    };
    assert_eq!((&queue_a["destination"], &queue_a["kind"]), (&json!("/queue/a"), &json!("queue")));
    assert_eq!((&queue_a["subscribers"], &queue_a["queue"]["messages"]), (&json!(0), &json!(1)));
    assert!(queue_a["queue"]["bytes"].as_u64().is_some_and(|bytes| bytes >= 5), "{queue_a}");
    assert_eq!((&queue_b["destination"], &queue_b["subscribers"]), (&json!("/queue/b"), &json!(1)));
    assert_eq!((&queue_b["queue"]["messages"], &queue_b["queue"]["unacknowledged"]), (&json!(0), &json!(1)));
    assert_eq!(pattern, &json!({ "destination": "/topic/*", "kind": "topic", "subscribers": 1 }));
    assert_eq!(topic, &json!({ "destination": "/topic/a", "kind": "topic", "subscribers": 2 }));
    assert_eq!((&kept["destination"], &kept["subscribers"]), (&json!("/topic/kept/a"), &json!(0)));
    assert_eq!(kept["history"]["messages"], 1);
    assert!(kept["history"]["offset"].as_str().is_some_and(|offset| offset.ends_with("-1")), "{kept}");
    assert!(page.get("next").is_none(), "{page}");
}

#[tokio::test]
async fn destinations_are_found_by_how_they_begin_and_by_what_reaches_them() {
    let stage = Stage::start();
    let mut client = stage.connect().await;
    for (at, destination) in ["/topic/a/b", "/topic/a/*", "/topic/a/c", "/topic/**", "/topic/ab"].iter().enumerate() {
        client.subscribe(&at.to_string(), destination, &[]).await;
    }
    assert_eq!(
        names(&destinations(&stage, "prefix=/topic/a").await),
        ["/topic/a/*", "/topic/a/b", "/topic/a/c", "/topic/ab"]
    );
    assert_eq!(names(&destinations(&stage, "pattern=/topic/a/b").await), ["/topic/**", "/topic/a/*", "/topic/a/b"]);
    assert_eq!(names(&destinations(&stage, "prefix=/topic/a/&pattern=/topic/*/b").await), ["/topic/a/*", "/topic/a/b"]);
    assert_eq!(names(&destinations(&stage, "prefix=/queue").await), [""; 0]);
    refused(&stage.get("/api/destinations?pattern=topic").await, 400, "invalid_destination");
    refused(&stage.get("/api/destinations?limit=0").await, 400, "invalid_request");
}

#[tokio::test]
async fn thousands_of_destinations_come_in_pages_each_once() {
    let stage = Stage::start();
    let mut client = stage.connect().await;
    let message = |n: usize| json!({ "destination": format!("/topic/kept/{n:04}") });
    for first in (0..1_500).step_by(500) {
        let list: Vec<_> = (first..first + 500).map(message).collect();
        assert_eq!(stage.publish(&json!(list)).await.status(), 200);
    }
    // Also in another table: it is one row all the same.
    client.subscribe("x", "/topic/kept/0700", &[]).await;
    let (mut seen, mut after) = (Vec::new(), String::new());
    loop {
        let page = destinations(&stage, &format!("limit=600{after}")).await;
        seen.extend(names(&page).into_iter().map(str::to_owned));
        let Some(next) = page.get("next") else { break };
        after = format!("&after={}", next.as_str().unwrap());
    }
    let expected: Vec<_> = (0..1_500).map(|n| format!("/topic/kept/{n:04}")).collect();
    assert!(seen == expected, "{} destinations", seen.len());
}

async fn empty(stage: &Stage, destination: &str) -> Value {
    json(&stage.ask("DELETE", &format!("/api/destinations?destination={destination}"), &Value::Null).await)
}

#[tokio::test]
async fn a_queue_is_emptied_and_what_its_consumers_have_stays_theirs() {
    let stage = Stage::start();
    let mut consumer = stage.connect().await;
    let one = [("ack", "client"), ("prefetch-count", "1")];
    consumer.subscribe("q", "/queue/a", &one).await;
    for body in ["1", "2"] {
        stage.publish(&json!({ "destination": "/queue/a", "body": body })).await;
        stage.publish(&json!({ "destination": "/queue/b", "body": body })).await;
    }
    let held = consumer.message().await;
    assert_eq!(empty(&stage, "/queue/a").await["messages"], 1);
    let emptied = empty(&stage, "/queue/b").await;
    assert_eq!(emptied["messages"], 2);
    assert!(emptied["bytes"].as_u64().is_some_and(|bytes| bytes > 2), "{emptied}");
    assert_eq!(names(&destinations(&stage, "prefix=/queue").await), ["/queue/a"], "none is a dead letter");
    consumer.ask("ACK", &[("id", held.ack())], "").await;
    stage.publish(&json!({ "destination": "/queue/a", "body": "3" })).await;
    assert_eq!(consumer.body().await, "3");
}

#[tokio::test]
async fn a_topic_s_history_is_emptied_and_its_readers_are_told_how_much_they_missed() {
    let stage = Stage::start();
    let publish = async |body: &str| {
        stage.publish(&json!({ "destination": "/topic/kept/a", "body": body })).await;
        json(&stage.get("/api/history?destination=/topic/kept/a").await)["offset"].as_str().unwrap().to_owned()
    };
    let first = publish("1").await;
    publish("2").await;
    assert_eq!(empty(&stage, "/topic/kept/a").await["messages"], 2);
    publish("3").await;
    let page = json(&stage.get(&format!("/api/history?destination=/topic/kept/a&since={first}")).await);
    assert_eq!((&page["gap"], &page["publications"][0]["body"]), (&json!({ "missed": 1 }), &json!("3")));
}

#[tokio::test]
async fn nothing_is_emptied_where_nothing_is() {
    let stage = Stage::start();
    for (destination, status, code) in [
        ("/queue/nowhere", 404, "no_such_destination"),
        ("/topic/a", 404, "no_such_destination"),
        ("/topic/kept/a", 404, "no_such_destination"),
        ("/app/a", 404, "no_such_destination"),
        ("/topic/*", 400, "invalid_destination"),
        ("queue", 400, "invalid_destination"),
    ] {
        let target = format!("/api/destinations?destination={destination}");
        refused(&stage.ask("DELETE", &target, &Value::Null).await, status, code);
    }
    refused(&stage.ask("DELETE", "/api/destinations", &Value::Null).await, 400, "invalid_request");
}
