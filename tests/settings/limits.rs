//! `[endpoints.NAME.limits]`

use crate::backend::{Answer, Backend};
use crate::hooks;
use crate::stage::{Stage, echo, in_time, soon, stomp};
use crate::support::client::Event;
use crate::support::stomp::{StompClient, frame};
use byway::{Disconnect, Transport};

#[tokio::test]
async fn a_message_has_no_more_bytes_than_the_file_says() {
    let stage = echo("endpoints.e.limits.max_message_bytes = 10");
    let mut client = stage.client(Transport::RawWebsocket).open().await;
    client.send(&["0123456789"]).await;
    assert_eq!(in_time(client.message()).await, "0123456789");
    client.send(&["0123456789a"]).await;
    assert_eq!(in_time(client.next()).await, Event::close(&Disconnect::MESSAGE_TOO_BIG));
}

#[tokio::test]
async fn a_body_has_no_more_bytes_than_the_file_says() {
    let stage = echo("endpoints.e.limits.max_body_bytes = 10");
    stage.post("/e/000/s/xhr", "").await;
    assert_eq!(stage.post("/e/000/s/xhr_send", r#"["123456"]"#).await.status(), 204);
    assert_eq!(stage.post("/e/000/s/xhr_send", r#"["1234567"]"#).await.status(), 413);
}

#[tokio::test]
async fn a_body_takes_no_longer_than_the_file_says() {
    let stage = echo("endpoints.e.limits.body_timeout = \"100ms\"");
    stage.post("/e/000/s/xhr", "").await;
    let mut http = stage.http().await;
    http.write(b"POST /e/000/s/xhr_send HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n[").await;
    assert_eq!(soon(http.head()).await.status, 408);
}

/// The first message is with the application, which never answers; one more may wait.
#[tokio::test]
async fn as_many_messages_wait_for_the_application_as_the_file_says() {
    let mut backend = Backend::start(|_| Answer::Never).await;
    let limits = "endpoints.e.limits.inbox_messages = 1";
    let stage = hooks::serve(&backend, &format!("hooks.app = true\nhooks.timeout = \"60s\"\n{limits}"));
    let mut client = StompClient::connect(stage.client(Transport::Xhr), &[]).await;
    client.publish("/app/a", "with the application").await;
    backend.call().await;
    client.publish("/app/a", "waits").await;
    let (mut http, message) =
        (stage.http().await, serde_json::json!([frame("SEND", &[("destination", "/app/a")], "")]));
    http.send("POST", &client.client.send_target(), &[], message.to_string().as_bytes()).await;
    assert_eq!(stage.get("/e").await.status(), 200);
    assert!(http.stream.try_read(&mut [0]).is_err(), "its client has to wait");
}

/// Two messages to one subscriber, which the broker gets before it can hand on the first.
async fn publish_two(setting: &str) -> String {
    let stage = stomp(setting);
    let mut subscriber = stage.connect().await;
    subscriber.subscribe("0", "/topic/a", &[]).await;
    let mut client = stage.connect().await;
    client.raw(&frame("SEND", &[("destination", "/topic/a"), ("receipt", "r")], "0123456789").repeat(2)).await;
    assert_eq!(client.frame().await.command, "RECEIPT");
    client.frame().await.command
}

#[tokio::test]
async fn as_many_publications_wait_for_the_members_as_the_file_says() {
    assert_eq!(publish_two("").await, "RECEIPT");
    assert_eq!(publish_two(&format!("endpoints.e.limits.publish_messages = 1\n{AT_ONCE}")).await, "ERROR");
}

/// Who finds no room is refused, and does not wait.
const AT_ONCE: &str = "endpoints.e.limits.publish_wait = \"0s\"";

#[tokio::test]
async fn as_many_bytes_of_publications_wait_for_the_members_as_the_file_says() {
    assert_eq!(publish_two(&format!("endpoints.e.limits.publish_bytes = 15\n{AT_ONCE}")).await, "ERROR");
}

#[tokio::test]
async fn a_publication_waits_for_the_members_as_long_as_the_file_says() {
    let one = "endpoints.e.limits.publish_messages = 1";
    assert_eq!(publish_two(one).await, "RECEIPT");
    assert_eq!(publish_two(&format!("{one}\n{AT_ONCE}")).await, "ERROR");
}

/// Each message takes some 300 bytes, and the session may have as much as is left.
#[tokio::test]
async fn as_much_waits_beyond_the_queues_as_the_file_says() {
    let stage = echo("endpoints.e.session.queue_messages = 1\nendpoints.e.limits.burst_bytes = 3000");
    assert_eq!(stage.post("/e/000/s/xhr", "").await.body, "o\n");
    let session = stage.byway().sessions().remove(0);
    let sent = (0..20).take_while(|_| session.send("").is_ok()).count();
    assert!((5..12).contains(&sent), "{sent} were taken");
}

#[tokio::test]
async fn sessions_are_as_many_as_the_file_says() {
    let stage: Stage = echo("endpoints.e.limits.max_sessions = 1");
    let _one = stage.client(Transport::RawWebsocket).open().await;
    assert_eq!(stage.post("/e/000/s/xhr", "").await.status(), 503);
}

#[tokio::test]
async fn sessions_of_one_address_are_as_many_as_the_file_says() {
    let stage: Stage = echo("endpoints.e.limits.max_sessions_per_address = 1");
    let _one = stage.client(Transport::RawWebsocket).open().await;
    assert_eq!(stage.post("/e/000/s/xhr", "").await.status(), 503);
}

#[tokio::test]
async fn sessions_before_connect_of_one_address_are_as_many_as_the_file_says() {
    let stage = stomp("endpoints.e.limits.max_unconnected_per_address = 1");
    stage.connect().await.settle().await;
    let _one = stage.open().await;
    assert_eq!(stage.post("/e/000/s/xhr", "").await.status(), 503);
}

#[tokio::test]
async fn an_address_holds_no_more_unfinished_bytes_than_the_file_says() {
    let stage = echo("endpoints.e.limits.max_held_bytes_per_address = 4096");
    stage.post("/e/000/s/xhr", "").await;
    let message = |bytes: usize| format!("[\"{}\"]", "x".repeat(bytes));
    assert_eq!(stage.post("/e/000/s/xhr_send", &message(3000)).await.status(), 204);
    assert_eq!(stage.post("/e/000/s/xhr_send", &message(30_000)).await.status(), 503);
}
