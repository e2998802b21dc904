//! What the broker can be told.

mod history;
mod kind;
mod presence;
mod queue;
mod slow;
mod validate;

pub use history::HistorySettings;
pub use kind::{Kind, KindSettings, PatternError};
pub use presence::PresenceSettings;
pub use queue::{OnFull, QueueOverride, QueueSettings};
pub use slow::{ConflationKey, SlowConsumerPolicy, SlowConsumerSettings};

use super::ShareSettings;
use crate::model::{Destination, DestinationPattern};
use serde::{Deserialize, Serialize};

/// What the embedded broker does with which destination, and how much it may keep.
///
/// In every list the first entry that fits decides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BrokerSettings {
    /// What a prefix means. Default: `/topic` is for topics, `/queue` for work queues. A destination below no prefix takes
    /// no publications.
    pub kinds: Vec<KindSettings>,
    /// How work queues behave.
    pub queue: QueueSettings,
    /// Work queues that behave otherwise. Default: none.
    pub queues: Vec<QueueOverride>,
    /// Which topics are kept for those who come late. Default: none.
    pub history: Vec<HistorySettings>,
    /// What a session that reads too slowly gets of a topic. Default: none; the session's `overflow` decides.
    pub slow_consumers: Vec<SlowConsumerSettings>,
    /// Of which destinations it is known who is there. Default: none.
    pub presence: Vec<PresenceSettings>,
    /// How many patterns may be listened to.
    pub directory: DirectorySettings,
    /// How much of all this one client may hold.
    pub shares: ShareSettings,
    /// How many work queues there may be at a time: those with messages or consumers. Default 10,000. One more is refused.
    pub max_queues: usize,
    /// How many bytes the messages of all work queues may take together: their own, and 350 for each and 64 for each of its
    /// headers. Default 256 MiB. A SEND beyond that is refused.
    pub max_queue_bytes: usize,
    /// How many topics may have a history at a time. Default 10,000. One more has none, or takes the place of the newest of
    /// who has most.
    pub max_histories: usize,
    /// How many bytes the publications of all histories may take together: their own, and 200 for each and 64 for each of its
    /// headers. Default 256 MiB. What comes beyond that takes the room of who has most.
    pub max_history_bytes: usize,
    /// How many destinations somebody may be present in at a time. Default 10,000. In one more, nobody is.
    pub max_presences: usize,
    /// How many members all of these may have together. Default 100,000: about 30 MB, and their claims. One more is
    /// subscribed like anybody, and not present.
    pub max_present: usize,
}

impl Default for BrokerSettings {
    fn default() -> Self {
        Self {
            kinds: KindSettings::defaults(),
            queue: QueueSettings::default(),
            queues: Vec::new(),
            history: Vec::new(),
            slow_consumers: Vec::new(),
            presence: Vec::new(),
            directory: DirectorySettings::default(),
            shares: ShareSettings::default(),
            max_queues: 10_000,
            max_queue_bytes: 256 << 20,
            max_histories: 10_000,
            max_history_bytes: 256 << 20,
            max_presences: 10_000,
            max_present: 100_000,
        }
    }
}

/// How many different patterns may be listened to on one node, whoever listens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DirectorySettings {
    /// How many patterns, with and without wildcards. Default 1,000,000: 100 to 600 MB, after the length of their names,
    /// and the listeners themselves. One more subscription is refused.
    pub max_patterns: usize,
    /// How many segments the patterns with wildcards may have together, where a common beginning counts once. Default
    /// 100,000: about 30 MB, and their texts. One more subscription is refused.
    pub max_wildcard_segments: usize,
}

impl Default for DirectorySettings {
    fn default() -> Self {
        Self { max_patterns: 1_000_000, max_wildcard_segments: 100_000 }
    }
}

impl BrokerSettings {
    /// What a destination is for, or `None` where it takes no publications.
    pub fn kind_of(&self, destination: &Destination) -> Option<Kind> {
        let fits = |entry: &&KindSettings| destination.is_below(entry.prefix.as_str());
        self.kinds.iter().find(fits).map(|entry| entry.kind)
    }

    /// What a subscription to this pattern is to. One with wildcards has to stay below one prefix of topics; destinations
    /// of work queues that it reaches even so are not part of it.
    pub fn kind_of_pattern(&self, pattern: &DestinationPattern) -> Result<Kind, PatternError> {
        if let Some(destination) = pattern.as_destination() {
            return self.kind_of(&destination).ok_or(PatternError::Nowhere);
        }
        match self.kinds.iter().find(|entry| entry.covers(pattern)).map(|entry| entry.kind) {
            Some(Kind::Topic) => Ok(Kind::Topic),
            Some(Kind::Queue) => Err(PatternError::QueueWildcard),
            None => Err(PatternError::Nowhere),
        }
    }

    /// How this work queue behaves.
    pub fn queue(&self, destination: &Destination) -> &QueueSettings {
        let entry = self.queues.iter().find(|entry| entry.pattern.matches(destination));
        entry.map_or(&self.queue, |entry| &entry.settings)
    }

    /// Where the dead letters of this work queue go, or `None` where they are dropped.
    ///
    /// What is in a queue of dead letters has died once: it goes nowhere from there, so that no message circles.
    pub fn dead_letter(&self, destination: &Destination) -> Option<&Destination> {
        self.queue(destination).dead_letter.as_ref().filter(|_| !self.is_for_dead_letters(destination))
    }

    /// Whether dead letters go to this work queue.
    pub fn is_for_dead_letters(&self, destination: &Destination) -> bool {
        self.dead_letters().any(|target| target == destination)
    }

    /// What is kept of this topic, or `None` where nothing is.
    pub fn history(&self, destination: &Destination) -> Option<&HistorySettings> {
        self.history.iter().find(|entry| entry.pattern.matches(destination))
    }

    /// How it is known who is there, or `None` where it is not.
    pub fn presence(&self, destination: &Destination) -> Option<&PresenceSettings> {
        self.presence.iter().find(|entry| entry.pattern.matches(destination))
    }

    /// What a session that reads too slowly gets of this topic, or `None` where the session's own settings decide.
    pub fn slow_consumer_policy(&self, destination: &Destination) -> Option<&SlowConsumerSettings> {
        self.slow_consumers.iter().find(|entry| entry.pattern.matches(destination))
    }

    /// Every queue of dead letters.
    fn dead_letters(&self) -> impl Iterator<Item = &Destination> {
        let all = std::iter::once(&self.queue).chain(self.queues.iter().map(|entry| &entry.settings));
        all.filter_map(|queue| queue.dead_letter.as_ref())
    }
}
