//! What could as well wait elsewhere, and comes as the client reads: how much of it there is room for, and what of it was
//! written.
//!
//! Messages of a topic have to be taken when they are published. Those of a work queue and of the past are kept where they are
//! until there is room, so that a client is never slow for what it did not have to get now.

use super::core::{Carrier, SendError, Session};
use super::{Outgoing, Pushed};
use std::sync::Arc;

/// How much may be [supplied](Session::supply) now: what is left of half of the queue's limits. The other half is for what
/// cannot wait.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Room {
    messages: usize,
    bytes: usize,
    /// Nothing waits, so there is room for one message of any size.
    is_empty: bool,
}

impl Room {
    /// Takes up the room of one message; false where there is none.
    pub fn take(&mut self, bytes: usize) -> bool {
        let is_first = std::mem::take(&mut self.is_empty);
        if !is_first && (self.messages == 0 || bytes > self.bytes) {
            return false;
        }
        self.messages = self.messages.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(bytes);
        true
    }
}

/// What may be supplied of a limit of the queue's.
const fn share(limit: usize) -> usize {
    limit / 2
}

impl Session {
    /// How much may be supplied now. A session that has ended takes nothing.
    pub fn room_to_supply(&self) -> Room {
        if !self.is_open() {
            return Room::default();
        }
        Room {
            messages: share(self.settings.queue_messages).saturating_sub(self.queue.len()),
            bytes: share(self.settings.queue_bytes).saturating_sub(self.queue.bytes()),
            is_empty: self.queue.is_empty(),
        }
    }

    /// Queues a message for which there [was room](Self::room_to_supply); the limits are not looked at again. Answers the number that
    /// [`written`](Self::written) reaches when this and all before it was written.
    pub fn supply(&mut self, message: Arc<Outgoing>) -> Result<u64, SendError> {
        if !self.is_open() {
            return Err(SendError::Closed);
        }
        if !message.fits(self.form()) {
            return Err(SendError::NotText);
        }
        let limits = (usize::MAX, usize::MAX);
        let Pushed { conflated, .. } = self.queue.push(message, limits, self.settings.overflow);
        self.traffic.conflated += u64::from(conflated);
        Ok(self.queue.end())
    }

    /// The number that [`written`](Self::written) reaches when all that is queued now was written.
    pub fn queued_until(&self) -> u64 {
        self.queue.end()
    }

    /// The number of the first message that no carrier has taken whole. It only grows, and stops where what waited was lost
    /// with the session.
    pub fn written(&self) -> u64 {
        let waiting = self.queue.first_waiting();
        match &self.carrier {
            Carrier::Socket(socket) => waiting.min(socket.unfinished()),
            Carrier::None | Carrier::Receiver(_) => waiting,
        }
    }

    /// Takes those messages back that still wait. Answers the number of the first that waited: all before it were written, or
    /// are on their way now.
    pub fn withdraw(&mut self, is_meant: impl FnMut(u64) -> bool) -> u64 {
        let first = self.queue.first_waiting();
        self.queue.withdraw(is_meant);
        self.catch_up();
        first
    }
}
