use super::bucket::Rate;
use super::limit::Scope;
use crate::model::SettingsError;
use governor::Quota;
use serde::{Deserialize, Serialize};
use std::num::NonZeroU32;

/// How much clients may send. Nothing is limited by default: what is right depends on the application.
///
/// Of what one client sends, each message counts, however many came in one request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RateSettings {
    /// Whether limits are only counted and never acted on: for finding out what is right. Default false.
    pub dry_run: bool,
    /// How many users, addresses and destinations are told apart, of each; those beyond share one bucket. Each takes at
    /// most 64 bytes, and is forgotten when it did nothing for a while. Default 250,000.
    pub max_keys: usize,
    /// For each session.
    pub session: ScopeSettings,
    /// For all sessions of a user together.
    pub user: ScopeSettings,
    /// For all sessions of an IPv4 address or an IPv6 network of 64 bits together.
    pub address: ScopeSettings,
    /// For all that is sent to one destination.
    pub destination: ScopeSettings,
}

/// One limit on messages and one on bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ScopeSettings {
    /// Messages in a second, in the long run. Default: no limit.
    pub messages_per_second: Option<u32>,
    /// Messages at once. Default: as many as in a second.
    pub messages_burst: Option<u32>,
    /// Bytes in a second, in the long run. A byte takes whole nanoseconds, rounded down: 10 MB/s are kept to 1%, 100 MB/s
    /// to 10%. Default: no limit.
    pub bytes_per_second: Option<u32>,
    /// Bytes at once. A message that is larger may pass when nothing was sent for long enough, and is paid for
    /// afterwards. Default: as many as in a second.
    pub bytes_burst: Option<u32>,
    /// What becomes of what is over the limit. Default: slow down.
    pub excess: Excess,
}

/// What becomes of what is over a limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Excess {
    /// It waits, and all that the session sends behind it; the client's connection fills up. What would have to wait for
    /// more than a minute ([`RateLimits::MAX_WAIT`](super::RateLimits::MAX_WAIT)) is refused instead.
    #[default]
    SlowDown,
    /// The client is told that it was not taken, and when to try again.
    Refuse,
    /// The session ends: 4429 "Too many messages".
    Close,
}

impl Default for RateSettings {
    fn default() -> Self {
        let off = ScopeSettings::default;
        Self { dry_run: false, max_keys: 250_000, session: off(), user: off(), address: off(), destination: off() }
    }
}

impl RateSettings {
    /// Refuses what cannot be right.
    pub fn validate(&self) -> Result<(), SettingsError> {
        if self.max_keys == 0 {
            return Err(SettingsError::new("rates.max_keys", "expected at least 1"));
        }
        let scopes = [&self.session, &self.user, &self.address, &self.destination];
        scopes.into_iter().zip(KEYS).try_for_each(|(scope, keys)| scope.validate(keys))
    }

    pub(super) fn of(&self, scope: Scope) -> &ScopeSettings {
        match scope {
            Scope::Session => &self.session,
            Scope::User => &self.user,
            Scope::Address => &self.address,
            Scope::Destination => &self.destination,
        }
    }
}

/// The keys of each scope, in order.
const KEYS: [[&str; 4]; 4] = [
    [
        "rates.session.messages_per_second",
        "rates.session.messages_burst",
        "rates.session.bytes_per_second",
        "rates.session.bytes_burst",
    ],
    [
        "rates.user.messages_per_second",
        "rates.user.messages_burst",
        "rates.user.bytes_per_second",
        "rates.user.bytes_burst",
    ],
    [
        "rates.address.messages_per_second",
        "rates.address.messages_burst",
        "rates.address.bytes_per_second",
        "rates.address.bytes_burst",
    ],
    [
        "rates.destination.messages_per_second",
        "rates.destination.messages_burst",
        "rates.destination.bytes_per_second",
        "rates.destination.bytes_burst",
    ],
];

impl ScopeSettings {
    pub(super) fn messages(&self) -> Option<Rate> {
        rate(self.messages_per_second, self.messages_burst)
    }

    pub(super) fn bytes(&self) -> Option<Rate> {
        rate(self.bytes_per_second, self.bytes_burst)
    }

    fn validate(&self, keys: [&'static str; 4]) -> Result<(), SettingsError> {
        let values = [self.messages_per_second, self.messages_burst, self.bytes_per_second, self.bytes_burst];
        if let Some((key, _)) = keys.into_iter().zip(values).find(|(_, value)| *value == Some(0)) {
            return Err(SettingsError::new(key, "0 would let nothing through; expected at least 1"));
        }
        for (rate, burst) in [(0, 1), (2, 3)] {
            if values[rate].is_none() && values[burst].is_some() {
                return Err(SettingsError::new(keys[burst], "limits nothing without a number per second"));
            }
        }
        Ok(())
    }
}

fn rate(per_second: Option<u32>, burst: Option<u32>) -> Option<Rate> {
    let per_second = NonZeroU32::new(per_second?)?;
    let burst = burst.and_then(NonZeroU32::new).unwrap_or(per_second);
    Some(Rate(Quota::per_second(per_second).allow_burst(burst)))
}
