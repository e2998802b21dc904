//! A work queue: each message goes to one of the consumers, and is kept until that is done with it.

mod backlog;
mod consumers;
mod delivery;
mod held;

pub use delivery::{
    ConsumerId, DeadLetter, DeadLetterReason, Delivery, Purged, QueueFull, Settlement, SubscribeError, UnknownTag,
};

use super::{Charge, OnFull, QueueSettings};
use crate::model::{AckMode, Publication};
use backlog::Backlog;
use consumers::{Consumers, Released};
use delivery::Stored;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

/// One work queue.
///
/// After every call that changes it, ask for [`next_delivery`](Self::next_delivery) and
/// [`next_dead_letter`](Self::next_dead_letter) until there are none, then for [`poll_timeout`](Self::poll_timeout).
///
/// A message is in one place at a time: it waits, a consumer has it and has not settled it, or it is gone: settled,
/// or handed out as a dead letter. What does not have to be settled by its consumer is when it is [written](Self::written).
/// A message that comes back unwritten was not delivered. What comes back goes before all that was published later.
#[derive(Debug)]
pub struct WorkQueue {
    backlog: Backlog,
    consumers: Consumers,
    dead_letters: VecDeque<DeadLetter>,
    /// The number of the next message and of the next delivery.
    next: u64,
    settings: Arc<QueueSettings>,
}

impl WorkQueue {
    /// An empty queue.
    pub fn new(settings: Arc<QueueSettings>) -> Self {
        Self {
            backlog: Backlog::default(),
            consumers: Consumers::default(),
            dead_letters: VecDeque::new(),
            next: 1,
            settings,
        }
    }

    /// True where there is nothing to remember: no messages, no consumers, no dead letters to be fetched.
    pub fn is_idle(&self) -> bool {
        self.messages() == 0 && self.consumers.len() == 0 && self.dead_letters.is_empty()
    }

    /// How many messages wait to be handed out.
    pub fn waiting(&self) -> usize {
        self.backlog.len()
    }

    /// How many messages consumers have and have not settled. What does not have to be settled is among them until it is
    /// written.
    pub fn unacked(&self) -> usize {
        self.consumers.unacked()
    }

    /// How many consumers there are.
    pub fn consumers(&self) -> usize {
        self.consumers.len()
    }

    /// How many bytes the messages have that wait or are not settled.
    pub fn bytes(&self) -> usize {
        self.backlog.bytes() + self.consumers.unacked_bytes()
    }

    /// Takes a message, or refuses it and changes nothing. Where the queue is full and its policy is to drop, the dropped
    /// ones come out as dead letters.
    pub fn publish(&mut self, publication: Arc<Publication>, now: Instant) -> Result<(), QueueFull> {
        self.publish_charged(publication, None, now)
    }

    /// The same; the message holds this for as long as it is there.
    pub fn publish_charged(
        &mut self,
        publication: Arc<Publication>,
        charge: Option<Charge>,
        now: Instant,
    ) -> Result<(), QueueFull> {
        let size = publication.size();
        self.make_room(size)?;
        let expires = self.settings.max_age.map(|max_age| now + max_age);
        let order = self.number();
        self.backlog.insert(Stored { order, publication, size, deliveries: 0, expires, charge });
        Ok(())
    }

    /// Whether so many messages more, of so many bytes together, would all be taken, and none be dropped for another of them.
    pub fn has_room_for(&self, messages: usize, bytes: usize) -> bool {
        let (there, size) = match self.settings.on_full {
            OnFull::Reject => (self.messages(), self.bytes()),
            OnFull::DropOldest => (self.unacked(), self.consumers.unacked_bytes()),
        };
        there + messages <= self.settings.max_messages && size + bytes <= self.settings.max_bytes
    }

    /// Throws away all that wait. What consumers have stays theirs.
    pub fn purge(&mut self) -> Purged {
        let purged = Purged { messages: self.waiting(), bytes: self.backlog.bytes() };
        self.backlog = Backlog::default();
        purged
    }

    /// Gives all up that wait: nobody consumes them.
    pub fn give_up_unused(&mut self) {
        while let Some(message) = self.backlog.pop_oldest() {
            self.give_up(message, DeadLetterReason::Unused);
        }
    }

    /// Adds a consumer that acknowledges so, and may have `prefetch` messages unacknowledged: at least 1, and without a
    /// meaning where it does not acknowledge. [`QueueSettings::prefetch`] says how many.
    pub fn subscribe(&mut self, consumer: ConsumerId, mode: AckMode, prefetch: usize) -> Result<(), SubscribeError> {
        if self.consumers.len() >= self.settings.max_consumers {
            return Err(SubscribeError::TooManyConsumers);
        }
        self.consumers.add(consumer, mode, prefetch)
    }

    /// Ends a consumer that leaves or is lost. What it had not settled goes back to its place, and waits for nothing: what was
    /// [written](Self::written) as delivered once more, and what was handed out too often is a dead letter.
    pub fn unsubscribe(&mut self, consumer: ConsumerId) {
        for Released { message, written } in self.consumers.remove(consumer) {
            match written {
                true => self.give_back(message, None),
                false => self.undeliver(message),
            }
        }
    }

    /// What was handed to a consumer, up to the delivery of this tag, was written to it. Where it does not acknowledge, this
    /// settles it.
    pub fn written(&mut self, consumer: ConsumerId, tag: u64) {
        self.consumers.written(consumer, tag);
    }

    /// Whether [`settle`](Self::settle) would settle something.
    pub fn is_unsettled(&self, consumer: ConsumerId, tag: u64) -> bool {
        self.consumers.has(consumer, tag)
    }

    /// A consumer acknowledges or refuses the message that was handed to it by this tag; in the mode `client`, all that it
    /// was handed before as well. What is refused waits for the redelivery delay, or is a dead letter. A tag that is not the
    /// consumer's, or is settled, changes nothing.
    pub fn settle(
        &mut self,
        consumer: ConsumerId,
        tag: u64,
        settlement: Settlement,
        now: Instant,
    ) -> Result<(), UnknownTag> {
        let settled = self.consumers.settle(consumer, tag)?;
        if settlement == Settlement::Nack {
            let delay = Some(self.settings.redelivery_delay).filter(|delay| !delay.is_zero());
            for message in settled {
                self.give_back(message, delay.map(|delay| now + delay));
            }
        }
        Ok(())
    }

    /// The next message to hand over, if one waits and a consumer can take it: one that has not too much unacknowledged,
    /// and of which `has_room` is true. Consumers take turns; one without room keeps its place in line.
    ///
    /// `has_room` is asked with the message's size. Age is looked at only by [`handle_timeout`](Self::handle_timeout). A call
    /// costs one question for each consumer that stands in line before the one that is found.
    pub fn next_delivery(&mut self, mut has_room: impl FnMut(ConsumerId, usize) -> bool) -> Option<Delivery> {
        let size = self.backlog.first_ready()?.size;
        let consumer = self.consumers.next(|consumer| has_room(consumer, size))?;
        let mut stored = self.backlog.pop_ready()?;
        stored.deliveries += 1;
        let tag = self.number();
        let unsettled = self.consumers.hand_over(consumer, tag, &stored);
        Some(Delivery { consumer, tag, stored, unsettled })
    }

    /// Takes back what could not be handed over. It goes to its place, and was not delivered. The consumer is offered it
    /// again.
    pub fn take_back(&mut self, delivery: Delivery) {
        if let Some(message) = self.consumers.take_back(delivery.consumer, delivery.tag) {
            self.undeliver(message);
        }
    }

    /// A message that was given up since the last call.
    pub fn next_dead_letter(&mut self) -> Option<DeadLetter> {
        self.dead_letters.pop_front()
    }

    /// Does what is due: refused messages can be handed out again, and those that are too old become dead letters.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.backlog.wake(now);
        while let Some(message) = self.backlog.pop_expired(now) {
            self.give_up(message, DeadLetterReason::Expired);
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) has something to do, if nothing happens until then.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.backlog.deadline()
    }

    fn messages(&self) -> usize {
        self.waiting() + self.unacked()
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next - 1
    }

    /// Whether a message of this size is refused, or another is dropped for it.
    pub fn is_full_for(&self, size: usize) -> bool {
        !self.fits(self.messages(), self.bytes(), size)
    }

    /// Nothing is dropped for a message that does not fit even so.
    fn make_room(&mut self, size: usize) -> Result<(), QueueFull> {
        let drops = self.settings.on_full == OnFull::DropOldest;
        let could_fit = drops && self.fits(self.unacked(), self.consumers.unacked_bytes(), size);
        while self.is_full_for(size) {
            let oldest = could_fit.then(|| self.backlog.pop_oldest()).flatten().ok_or(QueueFull)?;
            self.give_up(oldest, DeadLetterReason::Overflow);
        }
        Ok(())
    }

    /// Whether a message of this size can come to so many.
    fn fits(&self, messages: usize, bytes: usize, size: usize) -> bool {
        messages < self.settings.max_messages && bytes + size <= self.settings.max_bytes
    }

    /// What never reached its consumer is where it was.
    fn undeliver(&mut self, mut message: Stored) {
        message.deliveries -= 1;
        self.backlog.insert(message);
    }

    fn give_back(&mut self, message: Stored, until: Option<Instant>) {
        match until {
            _ if message.deliveries >= self.settings.max_deliveries => {
                self.give_up(message, DeadLetterReason::Rejected);
            }
            Some(until) => self.backlog.insert_delayed(message, until),
            None => self.backlog.insert(message),
        }
    }

    fn give_up(&mut self, message: Stored, reason: DeadLetterReason) {
        let Stored { publication, deliveries: delivery_count, charge, .. } = message;
        self.dead_letters.push_back(DeadLetter { publication, reason, delivery_count, charge });
    }
}
