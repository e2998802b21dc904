use crate::model::{DestinationPattern, duration};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What is kept of a topic for those who come late. Each topic that matches has a history of its own, and its worst-case
/// memory is `bytes`, and beside that about 200 bytes for each publication and 64 for each of its headers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HistorySettings {
    /// Which topics.
    pub pattern: DestinationPattern,
    /// How many publications. Default 100.
    #[serde(default = "default_messages")]
    pub messages: usize,
    /// How many bytes of them, with headers and destinations. Default 1 MiB. A larger publication is delivered and not
    /// kept, and nothing from before it.
    #[serde(default = "default_bytes")]
    pub bytes: usize,
    /// For how long. Default 5 minutes.
    #[serde(default = "default_max_age", with = "duration")]
    pub max_age: Duration,
}

impl HistorySettings {
    /// The defaults for these topics.
    pub fn new(pattern: DestinationPattern) -> Self {
        Self { pattern, messages: default_messages(), bytes: default_bytes(), max_age: default_max_age() }
    }
}

const fn default_messages() -> usize {
    100
}

const fn default_bytes() -> usize {
    1 << 20
}

const fn default_max_age() -> Duration {
    Duration::from_secs(5 * 60)
}
