use super::Version;
use crate::model::Headers;
use bytestring::ByteString;

/// Without the spaces around names and values, as STOMP 1.0's own examples have them. Later versions forbid this.
pub(super) fn trimmed(headers: &Headers) -> Headers {
    let trim = |text: &ByteString| text.slice_ref(text.trim_matches(' '));
    headers.iter().map(|(name, value)| (trim(name), trim(value))).collect()
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

/// Whether the broker adds a header of this name to a message by itself. What a client says there is dropped as well, and
/// what the broker says is not.
pub(super) fn is_the_broker_s(name: &str) -> bool {
    matches!(name, "delivery-count" | "redelivered" | "dead-letter-reason" | "original-destination" | "body-encoding")
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
}
