//! Keys are known by their hashes alone.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use std::fmt;
use std::str::FromStr;

/// The SHA-256 of an API key, written `sha256:` and 64 hexadecimal digits.
///
/// Keys are drawn from 2^256, so that a hash without salt or cost tells nothing of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyHash([u8; 32]);

const PREFIX: &str = "sha256:";

const EXPECTED: &str = "expected \"sha256:\" and 64 hexadecimal digits, as `byway key` prints them";

impl KeyHash {
    /// The hash of a key.
    pub fn of(key: &str) -> Self {
        Self(sha256(key.as_bytes()))
    }

    /// Whether two are the same, in a time that does not depend on how alike they are.
    pub fn is(&self, other: &Self) -> bool {
        verify_slices_are_equal(&self.0, &other.0).is_ok()
    }
}

/// SHA-256 (FIPS 180-4).
pub(super) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, bytes).as_ref());
    hash
}

impl fmt::Display for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(PREFIX)?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for KeyHash {
    type Err = &'static str;

    /// The error says what was expected, and not what was there: that could be the key itself.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.strip_prefix(PREFIX).filter(|digits| digits.len() == 64).ok_or(EXPECTED)?;
        let mut hash = [0; 32];
        for (byte, pair) in hash.iter_mut().zip(digits.as_bytes().chunks(2)) {
            let pair = pair.iter().try_fold(0, |value, digit| Some(value * 16 + char::from(*digit).to_digit(16)?));
            *byte = pair.and_then(|value| u8::try_from(value).ok()).ok_or(EXPECTED)?;
        }
        Ok(Self(hash))
    }
}

impl Serialize for KeyHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for KeyHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // The error of a wrong type would show the value.
        let text = String::deserialize(deserializer).map_err(|_| D::Error::custom(EXPECTED))?;
        text.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// FIPS 180-4's example.
    const OF_ABC: &str = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn a_hash_is_read_as_it_is_written() {
        let hash = KeyHash::of("abc");
        assert_eq!(hash.to_string(), OF_ABC);
        assert_eq!(OF_ABC.parse(), Ok(hash));
        assert!(hash.is(&OF_ABC.to_uppercase().replace("SHA", "sha").parse().unwrap()));
        assert!(!hash.is(&KeyHash::of("abd")));
    }

    #[test]
    fn what_is_no_hash_is_refused_and_not_repeated() {
        for wrong in ["", "canary", &OF_ABC[7..], &OF_ABC[..70], &OF_ABC.replace('b', "g"), &OF_ABC.replace("ba", "é")]
        {
            assert_eq!(wrong.parse::<KeyHash>(), Err(EXPECTED), "{wrong}");
        }
        let error = serde_json::from_str::<KeyHash>("\"canary\"").unwrap_err().to_string();
        assert!(!error.contains("canary"), "{error}");
    }
}
