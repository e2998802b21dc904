//! What of a work queue waits to be handed out.

use super::delivery::Stored;
use std::collections::BTreeMap;
use std::time::Instant;

/// The messages that wait, in the order in which they were published, wherever they come back from.
#[derive(Debug, Default)]
pub struct Backlog {
    ready: BTreeMap<u64, Stored>,
    /// Refused ones that wait until a moment, by that and their order.
    delayed: BTreeMap<(Instant, u64), Stored>,
    bytes: usize,
}

impl Backlog {
    pub fn len(&self) -> usize {
        self.ready.len() + self.delayed.len()
    }

    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The first that can be handed out.
    pub fn first_ready(&self) -> Option<&Stored> {
        self.ready.first_key_value().map(|(_, message)| message)
    }

    /// Takes a message to its place in the order.
    pub fn insert(&mut self, message: Stored) {
        self.bytes += message.size;
        self.ready.insert(message.order, message);
    }

    /// Takes a message that is not handed out before `until`.
    pub fn insert_delayed(&mut self, message: Stored, until: Instant) {
        let until = message.expires.map_or(until, |expires| until.min(expires));
        self.bytes += message.size;
        self.delayed.insert((until, message.order), message);
    }

    /// Takes the first that can be handed out.
    pub fn pop_ready(&mut self) -> Option<Stored> {
        let (_, message) = self.ready.pop_first()?;
        self.forget(message)
    }

    /// The oldest; those that were refused and wait for their next time come last.
    pub fn pop_oldest(&mut self) -> Option<Stored> {
        self.pop_ready().or_else(|| {
            let (_, message) = self.delayed.pop_first()?;
            self.forget(message)
        })
    }

    /// Ends the wait of those whose moment has come.
    pub fn wake(&mut self, now: Instant) {
        while let Some(entry) = self.delayed.first_entry().filter(|entry| entry.key().0 <= now) {
            let message = entry.remove();
            self.ready.insert(message.order, message);
        }
    }

    /// One that is too old to be handed out. The oldest expires first, for all live equally long.
    pub fn pop_expired(&mut self, now: Instant) -> Option<Stored> {
        let entry = self.ready.first_entry()?;
        let message = entry.get().expires.is_some_and(|expires| expires <= now).then(|| entry.remove())?;
        self.forget(message)
    }

    /// When one is to wake or too old.
    pub fn deadline(&self) -> Option<Instant> {
        let wakes = self.delayed.first_key_value().map(|((until, _), _)| *until);
        let expires = self.ready.first_key_value().and_then(|(_, message)| message.expires);
        wakes.into_iter().chain(expires).min()
    }

    fn forget(&mut self, message: Stored) -> Option<Stored> {
        self.bytes -= message.size;
        Some(message)
    }
}
