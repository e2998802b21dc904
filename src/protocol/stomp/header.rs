use super::Version;
use bytestring::ByteString;
use std::fmt;

/// The headers of a frame, unescaped, in their order, without repetitions: the first entry of a name is its value
/// (STOMP 1.2, "Repeated Header Entries"). Names are case-sensitive.
///
/// `Debug` shows the names only: values may be secrets.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Headers(Vec<(ByteString, ByteString)>);

impl Headers {
    /// No headers.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// The value of the header with this name.
    pub fn get(&self, name: &str) -> Option<&ByteString> {
        self.0.iter().find(|(known, _)| *known == *name).map(|(_, value)| value)
    }

    /// Appends a header; does nothing when there is one with this name.
    pub fn push(&mut self, name: impl Into<ByteString>, value: impl Into<ByteString>) {
        let name = name.into();
        if self.get(&name).is_none() {
            self.0.push((name, value.into()));
        }
    }

    /// Takes the header with this name out.
    pub(super) fn remove(&mut self, name: &str) -> Option<ByteString> {
        let at = self.0.iter().position(|(known, _)| *known == *name)?;
        Some(self.0.remove(at).1)
    }

    /// Keeps the headers whose names are wanted.
    pub(super) fn retain(&mut self, wanted: impl Fn(&str) -> bool) {
        self.0.retain(|(name, _)| wanted(name));
    }

    /// Without the spaces around names and values, as STOMP 1.0's own examples have them. Later versions forbid this.
    pub(super) fn trimmed(self) -> Self {
        let mut trimmed = Self::new();
        for (name, value) in &self.0 {
            trimmed.push(name.slice_ref(name.trim_matches(' ')), value.slice_ref(value.trim_matches(' ')));
        }
        trimmed
    }

    /// The headers in their order.
    pub fn iter(&self) -> impl Iterator<Item = (&ByteString, &ByteString)> {
        self.0.iter().map(|(name, value)| (name, value))
    }

    /// How many headers there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

impl<N: Into<ByteString>, V: Into<ByteString>> FromIterator<(N, V)> for Headers {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(headers: I) -> Self {
        let mut collected = Self::new();
        headers.into_iter().for_each(|(name, value)| collected.push(name, value));
        collected
    }
}

/// Whether a header of a SEND means the frame itself, or is the server's to set, and so does not reach the MESSAGE: a
/// client could otherwise speak for the server to other clients.
pub(super) fn is_reserved(name: &str) -> bool {
    matches!(
        name,
        "destination"
            | "receipt"
            | "receipt-id"
            | "transaction"
            | "content-length"
            | "message-id"
            | "subscription"
            | "ack"
            | "user-name"
            | "session"
    )
}

/// An escape that the version does not define: a fatal protocol error (STOMP 1.1 and 1.2, "Value Encoding").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct UndefinedEscape;

/// What a name or value of a frame other than CONNECT means (STOMP 1.2, "Value Encoding"). Without a backslash it is a
/// slice of what came.
pub(super) fn unescape(raw: ByteString, version: Version) -> Result<ByteString, UndefinedEscape> {
    if version == Version::V1_0 || !raw.as_bytes().contains(&b'\\') {
        return Ok(raw);
    }
    let mut text = String::with_capacity(raw.len());
    let mut rest = &*raw;
    while let Some((plain, escape)) = rest.split_once('\\') {
        text.push_str(plain);
        text.push(escaped(escape, version)?);
        // All that may follow a backslash is one byte long.
        rest = &escape[1..];
    }
    text.push_str(rest);
    Ok(text.into())
}

fn escaped(rest: &str, version: Version) -> Result<char, UndefinedEscape> {
    match rest.as_bytes().first() {
        Some(b'n') => Ok('\n'),
        Some(b'c') => Ok(':'),
        Some(b'\\') => Ok('\\'),
        Some(b'r') if version >= Version::V1_2 => Ok('\r'),
        _ => Err(UndefinedEscape),
    }
}

/// Whether a text is a header's name or its value.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Name,
    Value,
}

/// How an octet of a header is written.
enum Written {
    Plain,
    As(&'static str),
}

/// What a version cannot carry is left out: NUL in every version, CR before 1.2, and in 1.0, which has no escapes, also LF
/// and a colon in a name. A text can lose characters this way, but never become another header.
fn written(octet: u8, version: Version, part: Part) -> Written {
    match (octet, version) {
        (0, _) | (b'\r', Version::V1_0 | Version::V1_1) | (b'\n', Version::V1_0) => Written::As(""),
        (b':', Version::V1_0) if part == Part::Name => Written::As(""),
        (_, Version::V1_0) => Written::Plain,
        (b'\n', _) => Written::As("\\n"),
        (b':', _) => Written::As("\\c"),
        (b'\\', _) => Written::As("\\\\"),
        (b'\r', _) => Written::As("\\r"),
        _ => Written::Plain,
    }
}

/// How many bytes [`escape`] appends.
pub(super) fn escaped_len(text: &str, version: Version, part: Part) -> usize {
    let len = |octet| match written(octet, version, part) {
        Written::Plain => 1,
        Written::As(escape) => escape.len(),
    };
    text.bytes().map(len).sum()
}

/// Appends `text` to `out` so that [`unescape`] gives it back.
pub(super) fn escape(out: &mut String, text: &str, version: Version, part: Part) {
    let mut plain = 0;
    for (at, octet) in text.bytes().enumerate() {
        if let Written::As(escape) = written(octet, version, part) {
            out.push_str(&text[plain..at]);
            out.push_str(escape);
            plain = at + 1;
        }
    }
    out.push_str(&text[plain..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn escaped(text: &str, version: Version, part: Part) -> String {
        let mut out = String::new();
        escape(&mut out, text, version, part);
        assert_eq!(escaped_len(text, version, part), out.len());
        out
    }

    #[test]
    fn each_version_has_its_escapes() {
        let raw = || ByteString::from_static(r"a\n\c\\b");
        assert_eq!(unescape(raw(), Version::V1_0), Ok(raw()));
        assert_eq!(unescape(raw(), Version::V1_1), Ok("a\n:\\b".into()));
        assert_eq!(unescape(raw(), Version::V1_2), Ok("a\n:\\b".into()));
        assert_eq!(unescape(r"\r".into(), Version::V1_2), Ok("\r".into()));
        assert_eq!(unescape(r"\\n".into(), Version::V1_2), Ok("\\n".into()));
    }

    #[test]
    fn an_undefined_escape_is_refused_and_so_is_one_that_is_cut_off() {
        assert_eq!(unescape(r"\r".into(), Version::V1_1), Err(UndefinedEscape));
        for raw in [r"\t", r"a\", r"\\\", r"\é", r"\N"] {
            assert_eq!(unescape(raw.into(), Version::V1_2), Err(UndefinedEscape), "{raw}");
        }
    }

    #[test]
    fn what_is_escaped_comes_back() {
        let text = "é:\n\\n\\\\c:";
        for version in [Version::V1_1, Version::V1_2] {
            for part in [Part::Name, Part::Value] {
                assert_eq!(unescape(escaped(text, version, part).into(), version), Ok(text.into()));
            }
        }
        assert_eq!(unescape(escaped("\r", Version::V1_2, Part::Value).into(), Version::V1_2), Ok("\r".into()));
    }

    #[test]
    fn what_a_version_cannot_carry_is_left_out_and_never_ends_a_line() {
        assert_eq!(escaped("a:b\r\nc\0\\", Version::V1_0, Part::Value), "a:bc\\");
        assert_eq!(escaped("a:b\r\nc\0\\", Version::V1_0, Part::Name), "abc\\");
        assert_eq!(escaped("a:b\r\nc\0", Version::V1_1, Part::Value), "a\\cb\\nc");
        assert_eq!(escaped("a\0b", Version::V1_2, Part::Value), "ab");
    }

    #[test]
    fn the_first_entry_of_a_name_is_its_value_and_names_are_case_sensitive() {
        let headers = Headers::from_iter([("a", "1"), ("A", "2"), ("a", "3")]);
        assert_eq!(headers.get("a"), Some(&"1".into()));
        assert_eq!(headers.get("A"), Some(&"2".into()));
        assert_eq!(headers.len(), 2);
    }

    #[test]
    fn debug_output_shows_no_values() {
        let headers = Headers::from_iter([("passcode", "hunter2")]);
        assert_eq!(format!("{headers:?}"), r#"{"passcode"}"#);
    }
}
