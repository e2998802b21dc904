use crate::model::SettingsError;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Feeds: topics for those who only listen and speak nothing but HTTP. A feed is a session, whose limits apply to it too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FeedSettings {
    /// Whether there are feeds, below `/feed` of an endpoint that speaks STOMP. Default true.
    pub enabled: bool,
    /// How many destinations one feed may have. Default 16. More: 400.
    pub max_destinations: usize,
    /// How long a poll waits, and the most that it may ask for. Default 25 s: below the 30 s after which the strictest common
    /// proxies cut an idle connection.
    #[serde(with = "crate::model::duration")]
    pub max_wait: Duration,
    /// How often a stream has a sign of life. Default 15 s.
    #[serde(with = "crate::model::duration")]
    pub heartbeat: Duration,
    /// After how long those whose stream was cut off are told to come back. Default 2 s.
    #[serde(with = "crate::model::duration")]
    pub retry: Duration,
    /// After how many bytes of publications a stream ends, so that its reader takes a new one, and a poll's answer is full.
    /// Default: none. For proxies that let so much of an answer through and no more. The message that reaches it still comes;
    /// then nothing but the last word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_limit: Option<usize>,
    /// How long a stream lasts, before its reader takes a new one. Default: for ever. For proxies that end what lasts longer,
    /// or that hand an answer on when it has ended. Readers may ask for less.
    #[serde(with = "crate::model::duration::optional", skip_serializing_if = "Option::is_none")]
    pub stream_time: Option<Duration>,
}

impl Default for FeedSettings {
    fn default() -> Self {
        Self {
            enabled: true,
            max_destinations: 16,
            max_wait: Duration::from_secs(25),
            heartbeat: Duration::from_secs(15),
            retry: Duration::from_secs(2),
            response_limit: None,
            stream_time: None,
        }
    }
}

/// Longer than anything that is waited for, and short enough to be added to any clock.
const MAX_DURATION: Duration = Duration::from_secs(24 * 60 * 60);

impl FeedSettings {
    /// Refuses what cannot be right.
    pub fn validate(&self) -> Result<(), SettingsError> {
        if self.max_destinations == 0 {
            return Err(SettingsError::new(
                "feeds.max_destinations",
                "0 would let nothing through; expected at least 1",
            ));
        }
        if self.response_limit == Some(0) {
            return Err(SettingsError::new("feeds.response_limit", "expected at least 1, or nothing for no limit"));
        }
        let durations = [
            ("feeds.max_wait", Some(self.max_wait)),
            ("feeds.heartbeat", Some(self.heartbeat)),
            ("feeds.retry", Some(self.retry)),
            ("feeds.stream_time", self.stream_time),
        ];
        let is_wrong = |duration: Duration| duration.is_zero() || duration > MAX_DURATION;
        let wrong = durations.into_iter().find(|(_, duration)| duration.is_some_and(is_wrong));
        wrong.map_or(Ok(()), |(key, _)| Err(SettingsError::new(key, "expected more than 0s and at most 1 day")))
    }
}
