//! `[endpoints.NAME.session]`: how long is waited for whom, and what waits for a client.

use crate::stage::{Stage, echo, in_time, soon, until};
use crate::support::client::Event;
use crate::support::client::http::request;
use crate::support::client::websocket::{HANDSHAKE, PING, Received, frame};
use byway::{Disconnect, Transport};

#[tokio::test]
async fn a_heartbeat_comes_as_often_as_the_file_says() {
    let stage = echo("endpoints.e.session.heartbeat = \"50ms\"");
    let mut client = stage.client(Transport::RawWebsocket).open().await;
    assert_eq!(soon(client.next()).await, Event::Heartbeat);
}

#[tokio::test]
async fn a_heartbeat_is_answered_within_what_the_file_says() {
    let times = "endpoints.e.session.heartbeat = \"50ms\"\nendpoints.e.session.heartbeat_answer = \"50ms\"";
    let stage = echo(times);
    let mut client = stage.client(Transport::RawWebsocket).open().await;
    client.socket.as_mut().expect("it is connected").answers_pings = false;
    assert_eq!(soon(client.next_but_heartbeats()).await, Event::close(&Disconnect::NO_HEARTBEAT));
}

#[tokio::test]
async fn a_session_without_a_receiver_lives_as_long_as_the_file_says() {
    let stage = echo("endpoints.e.session.disconnect_delay = \"50ms\"");
    assert_eq!(stage.post("/e/000/s/xhr", "").await.body, "o\n");
    until(|| stage.endings("absent") == 1).await;
}

#[tokio::test]
async fn a_closing_handshake_takes_no_longer_than_the_file_says() {
    let stage = echo("endpoints.e.session.close_timeout = \"50ms\"");
    let _deaf = stage.socket().await;
    until(|| stage.byway().sessions().len() == 1).await;
    stage.byway().sessions()[0].close();
    until(|| stage.byway().sessions().is_empty()).await;
}

#[tokio::test]
async fn a_socket_that_takes_nothing_is_borne_no_longer_than_the_file_says() {
    let stage = echo("endpoints.e.session.send_timeout = \"200ms\"");
    let _deaf = stage.deaf(&request("GET", "/e/websocket", &HANDSHAKE, b"")).await;
    until(|| stage.byway().sessions().len() == 1).await;
    stage.byway().sessions()[0].send("x".repeat(16 << 20)).expect("one message may be larger");
    until(|| stage.endings("slow_consumer") == 1).await;
}

#[tokio::test]
async fn a_message_takes_no_longer_than_the_file_says() {
    let stage = echo("endpoints.e.session.message_timeout = \"100ms\"");
    let mut socket = stage.socket().await;
    socket.http.write(&frame(1, b"half a message")[..8]).await;
    let Received::Close(Some((code, _))) = soon(socket.receive()).await else { panic!("no close") };
    assert_eq!(code, 1008);
}

/// A poll whose reader is away: what is sent to it waits.
async fn absent(stage: &Stage) -> byway::SessionHandle {
    assert_eq!(stage.post("/e/000/s/xhr", "").await.body, "o\n");
    stage.byway().sessions().remove(0)
}

const NOTHING_BEYOND: &str = "endpoints.e.limits.burst_bytes = 0";

#[tokio::test]
async fn as_many_messages_wait_for_a_client_as_the_file_says() {
    let stage = echo(&format!("endpoints.e.session.queue_messages = 2\n{NOTHING_BEYOND}"));
    let session = absent(&stage).await;
    assert_eq!(["", "", ""].map(|message| session.send(message).is_ok()), [true, true, false]);
    until(|| stage.endings("slow_consumer") == 1).await;
}

#[tokio::test]
async fn as_many_bytes_wait_for_a_client_as_the_file_says() {
    let stage = echo(&format!("endpoints.e.session.queue_bytes = 10\n{NOTHING_BEYOND}"));
    let session = absent(&stage).await;
    assert_eq!(["12345", "67890", "1"].map(|message| session.send(message).is_ok()), [true, true, false]);
}

/// Without a receiver it would be gone in 5 s anyway, for another reason.
#[tokio::test]
async fn a_client_catches_up_as_soon_as_the_file_says() {
    let stage = echo("endpoints.e.session.queue_messages = 2\nendpoints.e.session.slow_time = \"50ms\"");
    let session = absent(&stage).await;
    assert_eq!(["", "", ""].map(|message| session.send(message).is_ok()), [true, true, true]);
    until(|| stage.endings("slow_consumer") == 1).await;
}

#[tokio::test]
async fn what_a_full_queue_does_is_what_the_file_says() {
    let stage = echo("endpoints.e.session.queue_messages = 2\nendpoints.e.session.overflow = \"drop_oldest\"");
    let session = absent(&stage).await;
    assert_eq!(["1", "2", "3"].map(|message| session.send(message).is_ok()), [true, true, true]);
    assert_eq!(stage.post("/e/000/s/xhr", "").await.body, "a[\"2\",\"3\"]\n");
}

#[tokio::test]
async fn pings_are_as_many_in_a_second_as_the_file_says() {
    let stage = echo("endpoints.e.session.control_frames_per_second = 2");
    let mut socket = stage.socket().await;
    socket.http.write(&frame(PING, b"").repeat(20)).await;
    let close = loop {
        match in_time(socket.receive()).await {
            Received::Pong(_) => {}
            other => break other,
        }
    };
    assert!(matches!(close, Received::Close(Some((1008, _)))), "{close:?}");
}
