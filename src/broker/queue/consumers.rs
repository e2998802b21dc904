//! Who gets a work queue's messages, and what they have not settled yet.

use super::delivery::{ConsumerId, Stored, SubscribeError, UnknownTag};
use super::held::Held;
use crate::model::AckMode;
use std::collections::{BTreeMap, HashMap};

/// The consumers of a queue. Those who may get a message stand in line; who got one goes to its end.
#[derive(Debug, Default)]
pub struct Consumers {
    all: HashMap<ConsumerId, Consumer>,
    /// Who may get a message, by their place in line.
    line: BTreeMap<u64, ConsumerId>,
    /// The next place in line.
    next_place: u64,
    unacked: usize,
    unacked_bytes: usize,
}

/// A message that comes back from a consumer that is lost.
pub struct Released {
    pub message: Stored,
    /// Whether it was written to the consumer.
    pub written: bool,
}

#[derive(Debug)]
struct Consumer {
    mode: AckMode,
    prefetch: usize,
    /// What it has yet to settle; of one that does not acknowledge, what has yet to be written to it.
    unacked: Held,
    /// Its place in line, while it stands there.
    place: Option<u64>,
}

impl Consumer {
    fn may_get_more(&self) -> bool {
        self.mode == AckMode::Auto || self.unacked.len() < self.prefetch
    }

    /// What settling `tag` settles: it, and in the cumulative mode all that was handed over before.
    fn take_settled(&mut self, tag: u64) -> Result<Vec<Stored>, UnknownTag> {
        match self.mode {
            AckMode::Auto => Err(UnknownTag),
            AckMode::Client if self.unacked.has(tag) => Ok(self.take_through(tag).collect()),
            AckMode::Client | AckMode::ClientIndividual => Ok(vec![self.unacked.take(tag).ok_or(UnknownTag)?]),
        }
    }

    fn take_through(&mut self, tag: u64) -> impl Iterator<Item = Stored> {
        std::iter::from_fn(move || self.unacked.pop_through(tag))
    }
}

impl Consumers {
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// How many messages are not settled.
    pub fn unacked(&self) -> usize {
        self.unacked
    }

    /// How many bytes they have.
    pub fn unacked_bytes(&self) -> usize {
        self.unacked_bytes
    }

    pub fn add(&mut self, id: ConsumerId, mode: AckMode, prefetch: usize) -> Result<(), SubscribeError> {
        if self.all.contains_key(&id) {
            return Err(SubscribeError::Duplicate);
        }
        let consumer = Consumer { mode, prefetch: prefetch.max(1), unacked: Held::default(), place: None };
        self.all.insert(id, consumer);
        self.line_up(id);
        Ok(())
    }

    /// Forgets a consumer, and answers what it had not settled.
    pub fn remove(&mut self, id: ConsumerId) -> Vec<Released> {
        let Some(consumer) = self.all.remove(&id) else { return Vec::new() };
        if let Some(place) = consumer.place {
            self.line.remove(&place);
        }
        let released = |(message, written)| Released { message, written };
        let messages: Vec<_> = consumer.unacked.into_messages().map(released).collect();
        messages.iter().for_each(|released| self.release(&released.message));
        messages
    }

    /// The first in line who has room for a message.
    pub fn next(&self, mut has_room: impl FnMut(ConsumerId) -> bool) -> Option<ConsumerId> {
        self.line.values().copied().find(|consumer| has_room(*consumer))
    }

    /// Hands a message to a consumer; answers whether that has to settle it.
    pub fn hand_over(&mut self, id: ConsumerId, tag: u64, message: &Stored) -> bool {
        let Some(consumer) = self.all.get_mut(&id) else { return false };
        let unsettled = consumer.mode != AckMode::Auto;
        self.unacked += 1;
        self.unacked_bytes += message.size;
        consumer.unacked.push(tag, message.clone());
        if let Some(place) = consumer.place.take() {
            self.line.remove(&place);
        }
        self.line_up(id);
        unsettled
    }

    /// What was handed to a consumer, up to this tag, was written to it. One that does not acknowledge has settled it.
    pub fn written(&mut self, id: ConsumerId, tag: u64) {
        let Some(consumer) = self.all.get_mut(&id) else { return };
        consumer.unacked.written(tag);
        while consumer.mode == AckMode::Auto
            && let Some(message) = consumer.unacked.pop_through(tag)
        {
            self.unacked -= 1;
            self.unacked_bytes -= message.size;
        }
    }

    /// Whether a consumer has yet to settle this tag.
    pub fn has(&self, id: ConsumerId, tag: u64) -> bool {
        self.all.get(&id).is_some_and(|consumer| consumer.mode != AckMode::Auto && consumer.unacked.has(tag))
    }

    /// What a consumer settles with this tag, the oldest first.
    pub fn settle(&mut self, id: ConsumerId, tag: u64) -> Result<Vec<Stored>, UnknownTag> {
        let settled = self.all.get_mut(&id).ok_or(UnknownTag)?.take_settled(tag)?;
        self.line_up(id);
        settled.iter().for_each(|message| self.release(message));
        Ok(settled)
    }

    /// Takes one message back from a consumer that still has it.
    pub fn take_back(&mut self, id: ConsumerId, tag: u64) -> Option<Stored> {
        let message = self.all.get_mut(&id)?.unacked.take(tag)?;
        self.line_up(id);
        self.release(&message);
        Some(message)
    }

    /// Puts a consumer at the end of the line, if it may stand there and does not.
    fn line_up(&mut self, id: ConsumerId) {
        let Some(consumer) = self.all.get_mut(&id).filter(|it| it.place.is_none() && it.may_get_more()) else { return };
        consumer.place = Some(self.next_place);
        self.line.insert(self.next_place, id);
        self.next_place += 1;
    }

    /// A consumer has one message less.
    fn release(&mut self, message: &Stored) {
        self.unacked -= 1;
        self.unacked_bytes -= message.size;
    }
}
