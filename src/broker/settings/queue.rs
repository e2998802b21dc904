use crate::model::{Destination, DestinationPattern, duration};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How a work queue behaves. Worst-case memory of a queue is `max_bytes`, and beside that about 350 bytes
/// for each message and 64 for each of its headers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct QueueSettings {
    /// How many messages it may have, those that consumers have not acknowledged among them. Default 10,000.
    pub max_messages: usize,
    /// How many bytes they may have, with headers and destinations. Default 16 MiB.
    pub max_bytes: usize,
    /// What happens to one message more. Default: it is refused.
    pub on_full: OnFull,
    /// How many consumers it may have. Default 1,000. One more is refused.
    pub max_consumers: usize,
    /// How many messages a consumer that acknowledges may have unacknowledged, where it does not say. Default 100.
    pub prefetch: usize,
    /// How many it may ask for. Default 1,000; more counts as that.
    pub max_prefetch: usize,
    /// How often a message is handed out before it is a dead letter: it was refused, or its consumer was lost, each time.
    /// Default 5.
    pub max_deliveries: u32,
    /// How long a refused message waits before it is handed out again, so that what was wrong may pass. Newer ones overtake
    /// it meanwhile. Default 1 s; `"0s"` is at once, and before newer ones. What a lost consumer had never waits.
    #[serde(with = "duration")]
    pub redelivery_delay: Duration,
    /// How long a message may wait to be handed out before it is a dead letter. Default: for ever.
    #[serde(with = "duration::optional", skip_serializing_if = "Option::is_none")]
    pub max_age: Option<Duration>,
    /// How long a queue lasts that nobody consumes. Then its messages are dead letters. Default 1 day; `"0s"` is for ever.
    /// Queues of dead letters last for ever.
    #[serde(with = "duration")]
    pub unused_time: Duration,
    /// The same for a queue that only clients without an account have sent to or consumed. Default 1 h.
    #[serde(with = "duration")]
    pub unused_time_anonymous: Duration,
    /// Where dead letters go. Default `/queue/dead-letter`; `""` is nowhere: they are dropped.
    #[serde(with = "destination_or_empty")]
    pub dead_letter: Option<Destination>,
}

impl Default for QueueSettings {
    fn default() -> Self {
        Self {
            max_messages: 10_000,
            max_bytes: 16 << 20,
            on_full: OnFull::Reject,
            max_consumers: 1_000,
            prefetch: 100,
            max_prefetch: 1_000,
            max_deliveries: 5,
            redelivery_delay: Duration::from_secs(1),
            max_age: None,
            unused_time: Duration::from_secs(24 * 60 * 60),
            unused_time_anonymous: Duration::from_secs(60 * 60),
            dead_letter: Destination::parse("/queue/dead-letter").ok(),
        }
    }
}

impl QueueSettings {
    /// How many messages a consumer that asked for so many may have unacknowledged.
    pub fn prefetch(&self, asked: Option<usize>) -> usize {
        asked.unwrap_or(self.prefetch).min(self.max_prefetch).max(1)
    }
}

impl QueueSettings {
    /// How long a queue lasts that nobody consumes; `None` is for ever.
    pub fn lasts_unused(&self, is_anonymous: bool) -> Option<Duration> {
        let time = if is_anonymous { self.unused_time_anonymous } else { self.unused_time };
        Some(time).filter(|time| !time.is_zero())
    }
}

/// What a full work queue does with one message more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnFull {
    /// It is refused, and its sender is told.
    Reject,
    /// The oldest that wait become dead letters. What consumers have not acknowledged stays; where that alone fills the
    /// queue, the new one is refused.
    DropOldest,
}

/// Work queues that behave otherwise than the rest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QueueOverride {
    /// Which queues.
    pub pattern: DestinationPattern,
    /// How they behave. What is not named is the built-in default, and not what all other queues have.
    pub settings: QueueSettings,
}

/// TOML has no word for nothing.
mod destination_or_empty {
    use crate::model::Destination;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(destination: &Option<Destination>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(destination.as_ref().map_or("", Destination::as_str))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Destination>, D::Error> {
        match String::deserialize(deserializer)? {
            text if text.is_empty() => Ok(None),
            text => Destination::parse(text).map(Some).map_err(D::Error::custom),
        }
    }
}
