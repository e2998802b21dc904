//! The state machine: what every kind of carrier shares.

use super::excess::Excess;
use super::queue::Pushed;
use super::receiver::Receiver;
use super::socket::Socket;
use super::timers::{Timer, Timers};
use super::watch::Watch;
use super::{Form, Headroom, OutboundQueue, Outgoing, SessionSettings};
use crate::model::Disconnect;
use std::fmt;
use std::sync::Arc;
use std::time::Instant;

/// Where a session stands in its life. It only ever moves down this list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Created, and no carrier has come yet.
    Connecting,
    /// Messages flow.
    Open,
    /// It has ended for the application; the client is still to be told.
    Closing(Disconnect),
    /// Nothing is left to do.
    Closed(Disconnect),
}

/// What a session has carried, in messages and in bytes of their content.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Messages from the client.
    pub messages_in: u64,
    /// Their bytes.
    pub bytes_in: u64,
    /// Messages handed to a carrier.
    pub messages_out: u64,
    /// Their bytes.
    pub bytes_out: u64,
    /// Messages that a full queue dropped ([`OnFull::DropOldest`](super::OnFull::DropOldest)).
    pub dropped: u64,
    /// Messages that gave up their place to a newer one ([`OnFull::KeepNewest`](super::OnFull::KeepNewest)).
    pub conflated: u64,
}

/// Why a message was not taken for sending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SendError {
    /// The session has ended.
    Closed,
    /// More waits than the session may keep, and it ends for it.
    SlowConsumer,
    /// The session carries text, and the message is not UTF-8.
    NotText,
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Closed => "the session has ended",
            Self::SlowConsumer => "the session's queue is full",
            Self::NotText => "the session carries text, and the message is not UTF-8",
        })
    }
}

impl std::error::Error for SendError {}

/// What is attached to a session now.
#[derive(Debug)]
pub(super) enum Carrier {
    None,
    Receiver(Receiver),
    Socket(Socket),
}

/// One session. See the [module's](super) page for how it is driven.
#[derive(Debug)]
pub struct Session {
    pub(super) settings: Arc<SessionSettings>,
    pub(super) state: State,
    pub(super) queue: OutboundQueue,
    pub(super) carrier: Carrier,
    pub(super) timers: Timers,
    pub(super) traffic: Traffic,
    /// Whether the client got its `o`.
    pub(super) greeted: bool,
    pub(super) receivers: u32,
    pub(super) watch: Option<Box<Watch>>,
    pub(super) headroom: Arc<Headroom>,
    /// Only there while more waits than the queue's limits allow.
    pub(super) excess: Option<Box<Excess>>,
}

impl Session {
    /// A session that waits for its first carrier, for `disconnect_delay` at the most. What it has waiting beyond the limits
    /// of its queue comes out of `headroom`.
    pub fn new(settings: Arc<SessionSettings>, headroom: Arc<Headroom>, now: Instant) -> Self {
        let mut timers = Timers::default();
        timers.arm(Timer::Absence, now + settings.disconnect_delay);
        Self {
            settings,
            state: State::Connecting,
            queue: OutboundQueue::default(),
            carrier: Carrier::None,
            timers,
            traffic: Traffic::default(),
            greeted: false,
            receivers: 0,
            watch: None,
            headroom,
            excess: None,
        }
    }

    /// Where the session stands.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// True as long as the application's messages are taken and the client's are handed over.
    pub fn is_open(&self) -> bool {
        matches!(self.state, State::Connecting | State::Open)
    }

    /// True as long as what the client sent is carried out: until the session ends, and behind an ending that
    /// [keeps it](Disconnect::keeps_input).
    pub fn is_heard(&self) -> bool {
        self.disconnect().is_none_or(Disconnect::keeps_input)
    }

    /// How the session ended, once it has.
    pub fn disconnect(&self) -> Option<&Disconnect> {
        match &self.state {
            State::Connecting | State::Open => None,
            State::Closing(disconnect) | State::Closed(disconnect) => Some(disconnect),
        }
    }

    /// What was carried so far.
    pub fn traffic(&self) -> Traffic {
        self.traffic
    }

    /// What waits for the client, in messages and in bytes.
    pub fn queued(&self) -> (usize, usize) {
        (self.queue.len(), self.queue.bytes())
    }

    /// Counts a message from the client.
    pub fn received(&mut self, bytes: usize) {
        self.traffic.messages_in += 1;
        self.traffic.bytes_in += bytes as u64;
        self.shows_life();
    }

    /// Queues a message for the client. A full queue does what the message's [`OnFull`](super::OnFull) says, or else
    /// what the settings' [`Overflow`](super::Overflow) does.
    ///
    /// `now` is asked for only when the queue has become full: reading the clock for each message would be felt.
    pub fn send(&mut self, message: Arc<Outgoing>, now: impl FnOnce() -> Instant) -> Result<(), SendError> {
        if !self.is_open() {
            return Err(SendError::Closed);
        }
        if !message.fits(self.form()) {
            return Err(SendError::NotText);
        }
        let Pushed { dropped, conflated, over } = self.queue.push(message, self.limits(), self.settings.overflow);
        self.traffic.dropped += dropped as u64;
        self.traffic.conflated += u64::from(conflated);
        if over { self.exceed(now) } else { Ok(()) }
    }

    /// How many messages and bytes may wait for a client that does not read.
    pub(super) fn limits(&self) -> (usize, usize) {
        (self.settings.queue_messages, self.settings.queue_bytes)
    }

    /// Whether the queue takes this message within its limits.
    pub fn has_room_for(&self, message: &Outgoing) -> bool {
        self.queue.fits(message.len(), self.settings.queue_messages, self.settings.queue_bytes)
    }

    pub(super) fn form(&self) -> Form {
        match &self.carrier {
            Carrier::Socket(socket) => socket.form(),
            Carrier::None | Carrier::Receiver(_) => Form::Item,
        }
    }

    /// Ends the session: what is queued still goes out, then the client is told. The first ending stays.
    pub fn close(&mut self, disconnect: Disconnect, now: Instant) {
        if !self.is_open() {
            return;
        }
        match &mut self.carrier {
            Carrier::Socket(socket) => {
                socket.say_goodbye(&disconnect);
                self.timers.arm(Timer::Closing, now + self.settings.close_timeout);
            }
            Carrier::Receiver(_) => self.timers.arm(Timer::Closing, now + self.settings.close_timeout),
            Carrier::None => self.timers.arm(Timer::Absence, now + self.settings.disconnect_delay),
        }
        self.watch = None;
        self.state = State::Closing(disconnect);
    }

    /// Ends the session because something of its own broke: what is queued may be the cause, and is dropped.
    pub fn break_off(&mut self, now: Instant) {
        self.drop_queue();
        self.close(Disconnect::INTERNAL_ERROR, now);
    }

    /// Ends the session without another word to the client.
    pub(super) fn finish(&mut self, disconnect: Disconnect) {
        let disconnect = self.disconnect().cloned().unwrap_or(disconnect);
        self.state = State::Closed(disconnect);
        self.queue.lose(self.written());
        self.excess = None;
        self.carrier = Carrier::None;
        self.watch = None;
        self.timers.disarm_all();
    }

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timers.next().into_iter().chain(self.next_watched()).chain(self.next_behind()).min()
    }

    /// Carries out what has come due by `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(timer) = self.timers.take_expired(now) {
            match timer {
                Timer::Heartbeat => self.heartbeat_due(now),
                Timer::HeartbeatAnswer => self.close(Disconnect::NO_HEARTBEAT, now),
                Timer::Absence => self.finish(Disconnect::ABSENT),
                Timer::Closing => self.finish(Disconnect::INTERRUPTED),
                Timer::Stall => self.stalled(now),
                Timer::Message => self.fail(Disconnect::FLOOD, now),
            }
        }
        self.behind_due(now);
        self.watch_due(now);
    }

    fn heartbeat_due(&mut self, now: Instant) {
        self.timers.arm(Timer::Heartbeat, now + self.settings.heartbeat);
        let due = self.due_heartbeat();
        match &mut self.carrier {
            Carrier::None => {}
            Carrier::Receiver(receiver) => {
                if !receiver.heartbeat_due(due) {
                    self.finish(Disconnect::SLOW_CONSUMER);
                }
            }
            Carrier::Socket(socket) => {
                socket.heartbeat_due(due);
                if due.ping {
                    self.timers.arm_if_idle(Timer::HeartbeatAnswer, now + self.settings.heartbeat_answer);
                }
            }
        }
    }
}
