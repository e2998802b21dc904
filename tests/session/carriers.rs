//! What both models share: the queue, and the deadlines.

use super::{QUEUE_BYTES, QUEUE_MESSAGES};
use byway::Overflow;
use std::collections::VecDeque;

/// The queue as its documentation has it.
#[derive(Debug, Default)]
pub struct Queue {
    pub texts: VecDeque<String>,
    pub dropped: u64,
}

impl Queue {
    /// False when the message does not fit and nothing may make room.
    pub fn push(&mut self, text: String, overflow: Overflow) -> bool {
        while !self.fits(text.len()) {
            if overflow == Overflow::Close {
                return false;
            }
            self.texts.pop_front();
            self.dropped += 1;
        }
        self.texts.push_back(text);
        true
    }

    fn fits(&self, len: usize) -> bool {
        self.texts.is_empty() || (self.texts.len() < QUEUE_MESSAGES && self.bytes() + len <= QUEUE_BYTES)
    }

    pub fn bytes(&self) -> usize {
        self.texts.iter().map(String::len).sum()
    }
}

/// Deadlines by name, in the order in which those that are due together are carried out.
#[derive(Debug, Default)]
pub struct Deadlines([Option<u64>; 6]);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deadline {
    Heartbeat,
    HeartbeatAnswer,
    Absence,
    Closing,
    Stall,
    Message,
}

impl Deadlines {
    pub fn set(&mut self, which: Deadline, millis: u64) {
        self.0[which as usize] = Some(millis);
    }

    pub fn set_once(&mut self, which: Deadline, millis: u64) {
        self.0[which as usize].get_or_insert(millis);
    }

    pub fn unset(&mut self, which: Deadline) {
        self.0[which as usize] = None;
    }

    pub fn clear(&mut self) {
        *self = Self::default();
    }

    pub fn next(&self) -> Option<u64> {
        self.0.iter().flatten().min().copied()
    }

    pub fn take_due(&mut self, now: u64) -> Option<Deadline> {
        use Deadline::*;
        let all = [Heartbeat, HeartbeatAnswer, Absence, Closing, Stall, Message];
        let due = all.into_iter().find(|which| self.0[*which as usize].is_some_and(|deadline| deadline <= now))?;
        self.unset(due);
        Some(due)
    }
}
