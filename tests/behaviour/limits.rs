//! What happens at every limit: the same thing on every transport, in its own words.

use crate::stage::{Plan, is_socket};
use crate::support::client::websocket::{TEXT, frame};
use crate::support::client::{Client, Event, Leave};
use byway::{Disconnect, Overflow, SendError, SessionHandle, Transport};
use std::time::Duration;

pub async fn a_message_at_the_limit_passes_and_one_over_it_is_refused(row: Transport) {
    let mut stage = Plan::new(row).with(|settings| settings.limits.max_message_bytes = 1000).echo().start();
    let (mut client, _) = stage.open().await;
    // A SockJS frame counts with the brackets and quotes around its message.
    let largest = if row == Transport::Websocket { 996 } else { 1000 };
    client.send(&[&"x".repeat(largest)]).await;
    assert_eq!(client.message().await, "x".repeat(largest));
    let over = "x".repeat(largest + 1);
    if is_socket(row) {
        client.send(&[&over]).await;
        assert_eq!(client.next().await, Event::Close(1009, "Message too big".into()));
        assert_eq!(stage.ended().await, Disconnect::MESSAGE_TOO_BIG);
    } else {
        assert_eq!(client.post(&format!("[\"fits\",\"{over}\"]")).await.status(), 413);
        client.send(&["the session goes on, and nothing of the refused request came"]).await;
        assert_eq!(client.message().await, "the session goes on, and nothing of the refused request came");
    }
}

pub async fn too_large_a_body_is_413_and_many_messages_are_not(row: Transport) {
    let plan = Plan::new(row).with(|settings| settings.limits.max_body_bytes = 500);
    let mut stage = plan.echo().start();
    let (mut client, _) = stage.open().await;
    assert_eq!(client.post(&format!("[\"{}\"]", "x".repeat(500))).await.status(), 413);
    client.send(&[""; 50]).await;
    for _ in 0..50 {
        assert_eq!(client.message().await, "");
    }
}

const LARGE: usize = 60_000;

/// Sends numbered messages to a client that takes none, until `enough`; answers how many were taken.
async fn stuff(session: &SessionHandle, mut enough: impl FnMut(Result<(), SendError>) -> bool) -> usize {
    for n in 0.. {
        if enough(session.send(format!("{n:0LARGE$}"))) {
            return n;
        }
        tokio::task::yield_now().await;
    }
    unreachable!("the loop has no end")
}

pub async fn a_client_that_takes_nothing_is_a_slow_consumer(row: Transport) {
    let plan = Plan::new(row).with(|settings| {
        settings.session.slow_time = Duration::from_millis(100);
        settings.limits.burst_bytes = 32 << 20;
    });
    let mut stage = plan.start();
    let (mut client, session) = stage.open().await;
    client.park().await;
    stuff(&session, |sent| sent.is_err()).await;
    assert_eq!(session.send("x"), Err(SendError::Closed));
    assert_eq!(stage.ended().await, Disconnect::SLOW_CONSUMER);
    loop {
        match client.next().await {
            Event::Message(_) => {}
            end => break assert_eq!(end, Event::Close(1008, "Slow consumer".into())),
        }
    }
}

pub async fn dropping_the_oldest_keeps_the_newest_and_counts(row: Transport) {
    let plan = Plan::new(row).with(|settings| {
        settings.session.queue_messages = 8;
        settings.session.overflow = Overflow::DropOldest;
    });
    let mut stage = plan.start();
    let (mut client, session) = stage.open().await;
    client.park().await;
    let last = stuff(&session, |sent| sent == Ok(()) && session.traffic().dropped >= 5).await;
    let (mut received, mut newest) = (0, None);
    while newest != Some(last) {
        let number: usize = client.message().await.parse().unwrap();
        assert!(newest < Some(number), "{number} behind {newest:?}");
        (received, newest) = (received + 1, Some(number));
    }
    assert_eq!(received + session.traffic().dropped as usize, last + 1);
}

async fn fill(row: Transport, change: impl FnOnce(&mut byway::SessionSettings), messages: [&str; 3]) {
    let plan = Plan::new(row).short_responses().with(|settings| {
        settings.limits.burst_bytes = 0;
        change(&mut settings.session);
    });
    let mut stage = plan.start();
    let (mut client, session) = stage.open().await;
    session.send(messages[0]).unwrap();
    session.send(messages[1]).unwrap();
    assert_eq!(session.send(messages[2]), Err(SendError::SlowConsumer));
    assert_eq!(stage.ended().await, Disconnect::SLOW_CONSUMER);
    assert_eq!(client.next().await, Event::close(&Disconnect::SLOW_CONSUMER));
}

pub async fn a_queue_is_bounded_in_messages(row: Transport) {
    fill(row, |settings| settings.queue_messages = 2, ["", "", ""]).await;
}

pub async fn a_queue_is_bounded_in_bytes(row: Transport) {
    fill(row, |settings| settings.queue_bytes = 10, ["12345", "67890", "1"]).await;
}

pub async fn a_full_endpoint_refuses_one_more_session(row: Transport) {
    let mut stage = Plan::new(row).with(|settings| settings.limits.max_sessions = 1).start();
    let (mut client, _) = stage.open().await;
    client.park().await;
    assert_eq!(stage.client().attempt().await, 503);
    assert_eq!(stage.server.byway.stats().refused, [("sessions_full", 1)].into());
    client.leave(Leave::Close).await;
    stage.ended().await;
    stage.gone().await;
    stage.open().await;
}

/// All messages in one write, so that the server finds them in one read.
async fn send_in_one_write(client: &mut Client, messages: usize) {
    let one: &[u8] = if client.transport == Transport::RawWebsocket { b"x" } else { b"[\"x\"]" };
    let burst = frame(TEXT, one).repeat(messages);
    client.socket.as_mut().unwrap().http.write(&burst).await;
}

pub async fn bursts_beyond_the_queue_reach_a_client_that_reads(row: Transport) {
    let mut stage = Plan::new(row).with(|settings| settings.session.queue_messages = 16).echo().start();
    let (mut client, session) = stage.open().await;
    send_in_one_write(&mut client, 1000).await;
    for _ in 0..1000 {
        assert_eq!(client.message().await, "x");
    }
    assert!(session.is_open());
}
