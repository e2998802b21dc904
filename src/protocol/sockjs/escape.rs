//! JSON strings as SockJS writes and reads them.

use bytestring::ByteString;
use std::fmt::{self, Write};

/// Appends `text` to `out` as a JSON string that every SockJS client can read.
///
/// Besides what JSON demands, the code points that some browsers' transports mangle are escaped: U+200C-200F,
/// U+2028-202F, U+2060-206F, U+FFF0-FFFF, and everything beyond U+FFFF as a pair of surrogate escapes.
pub(super) fn push_json_string(out: &mut String, text: &str) {
    out.reserve(text.len() + 2);
    out.push('"');
    push_escaped(out, text);
    out.push('"');
}

/// Escaping works character by character, so unescaped runs are copied whole.
fn push_escaped(out: &mut String, text: &str) {
    let mut plain = 0;
    for (at, c) in text.char_indices() {
        if !needs_escape(c) {
            continue;
        }
        out.push_str(&text[plain..at]);
        push_escape(out, c);
        plain = at + c.len_utf8();
    }
    out.push_str(&text[plain..]);
}

fn needs_escape(c: char) -> bool {
    match c {
        '"' | '\\' | '\0'..='\u{1f}' => true,
        ' '..='\u{1fff}' => false,
        '\u{200c}'..='\u{200f}' | '\u{2028}'..='\u{202f}' | '\u{2060}'..='\u{206f}' => true,
        '\u{fff0}'.. => true,
        _ => false,
    }
}

fn push_escape(out: &mut String, c: char) {
    match c {
        '"' => out.push_str("\\\""),
        '\\' => out.push_str("\\\\"),
        '\u{8}' => out.push_str("\\b"),
        '\u{c}' => out.push_str("\\f"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        _ => push_units(out, c),
    }
}

fn push_units(out: &mut String, c: char) {
    for unit in c.encode_utf16(&mut [0; 2]) {
        write!(out, "\\u{unit:04x}").expect("writing to a String cannot fail");
    }
}

/// One item of a client's array: a JSON string.
pub(super) trait Item: for<'de> serde::Deserialize<'de> {
    /// What is left of one that is looked at and not kept: its length in bytes.
    type Length: for<'de> serde::Deserialize<'de> + Into<usize>;

    fn into_text(self) -> ByteString;
}

/// An item that is what JSON says.
#[derive(Debug, serde::Deserialize)]
#[serde(transparent)]
pub(super) struct StrictString(String);

impl Item for StrictString {
    type Length = StrictLength;

    fn into_text(self) -> ByteString {
        self.0.into()
    }
}

/// An item with lone surrogates (legal in JavaScript), which are read as U+FFFD.
///
/// serde_json refuses lone surrogates in a `String`, but hands them out as WTF-8 bytes; losing one character beats
/// losing the session.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct LenientString(ByteString);

impl Item for LenientString {
    type Length = LenientLength;

    fn into_text(self) -> ByteString {
        self.0
    }
}

/// Whether reading leniently would forgive nothing but surrogates: read as bytes, strings may hold what JSON does not
/// allow in them, control characters and broken UTF-8.
pub(super) fn can_be_lenient(json: &[u8]) -> bool {
    json.iter().all(|byte| *byte >= 0x20) && simdutf8::basic::from_utf8(json).is_ok()
}

impl<'de> serde::Deserialize<'de> for LenientString {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_bytes(LenientVisitor)
    }
}

struct LenientVisitor;

impl serde::de::Visitor<'_> for LenientVisitor {
    type Value = LenientString;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON string")
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<LenientString, E> {
        let text = match simdutf8::basic::from_utf8(bytes) {
            Ok(text) => ByteString::from(text),
            Err(_) => ByteString::from(replace_surrogates(bytes)),
        };
        Ok(LenientString(text))
    }
}

/// The length of a string that is what JSON says.
pub(super) struct StrictLength(usize);

/// The length of a string as it is read leniently: U+FFFD has as many bytes as a lone surrogate in WTF-8.
pub(super) struct LenientLength(usize);

impl<'de> serde::Deserialize<'de> for StrictLength {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(LengthVisitor).map(Self)
    }
}

impl<'de> serde::Deserialize<'de> for LenientLength {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_bytes(LengthVisitor).map(Self)
    }
}

impl From<StrictLength> for usize {
    fn from(StrictLength(length): StrictLength) -> Self {
        length
    }
}

impl From<LenientLength> for usize {
    fn from(LenientLength(length): LenientLength) -> Self {
        length
    }
}

struct LengthVisitor;

impl serde::de::Visitor<'_> for LengthVisitor {
    type Value = usize;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON string")
    }

    fn visit_str<E>(self, text: &str) -> Result<usize, E> {
        Ok(text.len())
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<usize, E> {
        Ok(bytes.len())
    }
}

/// WTF-8 to UTF-8: a lone surrogate is three bytes, ED A0-BF xx, and becomes one U+FFFD.
fn replace_surrogates(wtf8: &[u8]) -> String {
    let mut repaired = wtf8.to_vec();
    for at in 0..repaired.len().saturating_sub(2) {
        if repaired[at] == 0xed && repaired[at + 1] >= 0xa0 {
            repaired[at..at + 3].copy_from_slice("\u{fffd}".as_bytes());
        }
    }
    String::from_utf8_lossy(&repaired).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn escaped(text: &str) -> String {
        let mut out = String::new();
        push_json_string(&mut out, text);
        out
    }

    #[test]
    fn short_escapes_are_json_s_own_and_the_rest_is_lower_case_hex() {
        assert_eq!(escaped("a\"b\\\u{8}\u{c}\n\r\t\0\u{1f}"), r#""a\"b\\\b\f\n\r\t\u0000\u001f""#);
    }

    #[test]
    fn code_points_that_transports_mangle_are_escaped_at_the_edges_of_their_ranges() {
        let text = "\u{200b}\u{200c}\u{200f}\u{2010}\u{2027}\u{2028}\u{202f}\u{2030}\u{2060}\u{206f}\u{2070}\u{ffef}\u{fff0}\u{ffff}";
        assert_eq!(
            escaped(text),
            "\"\u{200b}\\u200c\\u200f\u{2010}\u{2027}\\u2028\\u202f\u{2030}\\u2060\\u206f\u{2070}\u{ffef}\\ufff0\\uffff\""
        );
    }

    #[test]
    fn characters_beyond_the_basic_plane_become_two_escapes() {
        assert_eq!(escaped("😀"), r#""\ud83d\ude00""#);
    }

    #[test]
    fn slash_angle_bracket_delete_and_bom_stay_as_they_are() {
        assert_eq!(escaped("</\u{7f}\u{80}\u{ad}\u{feff}"), "\"</\u{7f}\u{80}\u{ad}\u{feff}\"");
    }

    #[test]
    fn a_lone_surrogate_is_read_as_one_replacement_character() {
        let read: LenientString = serde_json::from_str(r#""a\ud800b\ud83d\ude00""#).unwrap();
        assert_eq!(read.into_text(), "a\u{fffd}b😀");
    }
}
