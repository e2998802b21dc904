use bytestring::ByteString;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// A text that nobody may read by accident: a token, a passcode, a key. `Debug`, `Display` and serde show that there is
/// one, and not what it is.
///
/// Comparing two takes as long as they are alike: it is for settings, and not for deciding who may come in.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(ByteString);

impl Secret {
    /// What is shown in its place.
    pub const HIDDEN: &'static str = "(hidden)";

    /// The text itself. Whoever calls this sees to it that the text goes nowhere.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl<T: Into<ByteString>> From<T> for Secret {
    fn from(text: T) -> Self {
        Self(text.into())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Self::HIDDEN)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Self::HIDDEN)
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(Self::HIDDEN)
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // The error of a wrong type would show the value.
        let text = String::deserialize(deserializer).map_err(|_| serde::de::Error::custom("expected text"))?;
        Ok(Self::from(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_shown_to_nobody() {
        let secret = Secret::from("canary");
        assert_eq!(secret.expose(), "canary");
        for shown in [format!("{secret:?}"), secret.to_string(), serde_json::to_string(&secret).unwrap()] {
            assert!(shown.contains(Secret::HIDDEN) && !shown.contains("canary"), "{shown}");
        }
        let error = serde_json::from_str::<Secret>("4711").unwrap_err();
        assert!(!error.to_string().contains("4711"), "{error}");
    }
}
