//! What one consumer of a work queue has and has not settled.

use super::delivery::Stored;
use std::collections::VecDeque;

/// Messages by the tags of their deliveries, which only grow. They are written to the consumer in that order.
#[derive(Debug, Default)]
pub struct Held {
    messages: VecDeque<(u64, Stored)>,
    /// The first tag that was not written to the consumer; all before it were.
    unwritten: u64,
}

impl Held {
    pub fn len(&self) -> usize {
        self.messages.len()
    }

    /// Takes a message whose tag is above all others.
    pub fn push(&mut self, tag: u64, message: Stored) {
        self.messages.push_back((tag, message));
    }

    pub fn has(&self, tag: u64) -> bool {
        self.place_of(tag).is_some()
    }

    pub fn take(&mut self, tag: u64) -> Option<Stored> {
        let (_, message) = self.messages.remove(self.place_of(tag)?)?;
        Some(message)
    }

    /// Takes the oldest, if it has this tag or one before.
    pub fn pop_through(&mut self, tag: u64) -> Option<Stored> {
        self.messages.front().filter(|(first, _)| *first <= tag)?;
        self.messages.pop_front().map(|(_, message)| message)
    }

    /// All with this tag and before were written to the consumer.
    pub fn written(&mut self, tag: u64) {
        self.unwritten = self.unwritten.max(tag + 1);
    }

    /// All that are left, each with whether it was written to the consumer.
    pub fn into_messages(self) -> impl Iterator<Item = (Stored, bool)> {
        let unwritten = self.unwritten;
        self.messages.into_iter().map(move |(tag, message)| (message, tag < unwritten))
    }

    fn place_of(&self, tag: u64) -> Option<usize> {
        self.messages.binary_search_by_key(&tag, |(tag, _)| *tag).ok()
    }
}
