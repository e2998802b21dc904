//! How a session ends when its client goes without a word.

use crate::stage::{GONE, Plan, until};
use crate::support::client::http::{Http, request};
use crate::support::client::websocket::{TEXT, frame};
use crate::support::client::{Event, Leave};
use byway::{Disconnect, SendError, Transport};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::sync::Semaphore;

async fn leaving_ends_the_session(row: Transport, how: Leave) {
    let mut stage = Plan::new(row).start();
    let (mut client, session) = stage.open().await;
    client.park().await;
    client.leave(how).await;
    assert_eq!(stage.ended().await, GONE);
    assert_eq!(session.send("x"), Err(SendError::Closed));
    stage.is_over().await;
    assert_eq!(stage.server.byway.stats().ended, [("interrupted", 1)].into());
}

pub async fn a_reset_ends_the_session_at_once(row: Transport) {
    leaving_ends_the_session(row, Leave::Reset).await;
}

pub async fn a_closed_connection_ends_the_session_at_once(row: Transport) {
    leaving_ends_the_session(row, Leave::Close).await;
}

pub async fn a_half_closed_connection_ends_the_session_at_once(row: Transport) {
    leaving_ends_the_session(row, Leave::HalfClose).await;
}

pub async fn sends_to_an_interrupted_session_are_404_and_its_next_receiver_is_told(row: Transport) {
    let mut stage = Plan::new(row).start();
    let (mut client, _) = stage.open().await;
    let mut later = client.twin();
    client.park().await;
    client.leave(Leave::Reset).await;
    assert_eq!(stage.ended().await, GONE);
    stage.gone().await;
    assert_eq!(later.post(r#"["x"]"#).await.status(), 404);
    assert_eq!(later.next().await, Event::close(&Disconnect::INTERRUPTED));
    assert_eq!(later.next().await, Event::End);
    assert_eq!(later.next().await, Event::close(&Disconnect::INTERRUPTED), "again and again");
    stage.is_over().await;
}

pub async fn an_interrupted_session_s_id_is_new_again_once_it_is_forgotten(row: Transport) {
    let plan = Plan::new(row).with(|settings| settings.sockjs.remember_lost = Duration::from_millis(50));
    let mut stage = plan.start();
    let (mut client, session) = stage.open().await;
    let mut later = client.twin();
    client.park().await;
    client.leave(Leave::Close).await;
    assert_eq!(stage.ended().await, GONE);
    stage.gone().await;
    while later.next().await != Event::Open {}
    assert_ne!(stage.opened().await, session);
}

pub async fn a_receiver_with_a_body_that_nobody_reads_is_interrupted_as_well(row: Transport) {
    let mut stage = Plan::new(row).start();
    let mut client = stage.client();
    client.receiver_body = b"a body";
    let mut client = client.open().await;
    stage.opened().await;
    client.park().await;
    client.leave(Leave::Close).await;
    assert_eq!(stage.ended().await, GONE);
}

/// While some of a request is to come, nobody would notice that its client has gone.
pub async fn a_request_is_no_receiver_before_its_body_has_ended(row: Transport) {
    let plan = Plan::new(row).short_responses().echo();
    let mut stage = plan.with(|settings| settings.limits.body_timeout = Duration::from_millis(100)).start();
    let (mut client, session) = stage.open().await;
    let cut = request(client.method(), &client.target(), &[], b"a body");
    let cut = &cut[..cut.len() - 1];
    let mut slow = Http::connect(stage.server.address).await;
    slow.write(cut).await;
    assert_eq!(slow.answer().await.status(), 408);
    let mut gone = Http::connect(stage.server.address).await;
    gone.write(cut).await;
    gone.stream.shutdown().await.unwrap();
    assert_eq!(gone.try_head().await.map_or(400, |head| head.status), 400);
    client.send(&["x"]).await;
    assert_eq!(client.message().await, "x");
    assert!(session.is_open());
}

/// The server finds out while it is at work with the first of its messages, because it cannot write.
pub async fn what_a_client_sent_before_it_left_is_handled(row: Transport) {
    const MESSAGES: usize = 1000;
    let gate = Arc::new(Semaphore::new(0));
    let held = Arc::clone(&gate);
    let plan = Plan::new(row).on_message(move |_, _| {
        let held = Arc::clone(&held);
        Box::pin(async move { held.acquire().await.unwrap().forget() })
    });
    let mut stage = plan.start();
    let (mut client, session) = stage.open().await;
    let (first, rest) = match row {
        Transport::Websocket => ("[\"0\",\"0\"]", "[\"0\",\"0\"]"),
        _ => ("0", "0"),
    };
    let frames = [frame(TEXT, first.as_bytes()), frame(TEXT, rest.as_bytes()).repeat(MESSAGES - 1)].concat();
    client.socket.as_mut().unwrap().http.write(&frames).await;
    assert_eq!(stage.message().await, "0");
    client.leave(Leave::Close).await;
    until(|| session.send("x") == Err(SendError::Closed)).await;
    gate.add_permits(2 * MESSAGES);
    let expected = if row == Transport::Websocket { 2 * MESSAGES } else { MESSAGES };
    for _ in 1..expected {
        assert_eq!(stage.message().await, "0");
    }
    assert_eq!(stage.ended().await, GONE);
    stage.is_over().await;
}
