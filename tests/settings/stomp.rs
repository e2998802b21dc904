//! `[stomp]`

use crate::stage::{Stage, soon, stomp};
use crate::support::stomp::StompClient;

const TO: &str = "SEND\ndestination:/topic/a\n";

/// What is said of a frame, where the file has this line; and that it is fine without.
async fn refused(setting: &str, frame: &str) -> String {
    let mut fine = stomp("").connect().await;
    fine.raw(frame).await;
    fine.settle().await;
    let mut client = stomp(setting).connect().await;
    client.raw(frame).await;
    client.frame().await.header("message").expect("an ERROR").to_owned()
}

#[tokio::test]
async fn a_frame_has_no_more_headers_than_the_file_says() {
    assert_eq!(refused("stomp.max_headers = 3", &format!("{TO}a:1\nb:2\nc:3\n\n\0")).await, "Too many headers");
}

#[tokio::test]
async fn a_line_of_a_head_has_no_more_bytes_than_the_file_says() {
    let line = "x".repeat(100);
    assert_eq!(refused("stomp.max_line_bytes = 100", &format!("{TO}a:{line}\n\n\0")).await, "Header line too long");
}

#[tokio::test]
async fn a_head_has_no_more_bytes_than_the_file_says() {
    let line = "x".repeat(60);
    let frame = format!("{TO}a:{line}\nb:{line}\n\n\0");
    assert_eq!(refused("stomp.max_head_bytes = 120", &frame).await, "Headers too long");
}

#[tokio::test]
async fn a_body_has_no_more_bytes_than_the_file_says() {
    assert_eq!(refused("stomp.max_body_bytes = 4", &format!("{TO}\n12345\0")).await, "Body too long");
}

#[tokio::test]
async fn a_frame_takes_no_longer_than_the_file_says() {
    let mut client = stomp("stomp.frame_timeout = \"100ms\"").connect().await;
    client.raw(TO).await;
    assert_eq!(soon(client.frame()).await.command, "ERROR");
}

#[tokio::test]
async fn a_client_has_as_long_to_connect_as_the_file_says() {
    let mut client = stomp("stomp.connect_timeout = \"100ms\"").open().await;
    assert_eq!(soon(client.frame()).await.command, "ERROR");
}

/// What the server says of its heartbeats to a client that says this of its own.
async fn heartbeats(settings: &str, of_client: &str) -> String {
    let mut client = stomp(settings).open().await;
    client.say_connect(&[("heart-beat", of_client)]).await;
    client.frame().await.header("heart-beat").expect("it says so").to_owned()
}

#[tokio::test]
async fn heartbeats_are_agreed_on_by_what_the_file_says() {
    assert_eq!(heartbeats("stomp.heartbeat_send = \"7s\"", "0,0").await, "7000,10000");
    assert_eq!(heartbeats("stomp.heartbeat_expect = \"8s\"", "0,0").await, "10000,8000");
    assert_eq!(heartbeats("stomp.heartbeat_min = \"3s\"", "1,1").await, "3000,3000");
}

/// A client that has promised heartbeats and shows no sign of life.
async fn lifeless(settings: &str) -> (Stage, StompClient) {
    let stage = stomp(settings);
    let mut client = stage.open().await;
    client.say_connect(&[("heart-beat", "100,0")]).await;
    assert_eq!(client.frame().await.command, "CONNECTED");
    client.client.socket.as_mut().expect("a WebSocket").answers_pings = false;
    (stage, client)
}

#[tokio::test]
async fn a_client_may_miss_as_many_heartbeats_as_the_file_says() {
    let (_patient, mut waited_for) = lifeless("stomp.heartbeat_tolerance = 100").await;
    let (_strict, mut sent_away) = lifeless("").await;
    assert_eq!(sent_away.frame().await.command, "ERROR");
    waited_for.settle().await;
}

#[tokio::test]
async fn a_session_has_as_many_subscriptions_as_the_file_says() {
    let mut client = stomp("stomp.max_subscriptions = 1").connect().await;
    client.subscribe("0", "/topic/a", &[]).await;
    client.send("SUBSCRIBE", &[("id", "1"), ("destination", "/topic/b")], "").await;
    assert_eq!(client.frame().await.command, "ERROR");
}

/// Begins transactions and sends this many messages in each; answers what the last frame is answered with.
async fn transactions(setting: &str, count: usize, sends: usize) -> String {
    let mut client = stomp(setting).connect().await;
    for n in 0..count {
        let transaction = ("transaction", &*n.to_string());
        client.send("BEGIN", &[transaction], "").await;
        for _ in 0..sends {
            client.send("SEND", &[("destination", "/topic/a"), transaction], &"x".repeat(100)).await;
        }
    }
    client.send("ABORT", &[("transaction", "0"), ("receipt", "r")], "").await;
    client.frame().await.command
}

#[tokio::test]
async fn a_session_has_as_many_open_transactions_as_the_file_says() {
    assert_eq!(transactions("stomp.max_transactions = 2", 2, 0).await, "RECEIPT");
    assert_eq!(transactions("stomp.max_transactions = 1", 2, 0).await, "ERROR");
}

#[tokio::test]
async fn transactions_hold_as_many_bytes_as_the_file_says() {
    assert_eq!(transactions("", 1, 3).await, "RECEIPT");
    assert_eq!(transactions("stomp.max_transaction_bytes = 200", 1, 3).await, "ERROR");
}

#[tokio::test]
async fn transactions_hold_as_many_frames_as_the_file_says() {
    assert_eq!(transactions("stomp.max_transaction_frames = 3", 1, 3).await, "RECEIPT");
    assert_eq!(transactions("stomp.max_transaction_frames = 2", 1, 3).await, "ERROR");
}
