//! HTTP carriers: receivers that come and go while the session stays.

use super::core::{Carrier, Session, State};
use super::timers::Timer;
use super::watch::Heartbeat;
use super::{Outgoing, SessionSettings};
use crate::model::Disconnect;
use std::sync::Arc;
use std::time::Instant;

/// Names one attached receiver, so that one that was replaced cannot speak for its successor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReceiverId(u32);

/// Why a receiver was not attached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttachError {
    /// Another receiver is attached; it stays.
    Busy,
    /// The session is gone.
    Closed,
}

/// How a receiver went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detach {
    /// Its response ended as it should: another receiver is expected.
    Finished,
    /// The same, and no other receiver will come.
    Last,
    /// Its client broke the connection off.
    Aborted,
}

/// What a receiver writes next.
#[derive(Debug, Clone)]
pub enum Frame {
    /// `o`
    Open,
    /// `h`
    Heartbeat,
    /// `a[...]`
    Messages(Vec<Arc<Outgoing>>),
    /// `c[...]`: the response ends behind it.
    Close(Disconnect),
}

/// How many bytes of messages one frame takes at the most, beside the last of them. A client that is behind gets its
/// messages in several: what is in a frame is lost with its connection, and shows only when it is there as a whole that its
/// client reads.
const FRAME_BYTES: usize = 256 * 1024;

/// How many of the waiting messages one `a[...]` takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Take {
    /// As many as fit in a frame, and as the queue's limits allow: a poll, which has room for one frame.
    All,
    /// What waited when the receiver came in one frame, then each message in its own: a stream.
    OneByOne,
}

#[derive(Debug)]
pub(super) struct Receiver {
    id: ReceiverId,
    take: Take,
    /// Nothing was handed out since it attached.
    fresh: bool,
    heartbeat_due: bool,
    /// It asked for a frame, or took something from elsewhere, since the last heartbeat came due.
    asked: bool,
}

impl Receiver {
    /// False when nobody asked for the one before: whoever is there does not read.
    pub(super) fn heartbeat_due(&mut self, due: Heartbeat) -> bool {
        self.heartbeat_due |= due.visible;
        std::mem::take(&mut self.asked)
    }

    /// How many messages go into one frame, and how many bytes: the one that reaches them is the last.
    fn batch(&mut self, limits: (usize, usize)) -> (usize, usize) {
        match self.take {
            Take::OneByOne if !self.fresh => (1, usize::MAX),
            _ => (limits.0, limits.1.min(FRAME_BYTES)),
        }
    }
}

impl Session {
    /// Attaches a receiver. At most one is attached at a time, and a session that is closing still takes one, to tell it.
    pub fn attach_receiver(&mut self, take: Take, now: Instant) -> Result<ReceiverId, AttachError> {
        match (&self.state, &self.carrier) {
            (State::Closed(_), _) => return Err(AttachError::Closed),
            (_, Carrier::None) => {}
            _ => return Err(AttachError::Busy),
        }
        if self.state == State::Connecting {
            self.state = State::Open;
        }
        self.receivers = self.receivers.wrapping_add(1);
        let id = ReceiverId(self.receivers);
        self.carrier = Carrier::Receiver(Receiver { id, take, fresh: true, heartbeat_due: false, asked: true });
        self.shows_life();
        self.timers.disarm(Timer::Absence);
        self.timers.arm(Timer::Heartbeat, now + self.settings.heartbeat);
        if !self.is_open() {
            self.timers.arm(Timer::Closing, now + self.settings.close_timeout);
        }
        Ok(id)
    }

    /// What this receiver writes next, if there is anything. A receiver that is not attached any more gets nothing.
    pub fn next_frame(&mut self, id: ReceiverId) -> Option<Frame> {
        let limits = self.limits();
        let Carrier::Receiver(receiver) = &mut self.carrier else { return None };
        if receiver.id != id {
            return None;
        }
        receiver.asked = true;
        if !self.greeted {
            self.greeted = true;
            return Some(Frame::Open);
        }
        if !self.queue.is_drained() {
            let batch = receiver.batch(limits);
            receiver.fresh = false;
            return Some(Frame::Messages(self.take_written(batch)));
        }
        receiver.fresh = false;
        if let State::Closing(disconnect) = &self.state {
            return Some(Frame::Close(disconnect.clone()));
        }
        std::mem::take(&mut receiver.heartbeat_due).then_some(Frame::Heartbeat)
    }

    /// Takes messages for a wire that has no acknowledgement: they are released as they are taken.
    fn take_written(&mut self, (messages, mut bytes): (usize, usize)) -> Vec<Arc<Outgoing>> {
        let next = || {
            let message = if bytes > 0 { self.take_one() } else { None }?;
            bytes = bytes.saturating_sub(message.len());
            Some(message)
        };
        std::iter::from_fn(next).take(messages).collect()
    }

    pub(super) fn take_one(&mut self) -> Option<Arc<Outgoing>> {
        let message = self.queue.pop()?;
        self.handed_out(message.len());
        self.catch_up();
        Some(message)
    }

    /// Counts a message that was handed to a carrier, from the queue or from somewhere else. Whoever takes one reads.
    pub fn handed_out(&mut self, bytes: usize) {
        if let Carrier::Receiver(receiver) = &mut self.carrier {
            receiver.asked = true;
        }
        self.progress(bytes);
        self.traffic.messages_out += 1;
        self.traffic.bytes_out += bytes as u64;
    }

    /// True as long as this receiver is the one that is attached.
    pub fn is_attached(&self, id: ReceiverId) -> bool {
        matches!(&self.carrier, Carrier::Receiver(receiver) if receiver.id == id)
    }

    /// The response takes nothing for too long, for its client does not read. Should it read again, it is told.
    pub fn receiver_stalled(&mut self, id: ReceiverId, now: Instant) {
        if self.is_attached(id) {
            self.stalled(now);
        }
    }

    /// Tells how a receiver went. An open session whose client broke off ends at once, and so does any whose last receiver
    /// has gone; otherwise the session waits `disconnect_delay` for the next receiver.
    pub fn detach(&mut self, id: ReceiverId, how: Detach, now: Instant) {
        if !self.is_attached(id) {
            return;
        }
        self.carrier = Carrier::None;
        self.timers.disarm(Timer::Heartbeat);
        self.timers.disarm(Timer::Closing);
        match how {
            Detach::Aborted if self.is_open() => self.finish(Disconnect::INTERRUPTED),
            Detach::Last => self.finish(Disconnect::NORMAL),
            _ => self.timers.arm(Timer::Absence, now + self.settings.disconnect_delay),
        }
    }

    /// The settings that the session lives by.
    pub fn settings(&self) -> &SessionSettings {
        &self.settings
    }
}
