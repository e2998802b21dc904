//! What the broker has at present, destination by destination.

use crate::broker::Offset;
use crate::model::DestinationPattern;
use bytestring::ByteString;

/// Which destinations are asked for: those that fit all of it, by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DestinationQuery {
    /// What their names begin with. Default: anything.
    pub prefix: ByteString,
    /// What they have a destination in common with: `/topic/a` asks for `/topic/a` and for `/topic/*`. Default: anything.
    pub pattern: Option<DestinationPattern>,
    /// The name that theirs are behind. Default: none.
    pub after: ByteString,
    /// How many at most. Default 100.
    pub limit: usize,
}

impl Default for DestinationQuery {
    fn default() -> Self {
        Self { prefix: ByteString::new(), pattern: None, after: ByteString::new(), limit: 100 }
    }
}

/// Some of the destinations that were asked for, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DestinationPage {
    /// At most as many as were asked for.
    pub destinations: Vec<DestinationInfo>,
    /// The name behind which there are more, if there are.
    pub next: Option<DestinationPattern>,
}

/// A destination, or a pattern of destinations, and what is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DestinationInfo {
    /// Its name.
    pub name: DestinationPattern,
    /// How many subscriptions there are to exactly this, by sessions and by feeds. Those to patterns that reach it are the
    /// patterns'.
    pub subscribers: usize,
    /// What is kept there.
    pub state: DestinationState,
}

/// What is kept at a destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DestinationState {
    /// It is a topic, with what its history has, if it has begun one; or a pattern of topics.
    Topic(Option<HistoryState>),
    /// It is a work queue.
    Queue(QueueState),
}

/// What is kept of a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryState {
    /// How many publications.
    pub messages: usize,
    /// Their bytes, with headers and destinations.
    pub bytes: usize,
    /// Where the newest is.
    pub offset: Offset,
}

/// What is in a work queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueState {
    /// How many messages wait for a consumer.
    pub waiting: usize,
    /// How many messages consumers have and have not settled, or are on their way to one that need not.
    pub unacknowledged: usize,
    /// The bytes of both, with headers and destinations.
    pub bytes: usize,
}
