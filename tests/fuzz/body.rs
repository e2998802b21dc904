//! What the fuzzer, and the test that stands in for it, do with one input. Whoever includes this file has `model` and
//! `stomp` beside it.

use super::model::Message;
use super::stomp::{Action, Connection, Event, Failure, Form, StompSettings, Tail, Version};
use std::sync::Arc;

const LIMITS: StompSettings = StompSettings {
    max_headers: 8,
    max_line_bytes: 64,
    max_head_bytes: 160,
    max_body_bytes: 200,
    max_subscriptions: 3,
    max_transactions: 2,
    max_transaction_bytes: 400,
    max_transaction_frames: 4,
    frame_timeout: std::time::Duration::ZERO,
    connect_timeout: std::time::Duration::ZERO,
    heartbeat_send: std::time::Duration::ZERO,
    heartbeat_expect: std::time::Duration::ZERO,
    heartbeat_min: std::time::Duration::ZERO,
    heartbeat_tolerance: 1,
};

/// The first byte says how the rest is cut. Cut or not, it has to come to the same, within the limits.
pub fn stomp_decoder(data: &[u8]) {
    let Some((cut, stream)) = data.split_first() else { return };
    let whole = run(stream, stream.len().max(1));
    let parts = run(stream, usize::from(*cut % 32) + 1);
    assert_eq!(whole, parts);
    whole.0.iter().for_each(check);
}

/// All events, each CONNECT let in, and the failure behind them.
fn run(stream: &[u8], chunk: usize) -> (Vec<Event>, Option<Failure>) {
    let mut connection = Connection::new(Arc::new(LIMITS));
    let mut events = Vec::new();
    for part in stream.chunks(chunk) {
        connection.receive(Message::Binary(part.to_vec().into()));
        loop {
            match connection.next_event() {
                Ok(None) => break,
                Ok(Some(event)) => {
                    if let Event::Connect(connect) = &event {
                        connection.connected(connect, "s", connect.login.as_deref());
                    }
                    events.push(event);
                }
                Err(failure) => {
                    assert!(connection.error(&failure).as_bytes().ends_with(b"\0"));
                    assert!(!connection.is_partial() && connection.next_event() == Ok(None));
                    return (events, Some(failure));
                }
            }
        }
    }
    (events, None)
}

fn check(event: &Event) {
    match event {
        Event::Action(Action::Send(send)) => {
            assert!(send.body.len() <= LIMITS.max_body_bytes && send.headers.len() < LIMITS.max_headers);
            for version in Version::ALL {
                let tail = Tail::new(version, &send.destination, &send.headers, &send.body);
                let form = Form { subscription: Some(&send.destination), message_id: "m", ack: None };
                check_message(tail.message(&form).as_bytes(), send.headers.len(), &send.body);
            }
        }
        Event::Commit { actions, .. } => assert!(actions.len() <= LIMITS.max_transaction_frames),
        _ => {}
    }
}

/// However the headers were spelled, there are as many lines as headers, and the body is behind them.
fn check_message(frame: &[u8], headers: usize, body: &Message) {
    let end = frame.windows(2).position(|pair| pair == b"\n\n").expect("a blank line");
    let lines = frame[..end].split(|octet| *octet == b'\n').count();
    // The command, and subscription, message-id, destination and content-length.
    assert_eq!(lines, 5 + headers);
    assert!(!frame[..end].contains(&0));
    assert_eq!(&frame[end + 2..frame.len() - 1], body.as_bytes());
}
