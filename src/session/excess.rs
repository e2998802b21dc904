//! Sessions whose queue is over its limits, and when they are slow.

use super::core::{SendError, Session};
use super::headroom::{Claim, Headroom};
use crate::model::Disconnect;
use std::sync::Arc;
use std::time::Instant;

/// What a place in a queue costs, beside the message in it.
const PLACE: usize = 32;

/// That a session has more waiting than its queue's limits allow, until it has caught up.
#[derive(Debug)]
pub(super) struct Excess {
    /// The places that were added to the queue since.
    places: Claim,
    /// The messages and bytes that the client took since it was last looked at.
    taken: (usize, usize),
    /// When the client is looked at next.
    due: Instant,
}

impl Excess {
    /// That of a session with one message beyond the limits.
    fn new(headroom: &Arc<Headroom>, due: Instant) -> Self {
        Self { places: Claim::new(headroom, PLACE), taken: (0, 0), due }
    }
}

impl Session {
    /// Whether more waits for the client than the queue's limits allow.
    pub fn is_behind(&self) -> bool {
        self.excess.is_some()
    }

    /// Bears that the newest message is one beyond the limits, as long as there is headroom.
    pub(super) fn exceed(&mut self, now: impl FnOnce() -> Instant) -> Result<(), SendError> {
        if let Some(newest) = self.queue.newest() {
            newest.claim(&self.headroom);
        }
        if self.queue.bytes() + self.queue.len() * PLACE > self.headroom.left() {
            self.give_up(now());
            return Err(SendError::SlowConsumer);
        }
        match &mut self.excess {
            Some(excess) => excess.places.grow(PLACE),
            none => *none = Some(Box::new(Excess::new(&self.headroom, now() + self.settings.slow_time))),
        }
        Ok(())
    }

    /// Counts what the client took, wherever it came from.
    pub(super) fn progress(&mut self, bytes: usize) {
        if let Some(excess) = &mut self.excess {
            excess.taken = (excess.taken.0 + 1, excess.taken.1 + bytes);
        }
    }

    /// Whoever is within the limits again has caught up.
    pub(super) fn catch_up(&mut self) {
        if self.excess.is_some() && !self.queue.is_over(self.limits()) {
            self.excess = None;
        }
    }

    /// A session that ends has nothing to catch up with: its carrier has `close_timeout` for what waits.
    pub(super) fn next_behind(&self) -> Option<Instant> {
        self.excess.as_ref().filter(|_| self.is_open()).map(|excess| excess.due)
    }

    /// Whoever is over the limits still, and has not even taken as much as they allow, is slow.
    pub(super) fn behind_due(&mut self, now: Instant) {
        if self.next_behind().is_none_or(|due| due > now) {
            return;
        }
        let (limits, slow_time) = (self.limits(), self.settings.slow_time);
        let Some(excess) = &mut self.excess else { return };
        excess.due = now + slow_time;
        let (messages, bytes) = std::mem::take(&mut excess.taken);
        if messages < limits.0 && bytes < limits.1 {
            self.give_up(now);
        }
    }

    /// What waits is dropped, and its client is told that it was too slow.
    pub(super) fn give_up(&mut self, now: Instant) {
        self.drop_queue();
        self.close(Disconnect::SLOW_CONSUMER, now);
    }

    /// Lets go of all that waits.
    pub(super) fn drop_queue(&mut self) {
        self.queue.clear();
        self.excess = None;
    }
}
