//! Idempotency keys.

use crate::stage::{KEY, PUBLISHER, Stage, refused, statuses};
use crate::support::client::http::Answer;
use serde_json::{Value, json};

async fn publish(stage: &Stage, key: &str, messages: &Value) -> Answer {
    stage.ask_with(KEY, &[("Idempotency-Key", key)], "POST", "/api/publish", messages).await
}

#[tokio::test]
async fn a_request_that_is_made_again_publishes_nothing_again() {
    let stage = Stage::start();
    let mut client = stage.connect().await;
    client.subscribe("a", "/topic/a", &[]).await;
    let message = |body: &str| json!({ "destination": "/topic/a", "body": body });
    assert_eq!(statuses(&publish(&stage, "k", &message("1")).await), ["published"]);
    assert_eq!(statuses(&publish(&stage, "k", &message("1")).await), ["repeated"]);
    refused(&publish(&stage, "k", &message("2")).await, 422, "idempotency_conflict");
    assert_eq!(statuses(&publish(&stage, "l", &message("3")).await), ["published"]);
    assert_eq!([client.body().await, client.body().await], ["1", "3"]);
}

#[tokio::test]
async fn a_list_that_is_sent_again_publishes_what_had_failed() {
    let stage = Stage::start();
    let messages = json!([
        { "destination": "/queue/a", "body": "1" },
        { "destination": "/queue/a", "body": "2" },
        { "destination": "/queue/a", "body": "3" },
    ]);
    assert_eq!(statuses(&publish(&stage, "k", &messages).await), ["published", "published", "failed queue_full"]);
    let mut client = stage.connect().await;
    client.send("SUBSCRIBE", &[("id", "a"), ("destination", "/queue/a")], "").await;
    assert_eq!([client.body().await, client.body().await], ["1", "2"]);
    assert_eq!(statuses(&publish(&stage, "k", &messages).await), ["repeated", "repeated", "published"]);
    assert_eq!(client.body().await, "3");
}

#[tokio::test]
async fn a_message_can_have_a_key_of_its_own_which_holds_wherever_it_is() {
    let stage = Stage::start();
    let message = |key: &str| json!({ "destination": "/topic/a", "idempotency_key": key });
    assert_eq!(statuses(&stage.publish(&json!([message("a"), message("b")])).await), ["published", "published"]);
    assert_eq!(
        statuses(&stage.publish(&json!([message("c"), message("b"), message("c")])).await),
        ["published", "repeated", "repeated"]
    );
    assert_eq!(statuses(&publish(&stage, "k", &message("a")).await), ["repeated"]);
}

#[tokio::test]
async fn keys_belong_to_the_api_key_and_the_endpoint_that_they_came_with() {
    let stage = Stage::of_two();
    let message = json!({ "destination": "/topic/a", "idempotency_key": "k" });
    for key in [KEY, PUBLISHER] {
        for endpoint in ["main", "other"] {
            let target = format!("/api/publish?endpoint={endpoint}");
            for expected in ["published", "repeated"] {
                let answer = stage.ask_with(key, &[], "POST", &target, &message).await;
                assert_eq!(statuses(&answer), [expected], "{key} {endpoint}");
            }
        }
    }
}

#[tokio::test]
async fn a_key_that_is_too_long_or_empty_is_refused() {
    let stage = Stage::start();
    let message = json!({ "destination": "/topic/a" });
    for key in ["", &"x".repeat(256)] {
        refused(&publish(&stage, key, &message).await, 400, "invalid_request");
        let own = json!({ "destination": "/topic/a", "idempotency_key": key });
        refused(&stage.publish(&own).await, 400, "invalid_request");
    }
    assert_eq!(statuses(&publish(&stage, &"x".repeat(255), &message).await), ["published"]);
}

#[tokio::test]
async fn a_key_that_cannot_be_read_is_refused_and_not_taken_for_none() {
    let stage = Stage::start();
    let message = json!({ "destination": "/topic/a" });
    for keys in [&["k\u{e4}se"][..], &["k", "l"], &["k", "k\u{e4}se"]] {
        let headers: Vec<_> = keys.iter().map(|key| ("Idempotency-Key", *key)).collect();
        let answer = stage.ask_with(KEY, &headers, "POST", "/api/publish", &message).await;
        refused(&answer, 400, "invalid_request");
    }
    assert_eq!(stage.server.byway.stats().published, 0);
}
