//! The session as a state machine: random lives under virtual time against simple models, and its bytes on the wire.

mod behind;
mod carriers;
mod conflation;
mod golden;
mod keep_alive;
mod keys;
mod patience;
mod receivers;
mod sockets;
mod supply;
mod wire;

use byway::session::{Ending, Headroom, KeepAlive, OnFull, Outgoing, Session, SessionSettings};
use byway::{Disconnect, Message, Overflow};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// The moment at which every test begins, and from which all others are counted.
fn at(millis: u64) -> Instant {
    static BASE: OnceLock<Instant> = OnceLock::new();
    *BASE.get_or_init(Instant::now) + Duration::from_millis(millis)
}

const HEARTBEAT: u64 = 25_000;
const HEARTBEAT_ANSWER: u64 = 10_000;
const DISCONNECT_DELAY: u64 = 5_000;
const CLOSE_TIMEOUT: u64 = 4_000;
const SEND_TIMEOUT: u64 = 9_000;
const MESSAGE_TIMEOUT: u64 = 30_000;
const SLOW_TIME: u64 = 7_000;
const QUEUE_MESSAGES: usize = 4;
const QUEUE_BYTES: usize = 40;
const CONTROL_FRAMES: u32 = 3;

/// A session without headroom.
fn session(overflow: Overflow) -> Session {
    session_with(overflow, 0)
}

/// A session with so many bytes of headroom.
fn session_with(overflow: Overflow, headroom: usize) -> Session {
    let settings = SessionSettings {
        heartbeat: Duration::from_millis(HEARTBEAT),
        heartbeat_answer: Duration::from_millis(HEARTBEAT_ANSWER),
        disconnect_delay: Duration::from_millis(DISCONNECT_DELAY),
        close_timeout: Duration::from_millis(CLOSE_TIMEOUT),
        send_timeout: Duration::from_millis(SEND_TIMEOUT),
        message_timeout: Duration::from_millis(MESSAGE_TIMEOUT),
        queue_messages: QUEUE_MESSAGES,
        queue_bytes: QUEUE_BYTES,
        slow_time: Duration::from_millis(SLOW_TIME),
        overflow,
        control_frames_per_second: CONTROL_FRAMES,
    };
    Session::new(Arc::new(settings), Headroom::new(headroom), at(0))
}

fn outgoing(text: &str) -> Arc<Outgoing> {
    Outgoing::new(Message::text(text))
}

fn with_policy(text: &str, on_full: Option<OnFull>) -> Arc<Outgoing> {
    match on_full {
        None => outgoing(text),
        Some(on_full) => Outgoing::with_policy(Message::text(text), on_full),
    }
}

/// Signs of life in milliseconds.
fn keep_alive(send_every: Option<u64>, expect_within: Option<u64>) -> KeepAlive {
    KeepAlive {
        send_every: send_every.map(Duration::from_millis),
        filler: outgoing("filler"),
        expect_within: expect_within.map(Duration::from_millis),
        last_words: Some(outgoing("last words")),
    }
}

fn ending(millis: u64, disconnect: Disconnect) -> Ending {
    Ending { at: at(millis), disconnect, last_words: Some(outgoing("last words")) }
}

/// The `number`th message of a life: recognisable, and `length` bytes long at the least.
fn numbered(number: usize, length: usize) -> String {
    format!("{number:04}{}", "x".repeat(length.saturating_sub(4)))
}
