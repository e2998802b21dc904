//! A client's side: what it says, and what becomes of it.

use bytes::Bytes;
use byway::Message;
use byway::protocol::stomp::{Action, Connection, Event, Failure, Send, StompSettings, Version};
use std::sync::Arc;

/// What became of some bytes: the events, and the failure behind them.
#[derive(Debug, PartialEq)]
pub struct Outcome {
    pub events: Vec<Event>,
    pub failure: Option<Failure>,
}

/// A connection that CONNECT has not reached.
pub fn fresh(settings: StompSettings) -> Connection {
    Connection::new(Arc::new(settings))
}

/// A connection that speaks `version`.
pub fn open(version: Version) -> Connection {
    open_with(version, StompSettings::default())
}

pub fn open_with(version: Version, settings: StompSettings) -> Connection {
    let mut connection = fresh(settings);
    connect(&mut connection, &format!("CONNECT\naccept-version:{version}\n\n\0"));
    connection
}

/// Lets the client in, and answers its CONNECTED.
pub fn connect(connection: &mut Connection, frame: &str) -> Message {
    connection.receive(frame.into());
    match connection.next_event() {
        Ok(Some(Event::Connect(connect))) => connection.connected(&connect, "s1", None),
        other => panic!("no CONNECT in {frame:?}: {other:?}"),
    }
}

/// Sends bytes in one message: text where they are text.
pub fn say(connection: &mut Connection, bytes: impl AsRef<[u8]>) -> Outcome {
    let bytes = Bytes::copy_from_slice(bytes.as_ref());
    connection.receive(match std::str::from_utf8(&bytes) {
        Ok(text) => Message::text(text),
        Err(_) => Message::Binary(bytes),
    });
    drain(connection)
}

pub fn drain(connection: &mut Connection) -> Outcome {
    let mut events = Vec::new();
    loop {
        match connection.next_event() {
            Ok(Some(event)) => events.push(event),
            Ok(None) => return Outcome { events, failure: None },
            Err(failure) => return Outcome { events, failure: Some(failure) },
        }
    }
}

/// The only event of a frame on a new connection.
pub fn event(version: Version, frame: &str) -> Event {
    only(say(&mut open(version), frame))
}

pub fn only(outcome: Outcome) -> Event {
    assert_eq!(outcome.failure, None);
    let [event] = outcome.events.try_into().expect("one event");
    event
}

/// The SEND that a frame is on a new connection.
pub fn sent(version: Version, frame: &str) -> Send {
    match event(version, frame) {
        Event::Action(Action::Send(send)) => send,
        other => panic!("no SEND: {other:?}"),
    }
}

/// Why a frame was refused that does no harm.
#[track_caller]
pub fn refused(event: &Event) -> &Failure {
    let Event::Refused(failure) = event else { panic!("not refused: {event:?}") };
    failure
}

/// How the last of some frames fails on a new connection.
pub fn failure(version: Version, frames: impl AsRef<[u8]>) -> Failure {
    failure_of(&mut open(version), frames)
}

pub fn failure_of(connection: &mut Connection, frames: impl AsRef<[u8]>) -> Failure {
    say(connection, frames.as_ref()).failure.expect("a failure")
}

/// A frame as text.
pub fn text(frame: &Message) -> &str {
    frame.as_str().expect("text")
}

pub const FROM_1_1: [Version; 2] = [Version::V1_1, Version::V1_2];
