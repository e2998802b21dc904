use crate::model::{Destination, DestinationPattern};
use serde::{Deserialize, Serialize};
use std::fmt;

/// What the destinations below a prefix are for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KindSettings {
    /// The prefix, which ends at a slash: `/topic` is for `/topic/a`, and neither for `/topics/a` nor for `/topic`.
    pub prefix: Destination,
    /// What is below it.
    pub kind: Kind,
}

/// What a destination is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Every subscriber gets every publication.
    Topic,
    /// One of its consumers gets each publication.
    Queue,
}

/// Why a pattern cannot be subscribed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PatternError {
    /// It is not below one prefix that the broker knows.
    Nowhere,
    /// It has a wildcard, and is of work queues: each of them has its own consumers.
    QueueWildcard,
}

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nowhere => "the broker has no such destination",
            Self::QueueWildcard => "a subscription to queues has no wildcards",
        })
    }
}

impl std::error::Error for PatternError {}

impl KindSettings {
    pub(super) fn defaults() -> Vec<Self> {
        let entry = |(prefix, kind)| Some(Self { prefix: Destination::parse(prefix).ok()?, kind });
        [("/topic", Kind::Topic), ("/queue", Kind::Queue)].into_iter().filter_map(entry).collect()
    }

    /// Whether all that the pattern reaches is below the prefix, except for the prefix itself, which `**` reaches too.
    pub(super) fn covers(&self, pattern: &DestinationPattern) -> bool {
        pattern.as_str().strip_prefix(self.prefix.as_str()).is_some_and(|rest| rest.starts_with('/'))
    }
}
