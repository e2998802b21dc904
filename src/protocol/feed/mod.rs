//! Feeds, sans-IO: publications as server-sent events (WHATWG HTML, "Server-sent events") and as lines of JSON.
//!
//! What a reader gets of a publication is written in two parts: the content, which many readers share, and in front of it
//! the id, which says how far this reader has come.

mod events;
mod lines;

use crate::model::{Disconnect, Publication};
use std::time::Duration;

/// The header of a publication that names its event.
pub const EVENT: &str = "event";

/// The header of a publication that tells who is present: `here`, `join` or `leave`. Nobody else can set it; its event is
/// named `presence`.
pub const PRESENCE: &str = "presence";

/// How a feed is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// `text/event-stream`: what an `EventSource` reads.
    Events,
    /// `application/x-ndjson`: a JSON object on each line.
    Lines,
}

impl Format {
    /// Its media type.
    pub fn content_type(self) -> &'static str {
        match self {
            // It is always UTF-8, and some libraries take text without a charset for ISO 8859-1.
            Self::Events => "text/event-stream; charset=utf-8",
            Self::Lines => "application/x-ndjson",
        }
    }

    /// What a feed begins with: where its reader is, and after how long one that was cut off should come back.
    pub fn opening(self, id: &str, retry: Duration) -> String {
        match self {
            Self::Events => events::opening(id, retry),
            Self::Lines => lines::opening(id, retry),
        }
    }

    /// An event that says nothing but where its reader is, behind the [opening](Self::opening); nothing where that is an event
    /// itself.
    pub fn begin(self, id: &str) -> String {
        match self {
            Self::Events => events::begin(id),
            Self::Lines => String::new(),
        }
    }

    /// A publication without its id.
    pub fn message(self, publication: &Publication) -> String {
        match self {
            Self::Events => events::message(publication),
            Self::Lines => lines::message(publication),
        }
    }

    /// Says, without an id, that so many publications to a destination or pattern are gone for good; `None` where nobody knows
    /// how many.
    pub fn gap(self, destination: &str, missed: Option<u64>) -> String {
        match self {
            Self::Events => events::gap(destination, missed),
            Self::Lines => lines::gap(destination, missed),
        }
    }

    /// Content with its id, which has neither line ends nor quotes.
    pub fn with_id(self, id: &str, content: &str) -> String {
        match self {
            Self::Events => format!("id: {id}\n{content}"),
            Self::Lines => format!("{{\"id\":\"{id}\",{content}"),
        }
    }

    /// Shows that the connection lives.
    pub fn heartbeat(self) -> &'static str {
        match self {
            Self::Events => events::HEARTBEAT,
            Self::Lines => "\n",
        }
    }

    /// The last word: why the feed ends, and whether its reader should come back.
    pub fn end(self, disconnect: &Disconnect) -> String {
        match self {
            Self::Events => events::end(disconnect),
            Self::Lines => lines::end(disconnect),
        }
    }
}
