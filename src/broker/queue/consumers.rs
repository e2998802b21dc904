//! Who gets a work queue's messages, and what they have not settled yet.

use super::delivery::{ConsumerId, Stored, SubscribeError, UnknownTag};
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

#[derive(Debug)]
struct Consumer {
    mode: AckMode,
    prefetch: usize,
    /// What it has yet to settle, by tag.
    unacked: BTreeMap<u64, Stored>,
    /// Its place in line, while it stands there.
    place: Option<u64>,
}

impl Consumer {
    fn may_get_more(&self) -> bool {
        self.mode == AckMode::Auto || self.unacked.len() < self.prefetch
    }

    /// What settling `tag` settles: it, and in the cumulative mode all that was handed over before.
    fn take_settled(&mut self, tag: u64) -> Result<Vec<Stored>, UnknownTag> {
        if self.mode == AckMode::Client && self.unacked.contains_key(&tag) {
            let later = self.unacked.split_off(&(tag + 1));
            return Ok(std::mem::replace(&mut self.unacked, later).into_values().collect());
        }
        self.unacked.remove(&tag).map(|message| vec![message]).ok_or(UnknownTag)
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
        let consumer = Consumer { mode, prefetch: prefetch.max(1), unacked: BTreeMap::new(), place: None };
        self.all.insert(id, consumer);
        self.line_up(id);
        Ok(())
    }

    /// Forgets a consumer, and answers what it had not settled.
    pub fn remove(&mut self, id: ConsumerId) -> Vec<Stored> {
        let Some(consumer) = self.all.remove(&id) else { return Vec::new() };
        if let Some(place) = consumer.place {
            self.line.remove(&place);
        }
        self.released(consumer.unacked.into_values().collect())
    }

    /// The first in line who has room for a message.
    pub fn next(&self, mut has_room: impl FnMut(ConsumerId) -> bool) -> Option<ConsumerId> {
        self.line.values().copied().find(|consumer| has_room(*consumer))
    }

    /// Hands a message to a consumer; answers whether that has to settle it.
    pub fn hand_over(&mut self, id: ConsumerId, tag: u64, message: &Stored) -> bool {
        let Some(consumer) = self.all.get_mut(&id) else { return false };
        let unsettled = consumer.mode != AckMode::Auto;
        if unsettled {
            self.unacked += 1;
            self.unacked_bytes += message.size;
            consumer.unacked.insert(tag, message.clone());
        }
        if let Some(place) = consumer.place.take() {
            self.line.remove(&place);
        }
        self.line_up(id);
        unsettled
    }

    /// Whether a consumer has yet to settle this tag.
    pub fn has(&self, id: ConsumerId, tag: u64) -> bool {
        self.all.get(&id).is_some_and(|consumer| consumer.unacked.contains_key(&tag))
    }

    /// What a consumer settles with this tag, the oldest first.
    pub fn settle(&mut self, id: ConsumerId, tag: u64) -> Result<Vec<Stored>, UnknownTag> {
        let settled = self.all.get_mut(&id).ok_or(UnknownTag)?.take_settled(tag)?;
        self.line_up(id);
        Ok(self.released(settled))
    }

    /// Takes one message back from a consumer that still has it.
    pub fn take_back(&mut self, id: ConsumerId, tag: u64) -> Option<Stored> {
        let message = self.all.get_mut(&id)?.unacked.remove(&tag)?;
        self.line_up(id);
        self.released(vec![message]).pop()
    }

    /// Puts a consumer at the end of the line, if it may stand there and does not.
    fn line_up(&mut self, id: ConsumerId) {
        let Some(consumer) = self.all.get_mut(&id).filter(|it| it.place.is_none() && it.may_get_more()) else { return };
        consumer.place = Some(self.next_place);
        self.line.insert(self.next_place, id);
        self.next_place += 1;
    }

    fn released(&mut self, messages: Vec<Stored>) -> Vec<Stored> {
        self.unacked -= messages.len();
        self.unacked_bytes -= messages.iter().map(|message| message.size).sum::<usize>();
        messages
    }
}
