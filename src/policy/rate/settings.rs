use super::bucket::Rate;
use super::limit::Scope;
use crate::model::SettingsError;
use governor::Quota;
use serde::{Deserialize, Serialize};
use std::num::NonZeroU32;

/// How much clients may send. The defaults are far above what people do, and stop one program; they slow down and break nothing.
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
    /// For each session. Default: 200 messages and 1 MiB a second.
    pub session: ScopeSettings,
    /// For all sessions of a user together. Default: 400 messages and 2 MiB a second.
    pub user: ScopeSettings,
    /// For all sessions without an account of an IPv4 address or an IPv6 network of 64 bits together. Whatever is sent takes
    /// 1 KiB of the bytes at least; what asks something of the server (SUBSCRIBE, ACK, a heartbeat) takes bytes alone. Default:
    /// 200 messages and 2 MiB a second.
    pub address: ScopeSettings,
    /// For all that is sent to one destination. Default: no limit.
    pub destination: ScopeSettings,
}

/// One limit on messages and one on bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ScopeSettings {
    /// Messages in a second, in the long run; none is no limit, which is `"unlimited"` in a file.
    #[serde(with = "unlimited")]
    pub messages_per_second: Option<u32>,
    /// Messages at once. Default: as many as in a second.
    pub messages_burst: Option<u32>,
    /// Bytes in a second, in the long run. A byte takes whole nanoseconds, rounded down: 10 MB/s are kept to 1%, 100 MB/s
    /// to 10%. None is no limit.
    #[serde(with = "unlimited")]
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
        Self {
            session: ScopeSettings::of(200, 1 << 20),
            user: ScopeSettings::of(400, 2 << 20),
            address: ScopeSettings::of(200, 2 << 20),
            ..Self::unlimited()
        }
    }
}

impl RateSettings {
    /// No limits.
    pub fn unlimited() -> Self {
        let off = ScopeSettings::default;
        Self { dry_run: false, max_keys: 250_000, session: off(), user: off(), address: off(), destination: off() }
    }

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
    /// So many in a second, and as many at once.
    fn of(messages: u32, bytes: u32) -> Self {
        Self { messages_per_second: Some(messages), bytes_per_second: Some(bytes), ..Self::default() }
    }

    pub(super) fn messages(&self) -> Option<Rate> {
        rate(self.messages_per_second, self.messages_burst)
    }

    pub(super) fn bytes(&self) -> Option<Rate> {
        rate(self.bytes_per_second, self.bytes_burst)
    }

    fn validate(&self, keys: [&'static str; 4]) -> Result<(), SettingsError> {
        let values = [self.messages_per_second, self.messages_burst, self.bytes_per_second, self.bytes_burst];
        if let Some((key, _)) = keys.into_iter().zip(values).find(|(_, value)| *value == Some(0)) {
            return Err(SettingsError::new(key, "0 would let nothing through; expected at least 1, or \"unlimited\""));
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

/// A number, or the word for none.
mod unlimited {
    use serde::de::{Error, Unexpected, Visitor};
    use serde::{Deserializer, Serializer};
    use std::fmt;

    const WORD: &str = "unlimited";

    pub fn serialize<S: Serializer>(number: &Option<u32>, serializer: S) -> Result<S::Ok, S::Error> {
        match number {
            Some(number) => serializer.serialize_u32(*number),
            None => serializer.serialize_str(WORD),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
        deserializer.deserialize_any(NumberOrWord)
    }

    struct NumberOrWord;

    impl Visitor<'_> for NumberOrWord {
        type Value = Option<u32>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a whole number below 2^32, or \"unlimited\"")
        }

        fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
            u32::try_from(number).map(Some).map_err(|_| E::invalid_value(Unexpected::Unsigned(number), &self))
        }

        fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
            u32::try_from(number).map(Some).map_err(|_| E::invalid_value(Unexpected::Signed(number), &self))
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
            match text {
                WORD => Ok(None),
                other => Err(E::invalid_value(Unexpected::Str(other), &self)),
            }
        }
    }
}
