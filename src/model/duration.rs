//! Durations in settings: text with a unit, such as `"25s"`, `"1m 30s"` or `"500ms"`.

use serde::{Deserialize, Deserializer, Serializer, de::Error};
use std::time::Duration;

/// For `#[serde(with = "...")]`.
pub fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&humantime::format_duration(*duration))
}

/// For `#[serde(with = "...")]`.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer).map_err(|_| D::Error::custom(EXPECTED))?;
    humantime::parse_duration(&text)
        .map_err(|e| D::Error::custom(format!("\"{text}\" is no duration ({e}); {EXPECTED}")))
}

const EXPECTED: &str = "expected a number with a unit, such as \"25s\"";

/// Durations that need not be given.
pub mod optional {
    use super::{Deserializer, Duration, Serializer};

    /// For `#[serde(with = "...")]`.
    pub fn serialize<S: Serializer>(duration: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
        match duration {
            Some(duration) => super::serialize(duration, serializer),
            None => serializer.serialize_none(),
        }
    }

    /// For `#[serde(default, with = "...")]`.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
        super::deserialize(deserializer).map(Some)
    }
}
