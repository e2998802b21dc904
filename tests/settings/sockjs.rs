//! `[endpoints.NAME.sockjs]`

use crate::stage::{Stage, echo, in_time, soon, until};
use byway::Transport;
use serde_json::Value;

#[tokio::test]
async fn transports_are_those_of_the_file() {
    let stage = echo("endpoints.e.sockjs.transports = [\"xhr\"]");
    assert_eq!(stage.post("/e/000/s/xhr", "").await.status(), 200);
    assert_eq!(stage.post("/e/000/t/xhr_streaming", "").await.status(), 404);
    assert_eq!(info(&stage).await["websocket"], false);
}

async fn info(stage: &Stage) -> Value {
    serde_json::from_str(&stage.get("/e/info").await.body).expect("JSON")
}

#[tokio::test]
async fn a_streaming_response_ends_behind_as_many_bytes_as_the_file_says() {
    let stage = echo("endpoints.e.sockjs.response_limit = 100");
    let mut client = stage.client(Transport::XhrStreaming).open().await;
    for _ in 0..2 {
        client.send(&[&"x".repeat(100)]).await;
        assert_eq!(in_time(client.message()).await, "x".repeat(100));
    }
    assert_eq!(client.receivers, 2, "one for each message");
}

#[tokio::test]
async fn what_info_says_of_cookies_is_what_the_file_says() {
    assert_eq!(info(&echo("")).await["cookie_needed"], false);
    assert_eq!(info(&echo("endpoints.e.sockjs.cookie_needed = true")).await["cookie_needed"], true);
}

#[tokio::test]
async fn a_cookie_to_stick_by_is_set_where_the_file_says_so() {
    assert_eq!(echo("").post("/e/000/s/xhr", "").await.header("set-cookie"), None);
    let answer = echo("endpoints.e.sockjs.jsessionid = true").post("/e/000/s/xhr", "").await;
    assert!(answer.header("set-cookie").is_some_and(|cookie| cookie.starts_with("JSESSIONID=")), "{answer:?}");
}

#[tokio::test]
async fn iframe_pages_find_the_client_where_the_file_says() {
    let stage = echo("endpoints.e.sockjs.client_url = \"https://cdn.example.com/sockjs.js\"");
    assert!(stage.get("/e/iframe.html").await.body.contains("<script src=\"https://cdn.example.com/sockjs.js\">"));
}

#[tokio::test]
async fn info_sends_clients_where_the_file_says() {
    let stage = echo("endpoints.e.sockjs.base_url = \"https://node-1.example.com/e\"");
    assert_eq!(info(&stage).await["base_url"], "https://node-1.example.com/e");
}

#[tokio::test]
async fn a_lost_session_is_remembered_as_long_as_the_file_says() {
    let stage = echo("endpoints.e.session.disconnect_delay = \"50ms\"\nendpoints.e.sockjs.remember_lost = \"50ms\"");
    assert_eq!(stage.post("/e/000/s/xhr", "").await.body, "o\n");
    until(|| stage.endings("absent") == 1).await;
    // Whoever comes while it is remembered is told of the loss.
    soon(async { while stage.post("/e/000/s/xhr", "").await.body != "o\n" {} }).await;
}
