//! What the broker has, destination by destination.

use super::problem::Refusal;
use crate::broker::Purged;
use crate::messaging::{self, DestinationInfo, DestinationQuery, DestinationState, Messenger};
use crate::model::{self, DestinationPattern};
use poem_openapi::{Enum, Object};

/// A destination, or a pattern of destinations that somebody subscribed.
#[derive(Debug, Object)]
pub(super) struct Destination {
    destination: String,
    kind: Kind,
    /// How many subscriptions there are to exactly this. Those to patterns that reach it are the patterns'.
    subscribers: u64,
    /// What is kept of a topic, where its history has begun.
    #[oai(skip_serializing_if_is_none)]
    history: Option<History>,
    /// What is in a queue.
    #[oai(skip_serializing_if_is_none)]
    queue: Option<Queue>,
}

/// What a destination is.
#[derive(Debug, Clone, Copy, Enum)]
#[oai(rename = "DestinationKind", rename_all = "snake_case")]
pub(super) enum Kind {
    /// Every subscriber gets every publication.
    Topic,
    /// One of its consumers gets each publication.
    Queue,
}

/// What is kept of a topic.
#[derive(Debug, Object)]
#[oai(rename = "HistoryState")]
pub(super) struct History {
    /// How many publications are kept.
    messages: u64,
    /// Their bytes, with headers and destinations.
    bytes: u64,
    /// Where the newest is: with it as `since`, `/api/history` has what comes after it.
    offset: String,
}

/// What is in a queue.
#[derive(Debug, Object)]
#[oai(rename = "QueueState")]
pub(super) struct Queue {
    /// How many messages wait for a consumer.
    messages: u64,
    /// How many messages consumers have, and have not acknowledged.
    unacknowledged: u64,
    /// The bytes of both, with headers and destinations.
    bytes: u64,
}

/// Some destinations, by name.
#[derive(Debug, Object)]
pub(super) struct DestinationPage {
    destinations: Vec<Destination>,
    /// What to ask for as `after` to get more; nothing where there are none.
    #[oai(skip_serializing_if_is_none)]
    next: Option<String>,
}

/// What was thrown away.
#[derive(Debug, Object)]
pub(super) struct Emptied {
    /// How many messages.
    pub(super) messages: u64,
    /// Their bytes, with headers and destinations.
    bytes: u64,
}

impl Emptied {
    /// Empties a queue or a topic's history.
    pub(super) fn of(messenger: &Messenger, destination: &str) -> Result<Self, Refusal> {
        let destination = model::Destination::parse(destination.to_owned())
            .map_err(|error| Refusal::bad_request("invalid_destination", error.to_string()))?;
        let Some(Purged { messages, bytes }) = messenger.empty(&destination) else {
            let detail = format!("there is no queue and no history of the name {destination}");
            return Err(Refusal::not_found("no_such_destination", detail));
        };
        Ok(Self { messages: messages as u64, bytes: bytes as u64 })
    }
}

/// Checks what is asked for.
pub(super) fn query(
    prefix: Option<String>,
    pattern: Option<String>,
    after: Option<String>,
    limit: u16,
) -> Result<DestinationQuery, Refusal> {
    let pattern = pattern.map(DestinationPattern::parse).transpose();
    let pattern = pattern.map_err(|error| Refusal::bad_request("invalid_destination", error.to_string()))?;
    let [prefix, after] = [prefix, after].map(|text| text.unwrap_or_default().into());
    Ok(DestinationQuery { prefix, pattern, after, limit: limit.into() })
}

impl DestinationPage {
    pub(super) fn of(messenger: &Messenger, query: &DestinationQuery) -> Self {
        messenger.destinations(query).into()
    }
}

impl From<messaging::DestinationPage> for DestinationPage {
    fn from(page: messaging::DestinationPage) -> Self {
        let next = page.next.map(|name| name.as_str().to_owned());
        Self { destinations: page.destinations.into_iter().map(Destination::from).collect(), next }
    }
}

impl From<DestinationInfo> for Destination {
    fn from(info: DestinationInfo) -> Self {
        let (kind, history, queue) = match info.state {
            DestinationState::Topic(history) => (Kind::Topic, history.map(History::from), None),
            DestinationState::Queue(queue) => (Kind::Queue, None, Some(Queue::from(queue))),
        };
        let destination = info.name.as_str().to_owned();
        Self { destination, kind, subscribers: info.subscribers as u64, history, queue }
    }
}

impl From<messaging::HistoryState> for History {
    fn from(state: messaging::HistoryState) -> Self {
        Self { messages: state.messages as u64, bytes: state.bytes as u64, offset: state.offset.to_string() }
    }
}

impl From<messaging::QueueState> for Queue {
    fn from(state: messaging::QueueState) -> Self {
        let (messages, unacknowledged) = (state.waiting as u64, state.unacknowledged as u64);
        Self { messages, unacknowledged, bytes: state.bytes as u64 }
    }
}
