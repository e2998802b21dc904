use crate::model::{DestinationPattern, Publication};
use serde::{Deserialize, Serialize};

/// What a session that reads too slowly gets of these topics.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SlowConsumerSettings {
    /// Which topics.
    pub pattern: DestinationPattern,
    /// What happens when the session's queue is full.
    pub policy: SlowConsumerPolicy,
    /// With `keep_newest`: the header by whose value publications replace each other, such as a stock's symbol. Default:
    /// none; every publication replaces the one before it at the same destination.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

/// What happens to a publication that finds the queue of a slow session full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SlowConsumerPolicy {
    /// The session is closed.
    Close,
    /// What has waited longest is dropped.
    DropOldest,
    /// A publication takes the place of an older one that waits and has the same [`ConflationKey`].
    KeepNewest,
}

/// What two publications have in common when the newer one makes the older one worthless.
///
/// Clients choose its parts: hash it with a seed that they cannot know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ConflationKey<'a> {
    /// Where both go: publications of two destinations never replace each other.
    pub destination: &'a str,
    /// The value of the configured header, where there is one.
    pub value: Option<&'a str>,
}

impl SlowConsumerSettings {
    /// What this publication replaces, and is replaced by.
    pub fn conflation_key<'a>(&self, publication: &'a Publication) -> ConflationKey<'a> {
        let value = self.key.as_ref().and_then(|name| publication.headers.get(name));
        ConflationKey { destination: publication.destination.as_str(), value: value.map(|value| &**value) }
    }
}
