//! `[api]`

use crate::stage::{KEY, Stage, soon, stomp, with_api};
use crate::support::client::http::Http;
use byway::server::KeyHash;
use serde_json::{Value, json};

#[tokio::test]
async fn those_who_may_use_the_api_are_the_keys_of_the_file() {
    let users = async |stage: Stage| stage.api("GET", "/api/users", &Value::Null).await.status();
    let hash = KeyHash::of(KEY);
    let publisher = format!("api.keys = [{{ name = \"a\", hash = \"{hash}\", allow = [\"publish\"] }}]");
    assert_eq!(users(stomp(&publisher)).await, 403);
    assert_eq!(users(stomp("")).await, 404);
    assert_eq!(users(with_api("")).await, 200);
    let other = with_api("").get_with("/api/users", &[("Authorization", "Bearer byway_other")]).await;
    assert_eq!(other.status(), 401);
}

#[tokio::test]
async fn the_api_has_an_address_of_its_own_where_the_file_says_so() {
    let stage = with_api("api.listen = \"127.0.0.1:0\"");
    assert_ne!(stage.address, stage.api);
    assert_eq!(stage.api("GET", "/api/users", &Value::Null).await.status(), 200);
    assert_eq!(stage.get("/api/docs").await.status(), 404);
}

#[tokio::test]
async fn an_address_fails_to_have_a_key_as_often_as_the_file_says() {
    let stage = with_api("api.failures_per_minute = 2");
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(stage.get_with("/api/users", &[("Authorization", "Bearer junk")]).await.status());
    }
    assert_eq!(statuses, [401, 401, 429]);
}

/// Publishes one after the other; answers the request's status.
async fn publish(stage: &Stage, messages: &Value) -> u16 {
    stage.api("POST", "/api/publish", messages).await.status()
}

#[tokio::test]
async fn a_request_has_no_more_bytes_than_the_file_says() {
    let stage = with_api("api.max_body_bytes = 100");
    assert_eq!(publish(&stage, &json!({ "destination": "/topic/a", "body": "short" })).await, 200);
    assert_eq!(publish(&stage, &json!({ "destination": "/topic/a", "body": "x".repeat(100) })).await, 413);
}

#[tokio::test]
async fn a_request_takes_no_longer_than_the_file_says() {
    let stage = with_api("api.body_timeout = \"100ms\"");
    let mut http = Http::connect(stage.api).await;
    let head = format!("Host: x\r\nAuthorization: Bearer {}\r\nContent-Type: application/json", KEY);
    http.write(format!("POST /api/publish HTTP/1.1\r\n{head}\r\nContent-Length: 5\r\n\r\n[").as_bytes()).await;
    assert_eq!(soon(http.head()).await.status, 408);
}

#[tokio::test]
async fn a_request_publishes_no_more_messages_than_the_file_says() {
    let stage = with_api("api.max_messages = 2");
    let message = json!({ "destination": "/topic/a" });
    assert_eq!(publish(&stage, &json!([message, message])).await, 200);
    assert_eq!(publish(&stage, &json!([message, message, message])).await, 413);
}

/// What becomes of a message under this key.
async fn under(stage: &Stage, key: &str) -> String {
    let message = json!({ "destination": "/topic/a" });
    let answer = stage.api_with(&[("Idempotency-Key", key)], "POST", "/api/publish", &message).await;
    let body: Value = serde_json::from_str(&answer.body).expect("JSON");
    body["results"][0]["status"].as_str().expect("a status").to_owned()
}

#[tokio::test]
async fn idempotency_keys_are_remembered_as_many_as_the_file_says() {
    for (setting, last) in [("", "repeated"), ("api.idempotency_keys = 1", "published")] {
        let stage = with_api(setting);
        assert_eq!(under(&stage, "a").await, "published");
        assert_eq!(under(&stage, "b").await, "published");
        assert_eq!(under(&stage, "a").await, last);
    }
}

#[tokio::test]
async fn an_idempotency_key_is_remembered_as_long_as_the_file_says() {
    let stage = with_api("api.idempotency_time = \"100ms\"");
    assert_eq!(under(&stage, "a").await, "published");
    soon(async { while under(&stage, "a").await != "published" {} }).await;
}
