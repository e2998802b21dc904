//! What goes into a work queue and comes out of it.

use crate::broker::{Charge, Holding, NoShare, message_cost};
use crate::model::{Destination, Publication, SessionId};
use std::fmt;
use std::sync::Arc;
use std::time::Instant;

/// One subscription to a work queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConsumerId {
    /// Whose it is.
    pub session: SessionId,
    /// Which of the session's subscriptions: a number that the session uses once, so that an acknowledgement for an ended
    /// subscription is never taken for one of its successor.
    pub subscription: u64,
}

/// A message that a queue keeps.
#[derive(Debug, Clone)]
pub(super) struct Stored {
    /// Where it belongs among the others: those that were published before it have lower numbers.
    pub order: u64,
    pub publication: Arc<Publication>,
    /// What it takes of the limit in bytes.
    pub size: usize,
    /// How often it was handed out.
    pub deliveries: u32,
    /// When it is too old to be handed out.
    pub expires: Option<Instant>,
    /// Who holds the room that it takes, for as long as it is there.
    pub charge: Option<Charge>,
}

/// A message on its way to a consumer: to be [written](super::WorkQueue::written) to it, or to be
/// [taken back](super::WorkQueue::take_back).
#[derive(Debug)]
#[must_use = "a message that is dropped here is lost, or held by its consumer until that ends"]
pub struct Delivery {
    /// Who is to get it.
    pub consumer: ConsumerId,
    /// By which name the consumer settles it. No two deliveries of a queue have the same.
    pub tag: u64,
    pub(super) stored: Stored,
    /// Whether its consumer has yet to settle it.
    pub(super) unsettled: bool,
}

impl Delivery {
    /// The message.
    pub fn publication(&self) -> &Arc<Publication> {
        &self.stored.publication
    }

    /// How often the message was handed out, this time included.
    pub fn delivery_count(&self) -> u32 {
        self.stored.deliveries
    }

    /// Whether the message was handed out before, so that somebody may have acted on it already.
    pub fn is_redelivered(&self) -> bool {
        self.stored.deliveries > 1
    }

    /// Whether its consumer has to acknowledge it.
    pub fn needs_settlement(&self) -> bool {
        self.unsettled
    }
}

/// What a consumer says of a message (STOMP 1.2, "ACK" and "NACK").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settlement {
    /// It is done with.
    Ack,
    /// The consumer could not do with it.
    Nack,
}

/// A message that the queue gives up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// The message.
    pub publication: Arc<Publication>,
    /// Why.
    pub reason: DeadLetterReason,
    /// How often it was handed out.
    pub delivery_count: u32,
    pub(super) charge: Option<Charge>,
}

impl DeadLetter {
    /// The message as it goes to a queue of dead letters, and who holds its room there: whoever held it before.
    pub fn buried(mut self, destination: Destination) -> Result<(Publication, Option<Charge>), NoShare> {
        let charge = self.charge.take();
        let publication = self.into_publication(destination);
        let holding = Holding::DeadLetter(message_cost(&publication));
        Ok((publication, charge.map(|charge| charge.exchange(holding)).transpose()?))
    }

    /// The message as it goes to a queue of dead letters. Its headers say why it does: `dead-letter-reason`, the
    /// `original-destination`, and its `delivery-count`.
    pub fn into_publication(self, destination: Destination) -> Publication {
        let publication = Arc::unwrap_or_clone(self.publication);
        let original = publication.destination.as_text().clone();
        Publication { destination, ..publication }
            .with_header("dead-letter-reason", self.reason.name())
            .with_header("original-destination", original)
            .with_header("delivery-count", self.delivery_count.to_string())
    }
}

/// Why a queue gives a message up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DeadLetterReason {
    /// It was handed out `max_deliveries` times, and each time it was refused or its consumer was lost.
    Rejected,
    /// It waited for longer than `max_age`.
    Expired,
    /// The queue was full, and it was the oldest that waited.
    Overflow,
    /// Nobody consumed the queue for longer than `unused_time`.
    Unused,
}

impl DeadLetterReason {
    /// Its name in headers and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rejected => "rejected",
            Self::Expired => "expired",
            Self::Overflow => "overflow",
            Self::Unused => "unused",
        }
    }
}

/// What was thrown away.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Purged {
    /// How many messages.
    pub messages: usize,
    /// Their bytes, with headers and destinations.
    pub bytes: usize,
}

/// The queue is at its limit and takes no more messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueFull;

/// The consumer has no such message to settle: it never had it, or it is settled already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownTag;

/// Why a queue takes no further consumer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubscribeError {
    /// It has this one already.
    Duplicate,
    /// It has as many as it may have.
    TooManyConsumers,
}

impl fmt::Display for QueueFull {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the queue is full")
    }
}

impl fmt::Display for UnknownTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("there is no such message to acknowledge: it is settled, or was never delivered here")
    }
}

impl fmt::Display for SubscribeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Duplicate => "this subscription exists",
            Self::TooManyConsumers => "the queue has as many consumers as it may have",
        })
    }
}

impl std::error::Error for QueueFull {}
impl std::error::Error for UnknownTag {}
impl std::error::Error for SubscribeError {}
