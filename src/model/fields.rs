//! Header fields of HTTP, read as bytes. A byte beyond ASCII makes the entry unreadable that it is in, and hides no other:
//! what decides anything reads its fields here, never a whole line as text.

use http::header::{AUTHORIZATION, AsHeaderName, CONTENT_TYPE, COOKIE, HeaderMap, IF_NONE_MATCH};

/// The entries of a list (RFC 9110, section 5.6.1), trimmed and without the empty ones. All lines of the field are one list
/// (section 5.3).
pub fn entries(headers: &HeaderMap, name: impl AsHeaderName) -> impl DoubleEndedIterator<Item = &[u8]> {
    parts(headers, name, b',')
}

/// Whether a list has this token, whatever its case.
pub fn has_token(headers: &HeaderMap, name: impl AsHeaderName, token: &str) -> bool {
    entries(headers, name).any(|entry| entry.eq_ignore_ascii_case(token.as_bytes()))
}

/// A list as one line of text. What is not UTF-8 becomes U+FFFD, which is in no token.
pub fn joined(headers: &HeaderMap, name: impl AsHeaderName) -> String {
    let lines: Vec<_> = headers.get_all(name).iter().map(|line| line.as_bytes()).collect();
    String::from_utf8_lossy(&lines.join(&b", "[..])).into_owned()
}

/// The credentials of this scheme, whatever its case (RFC 9110, section 11.4). There may be others beside them.
pub fn credentials<'a>(headers: &'a HeaderMap, scheme: &str) -> Option<&'a [u8]> {
    headers.get_all(AUTHORIZATION).iter().find_map(|line| {
        let line = line.as_bytes().trim_ascii();
        let end = line.iter().position(u8::is_ascii_whitespace)?;
        let (given, rest) = line.split_at(end);
        given.eq_ignore_ascii_case(scheme.as_bytes()).then(|| rest.trim_ascii())
    })
}

/// The value of a cookie, without its quotes (RFC 6265, section 4.2.1): of several the first.
pub fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a [u8]> {
    let mut pairs = parts(headers, COOKIE, b';').filter_map(|pair| split_once(pair, b'='));
    let (_, value) = pairs.find(|(given, _)| given.trim_ascii() == name.as_bytes())?;
    let quoted = value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\""));
    Some(quoted.unwrap_or(value))
}

/// Whether `If-None-Match` has this entity tag, in its quotes (RFC 9110, section 13.1.2). Tags are compared weakly, since
/// proxies that compress weaken them.
pub fn knows_tag(headers: &HeaderMap, tag: &str) -> bool {
    entries(headers, IF_NONE_MATCH)
        .any(|given| given == b"*" || given.strip_prefix(b"W/").unwrap_or(given) == tag.as_bytes())
}

/// The media type of a body in lower case, without its parameters (RFC 9110, section 8.3.1); empty where none is said.
pub fn media_type(headers: &HeaderMap) -> String {
    let said = headers.get(CONTENT_TYPE).map(|value| value.as_bytes()).unwrap_or_default();
    essence(said)
}

/// What a client accepts, in its order: media types in lower case without their parameters, with their weights in thousandths
/// (RFC 9110, sections 12.4.2 and 12.5.1). 0 refuses.
pub fn weighted(headers: &HeaderMap, name: impl AsHeaderName) -> impl Iterator<Item = (String, u16)> {
    let lines = headers.get_all(name).into_iter();
    let ranges = lines.flat_map(|line| split_unquoted(line.as_bytes(), b','));
    ranges.map(|range| (essence(range), weight(range))).filter(|(media, _)| !media.is_empty())
}

/// Splits at separators that are in no quoted string (RFC 9110, section 5.6.4). One that does not close reaches to the end.
pub fn split_unquoted(text: &[u8], separator: u8) -> impl Iterator<Item = &[u8]> {
    let (mut quoted, mut escaped) = (false, false);
    text.split(move |byte| {
        let separates = *byte == separator && !quoted;
        (quoted, escaped) = match byte {
            _ if escaped => (quoted, false),
            b'\\' if quoted => (true, true),
            b'"' => (!quoted, false),
            _ => (quoted, false),
        };
        separates
    })
}

/// Whether every quoted string in it closes.
pub fn closes_its_quotes(text: &[u8]) -> bool {
    // A separator behind the text is none if it is in a quoted string.
    let closed = [text, b"\n"].concat();
    split_unquoted(&closed, b'\n').last().is_some_and(<[u8]>::is_empty)
}

/// A token, or what a quoted string says (RFC 9110, section 5.6.4).
pub fn unquoted(value: &[u8]) -> Vec<u8> {
    let Some(quoted) = value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\"")) else {
        return value.to_vec();
    };
    let mut escaped = false;
    let said = quoted.iter().filter(|byte| {
        escaped = **byte == b'\\' && !escaped;
        !escaped
    });
    said.copied().collect()
}

/// Both sides of the first such byte.
pub fn split_once(text: &[u8], at: u8) -> Option<(&[u8], &[u8])> {
    let position = text.iter().position(|byte| *byte == at)?;
    Some((&text[..position], &text[position + 1..]))
}

fn parts(headers: &HeaderMap, name: impl AsHeaderName, separator: u8) -> impl DoubleEndedIterator<Item = &[u8]> {
    let lines = headers.get_all(name).into_iter();
    let parts = lines.flat_map(move |line| line.as_bytes().split(move |byte| *byte == separator));
    parts.map(<[u8]>::trim_ascii).filter(|part| !part.is_empty())
}

fn essence(value: &[u8]) -> String {
    let essence = value.split(|byte| *byte == b';').next().unwrap_or_default();
    String::from_utf8_lossy(essence.trim_ascii()).to_ascii_lowercase()
}

/// 1000 where none is said, and where what is said is no weight.
fn weight(range: &[u8]) -> u16 {
    let parameters = split_unquoted(range, b';').skip(1).filter_map(|parameter| split_once(parameter, b'='));
    let said =
        parameters.filter(|(name, _)| name.trim_ascii().eq_ignore_ascii_case(b"q")).map(|(_, value)| value).next();
    let weight = said.and_then(|value| std::str::from_utf8(value.trim_ascii()).ok()?.parse::<f32>().ok());
    weight.filter(|weight| (0.0..=1.0).contains(weight)).map_or(1000, |weight| (weight * 1000.0) as u16)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;
    use http::header::{ACCEPT, CONNECTION};

    fn headers(name: &'static str, lines: &[&[u8]]) -> HeaderMap {
        let lines = lines.iter().map(|line| HeaderValue::from_bytes(line).expect("a field's value"));
        lines.map(|line| (name.parse().expect("a name"), line)).collect()
    }

    #[test]
    fn several_lines_are_one_list_and_a_byte_beyond_ascii_hides_none_of_it() {
        let list = headers("connection", &[b"keep-alive, \xff", b" , Upgrade,caf\xe9"]);
        let entries: Vec<_> = entries(&list, CONNECTION).collect();
        assert_eq!(entries, [&b"keep-alive"[..], b"\xff", b"Upgrade", b"caf\xe9"]);
        assert!(has_token(&list, CONNECTION, "upgrade") && !has_token(&list, CONNECTION, "close"));
        assert_eq!(joined(&list, CONNECTION), "keep-alive, \u{fffd},  , Upgrade,caf\u{fffd}");
    }

    #[test]
    fn a_cookie_is_found_among_others_whatever_those_are() {
        let cookies = headers("cookie", &[b"theme=caf\xe9; \xff; a = b;token=t", b"token=later; quoted=\"q\""]);
        assert_eq!(cookie(&cookies, "token"), Some(&b"t"[..]));
        assert_eq!(cookie(&cookies, "quoted"), Some(&b"q"[..]));
        assert_eq!(cookie(&cookies, "theme"), Some(&b"caf\xe9"[..]));
        assert_eq!(cookie(&cookies, "Token"), None);
    }

    #[test]
    fn credentials_are_found_beside_those_of_another_scheme() {
        let both = headers("authorization", &[b"Basic \xff", b"bEARER  t "]);
        assert_eq!(credentials(&both, "bearer"), Some(&b"t"[..]));
        assert_eq!(credentials(&headers("authorization", &[b"Bearer"]), "bearer"), None);
    }

    #[test]
    fn weights_are_read_in_any_case_and_a_comma_in_quotes_separates_nothing() {
        let list =
            headers("accept", &[b"Text/HTML; x=\"a,b;q=0\" ;Q=0.5, application/JSON", b"a/b;q=0, \xff;q=x, */*;q=2"]);
        let found: Vec<_> = weighted(&list, ACCEPT).collect();
        let expected = [("text/html", 500), ("application/json", 1000), ("a/b", 0), ("\u{fffd}", 1000), ("*/*", 1000)];
        assert_eq!(found, expected.map(|(media, weight)| (media.to_owned(), weight)));
    }

    #[test]
    fn a_tag_is_known_in_a_list_weakened_and_as_a_star() {
        let known = |line: &[u8]| knows_tag(&headers("if-none-match", &[b"\xff", line]), "\"tag\"");
        for line in [&b"\"tag\""[..], b"\"other\", \"tag\"", b"W/\"tag\"", b"*"] {
            assert!(known(line), "{line:?}");
        }
        assert!(!known(b"\"other\"") && !known(b"tag"));
    }

    #[test]
    fn a_media_type_is_in_lower_case_and_without_parameters() {
        assert_eq!(media_type(&headers("content-type", &[b"Application/JSON ;x=\xff"])), "application/json");
        assert_eq!(media_type(&HeaderMap::new()), "");
    }
}
