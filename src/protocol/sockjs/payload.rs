//! What clients send: an array of strings (HTTP), or one array or string for each frame (WebSocket).

use super::escape::{Item, LenientString, StrictString, can_be_lenient};
use bytes::{Buf, Bytes};
use bytestring::ByteString;
use serde::de::{Deserializer, IgnoredAny, SeqAccess, Visitor};
use std::fmt;
use std::marker::PhantomData;

/// Why a client's payload was refused. `Display` is the body of the 500 answer that sockjs-node gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PayloadError {
    /// No body, or JSON that is not an array of strings.
    Expected,
    /// Not JSON.
    Broken,
    /// A message over the limit.
    TooBig,
}

impl fmt::Display for PayloadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Expected => "Payload expected.",
            Self::Broken => "Broken JSON encoding.",
            Self::TooBig => "Message too big.",
        })
    }
}

/// Messages that came together. All of them are known to be there and to be text; each is read when it is taken, so that
/// however many there are, they hold no more memory than the payload that they came in.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// Read already: most payloads have one message, which then is all that is kept.
    first: Option<ByteString>,
    /// The payload from somewhere ahead of the next message that is not read, and how many there are.
    unread: Bytes,
    left: usize,
}

impl Batch {
    /// How many messages are left.
    #[must_use]
    pub fn len(&self) -> usize {
        self.left + usize::from(self.first.is_some())
    }

    /// True when all were taken.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many bytes of the payload are held.
    #[must_use]
    pub fn held(&self) -> usize {
        self.unread.len() + self.first.as_ref().map_or(0, |first| first.len())
    }

    /// Reads the string at the front of the payload, behind what separates it from the one before.
    fn read(&mut self) -> Option<ByteString> {
        self.left = self.left.checked_sub(1)?;
        let start = self.unread.iter().position(|byte| *byte == b'"')?;
        self.unread.advance(start);
        let string = string_at::<StrictString>(&self.unread).or_else(|| string_at::<LenientString>(&self.unread));
        let (text, length) = string?;
        match self.left {
            // The payload need not stay for want of its closing bracket.
            0 => self.unread = Bytes::new(),
            _ => self.unread.advance(length),
        }
        Some(text)
    }
}

impl Iterator for Batch {
    type Item = ByteString;

    fn next(&mut self) -> Option<ByteString> {
        self.first.take().or_else(|| self.read())
    }
}

/// The first of some strings, and where it ends.
fn string_at<T: Item>(json: &[u8]) -> Option<(ByteString, usize)> {
    let mut strings = serde_json::Deserializer::from_slice(json).into_iter::<T>();
    let text = strings.next()?.ok()?.into_text();
    Some((text, strings.byte_offset()))
}

/// Reads the body of `xhr_send` or `jsonp_send`: a JSON array of strings, each of at most `longest` bytes.
pub fn parse_array(body: Bytes, longest: usize) -> Result<Batch, PayloadError> {
    if body.is_empty() {
        return Err(PayloadError::Expected);
    }
    match parse_items::<StrictString>(&body, longest) {
        Err(PayloadError::Broken) if can_be_lenient(&body) => parse_items::<LenientString>(&body, longest),
        parsed => parsed,
    }
    .map(|found| found.in_payload(body))
}

/// Reads one WebSocket message: an array, or (as old clients send) one bare string. Empty ones carry nothing.
pub fn parse_frame(text: ByteString) -> Result<Batch, PayloadError> {
    match text.as_bytes().first() {
        None => Ok(Batch::default()),
        // A bare string is an array of one.
        Some(b'"') => match parse_array(format!("[{text}]").into(), usize::MAX)? {
            one if one.left == 0 => Ok(one),
            _ => Err(PayloadError::Broken),
        },
        Some(_) => parse_array(text.into_bytes(), usize::MAX),
    }
}

/// What an array was found to have: its first string, and how many more.
struct Found {
    first: Option<ByteString>,
    more: usize,
}

impl Found {
    fn in_payload(self, mut payload: Bytes) -> Batch {
        let Self { first, more } = self;
        if more == 0 {
            return Batch { first, ..Batch::default() };
        }
        if let Some(start) = payload.iter().position(|byte| *byte == b'"') {
            payload.advance(start);
        }
        let mut strings = serde_json::Deserializer::from_slice(&payload).into_iter::<IgnoredAny>();
        strings.next();
        let length = strings.byte_offset();
        payload.advance(length);
        Batch { first, unread: payload, left: more }
    }
}

fn parse_items<T: Item>(body: &[u8], longest: usize) -> Result<Found, PayloadError> {
    let mut json = serde_json::Deserializer::from_slice(body);
    let visitor = ArrayVisitor { longest, item: PhantomData::<T> };
    let found = json.deserialize_any(visitor).map_err(|e| classify(&e))?;
    json.end().map_err(|_| PayloadError::Broken)?;
    found
}

/// serde reports a value of the wrong type as a data error; everything else is broken JSON.
fn classify(error: &serde_json::Error) -> PayloadError {
    match error.classify() {
        serde_json::error::Category::Data => PayloadError::Expected,
        _ => PayloadError::Broken,
    }
}

struct ArrayVisitor<T> {
    longest: usize,
    item: PhantomData<T>,
}

impl<'de, T: Item> Visitor<'de> for ArrayVisitor<T> {
    type Value = Result<Found, PayloadError>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of strings")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let first = items.next_element::<T>()?.map(T::into_text);
        let mut longest = first.as_ref().map_or(0, |first| first.len());
        let mut more = 0;
        while let Some(length) = items.next_element::<T::Length>()? {
            longest = longest.max(length.into());
            more += 1;
        }
        Ok(if longest > self.longest { Err(PayloadError::TooBig) } else { Ok(Found { first, more }) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The messages of a body of `longest` bytes each at the most, which was found to have as many.
    fn read(body: &[u8], longest: usize) -> Result<Vec<ByteString>, PayloadError> {
        parse_array(Bytes::copy_from_slice(body), longest).map(all)
    }

    fn all(batch: Batch) -> Vec<ByteString> {
        let announced = batch.len();
        let messages: Vec<_> = batch.collect();
        assert_eq!(messages.len(), announced);
        messages
    }

    fn parsed(body: &str) -> Result<Vec<ByteString>, PayloadError> {
        read(body.as_bytes(), 8)
    }

    fn frame(text: &'static str) -> Result<Vec<ByteString>, PayloadError> {
        parse_frame(text.into()).map(all)
    }

    #[test]
    fn an_array_of_strings_is_read_in_order() {
        assert_eq!(parsed(r#"["a","b\n",""]"#), Ok(vec!["a".into(), "b\n".into(), "".into()]));
        assert_eq!(parsed("[]"), Ok(vec![]));
        assert_eq!(parsed(" [ \"a\" ,\t\"\\\",[\"\n, \"c\" ] "), Ok(vec!["a".into(), "\",[".into(), "c".into()]));
    }

    #[test]
    fn nothing_and_things_that_are_no_array_of_strings_are_payload_expected() {
        for body in ["", "\"a\"", "{}", "1", "null", "[1]", "[[\"a\"]]", r#"["a",{}]"#, r#"["a","b",1]"#] {
            assert_eq!(parsed(body), Err(PayloadError::Expected), "{body}");
        }
    }

    #[test]
    fn what_is_not_json_is_broken() {
        for body in ["[\"a", "[\"a\"", "\u{feff}[]", "x", "[\"a\"]x", "[\"a\" \"b\"]", "['a']", "[\"a\",\"b\\x\"]"] {
            assert_eq!(parsed(body), Err(PayloadError::Broken), "{body}");
        }
    }

    #[test]
    fn only_lone_surrogates_are_forgiven() {
        assert_eq!(parsed(r#"["a\ud800b"]"#), Ok(vec!["a\u{fffd}b".into()]));
        let among_others = r#"["\ud83d\ude00","a","\ud800","b\udfff","c"]"#;
        assert_eq!(parsed(among_others), Ok(["😀", "a", "\u{fffd}", "b\u{fffd}", "c"].map(Into::into).to_vec()));
        for body in [&b"[\"a\x01\"]"[..], b"[\"a\n\"]", b"[\"\xff\"]", b"[\"\\ud800\xff\"]", b"[\"a\",\"\xff\"]"] {
            assert_eq!(read(body, 8), Err(PayloadError::Broken), "{body:?}");
        }
    }

    #[test]
    fn a_message_over_the_limit_is_refused_wherever_it_is_and_with_it_all_others() {
        for body in [r#"["123456789"]"#, r#"["123456789","a"]"#, r#"["a","b","123456789"]"#, r#"["a","12345678\n"]"#] {
            assert_eq!(parsed(body), Err(PayloadError::TooBig), "{body}");
        }
        assert_eq!(parsed(r#"["a","1234567\n"]"#).map(|messages| messages.len()), Ok(2));
    }

    #[test]
    fn as_many_messages_as_fit_in_a_payload_hold_no_more_memory_than_it() {
        let body = format!("[{}\"last\"]", "\"\",".repeat(100_000));
        let mut batch = parse_array(body.clone().into(), 8).unwrap();
        assert_eq!(batch.len(), 100_001);
        assert!(batch.held() < body.len());
        assert_eq!(batch.by_ref().take(100_000).filter(|message| message.is_empty()).count(), 100_000);
        assert_eq!(batch.next(), Some("last".into()));
        assert_eq!((batch.len(), batch.held(), batch.next()), (0, 0, None));
    }

    #[test]
    fn of_a_payload_with_one_message_nothing_else_is_kept() {
        let batch = parse_array(Bytes::from_static(b"  [ \"abc\" ]  "), 8).unwrap();
        assert_eq!((batch.len(), batch.held()), (1, 3));
    }

    #[test]
    fn deep_nesting_is_refused_without_recursion_to_its_depth() {
        assert!(parsed(&"[".repeat(1_000_000)).is_err());
    }

    #[test]
    fn a_frame_may_be_a_bare_string_or_empty() {
        assert_eq!(frame("\"a\""), Ok(vec!["a".into()]));
        assert_eq!(frame(""), Ok(vec![]));
        assert_eq!(frame("[\"a\",\"b\"]"), Ok(vec!["a".into(), "b".into()]));
        for text in ["\"a", "\"a\",\"b\"", "\"a\"]["] {
            assert!(frame(text).is_err(), "{text}");
        }
    }
}
