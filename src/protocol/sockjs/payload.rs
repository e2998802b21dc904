//! What clients send: an array of strings (HTTP), or one array or string for each frame (WebSocket).

use super::escape::{Item, LenientString, StrictString, can_be_lenient};
use bytestring::ByteString;
use serde::de::{Deserializer, SeqAccess, Visitor};
use std::fmt;
use std::marker::PhantomData;

/// Why a client's payload was refused. `Display` is the body of the 500 answer that sockjs-node gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PayloadError {
    /// No body, or JSON that is not an array of strings.
    Expected,
    /// Not JSON.
    Broken,
    /// More items than the limit allows.
    TooMany,
}

impl fmt::Display for PayloadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Expected => "Payload expected.",
            Self::Broken => "Broken JSON encoding.",
            Self::TooMany => "Too many messages in one request.",
        })
    }
}

/// Reads the body of `xhr_send` or `jsonp_send`: a JSON array of strings, at most `limit` of them.
pub fn parse_array(body: &[u8], limit: usize) -> Result<Vec<ByteString>, PayloadError> {
    if body.is_empty() {
        return Err(PayloadError::Expected);
    }
    match parse_items::<StrictString>(body, limit) {
        Err(PayloadError::Broken) if can_be_lenient(body) => parse_items::<LenientString>(body, limit),
        parsed => parsed,
    }
}

/// Reads one WebSocket message: an array, or (as old clients send) one bare string. Empty ones carry nothing.
pub fn parse_frame(text: &str, limit: usize) -> Result<Vec<ByteString>, PayloadError> {
    match text.as_bytes().first() {
        None => Ok(Vec::new()),
        // A bare string is an array of one.
        Some(b'"') => parse_array(format!("[{text}]").as_bytes(), 1),
        Some(_) => parse_array(text.as_bytes(), limit),
    }
}

fn parse_items<T: Item>(body: &[u8], limit: usize) -> Result<Vec<ByteString>, PayloadError> {
    let mut json = serde_json::Deserializer::from_slice(body);
    let visitor = ArrayVisitor { limit, item: PhantomData::<T> };
    let messages = json.deserialize_any(visitor).map_err(|e| classify(&e))?;
    json.end().map_err(|_| PayloadError::Broken)?;
    messages
}

/// serde reports a value of the wrong type as a data error; everything else is broken JSON.
fn classify(error: &serde_json::Error) -> PayloadError {
    match error.classify() {
        serde_json::error::Category::Data => PayloadError::Expected,
        _ => PayloadError::Broken,
    }
}

struct ArrayVisitor<T> {
    limit: usize,
    item: PhantomData<T>,
}

impl<'de, T: Item> Visitor<'de> for ArrayVisitor<T> {
    type Value = Result<Vec<ByteString>, PayloadError>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of strings")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut messages = Vec::new();
        while let Some(message) = items.next_element::<T>()? {
            if messages.len() == self.limit {
                // The rest is skipped, not stored, so that the array still ends where it should.
                while items.next_element::<serde::de::IgnoredAny>()?.is_some() {}
                return Ok(Err(PayloadError::TooMany));
            }
            messages.push(message.into_text());
        }
        Ok(Ok(messages))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(body: &str) -> Result<Vec<ByteString>, PayloadError> {
        parse_array(body.as_bytes(), 3)
    }

    #[test]
    fn an_array_of_strings_is_read_in_order() {
        assert_eq!(parsed(r#"["a","b\n",""]"#), Ok(vec!["a".into(), "b\n".into(), "".into()]));
        assert_eq!(parsed("[]"), Ok(vec![]));
    }

    #[test]
    fn nothing_and_things_that_are_no_array_of_strings_are_payload_expected() {
        for body in ["", "\"a\"", "{}", "1", "null", "[1]", "[[\"a\"]]", r#"["a",{}]"#] {
            assert_eq!(parsed(body), Err(PayloadError::Expected), "{body}");
        }
    }

    #[test]
    fn what_is_not_json_is_broken() {
        for body in ["[\"a", "[\"a\"", "\u{feff}[]", "x", "[\"a\"]x", "[\"a\" \"b\"]", "['a']"] {
            assert_eq!(parsed(body), Err(PayloadError::Broken), "{body}");
        }
    }

    #[test]
    fn only_lone_surrogates_are_forgiven() {
        assert_eq!(parsed(r#"["a\ud800b"]"#), Ok(vec!["a\u{fffd}b".into()]));
        for body in [&b"[\"a\x01\"]"[..], b"[\"a\n\"]", b"[\"\xff\"]", b"[\"\\ud800\xff\"]"] {
            assert_eq!(parse_array(body, 3), Err(PayloadError::Broken), "{body:?}");
        }
    }

    #[test]
    fn more_items_than_the_limit_are_refused() {
        assert_eq!(parsed(r#"["a","b","c","d"]"#), Err(PayloadError::TooMany));
    }

    #[test]
    fn deep_nesting_is_refused_without_recursion_to_its_depth() {
        assert!(parsed(&"[".repeat(1_000_000)).is_err());
    }

    #[test]
    fn a_frame_may_be_a_bare_string_or_empty() {
        assert_eq!(parse_frame("\"a\"", 3), Ok(vec!["a".into()]));
        assert_eq!(parse_frame("", 3), Ok(vec![]));
        assert_eq!(parse_frame("[\"a\",\"b\"]", 3), Ok(vec!["a".into(), "b".into()]));
        for text in ["\"a", "\"a\",\"b\"", "\"a\"]["] {
            assert!(parse_frame(text, 3).is_err(), "{text}");
        }
    }
}
