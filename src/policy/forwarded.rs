//! What proxies say of those behind them, in all the fields that are in use. Whether they are believed is decided elsewhere.

use crate::model::fields;
use http::HeaderMap;
use std::net::{IpAddr, SocketAddr};

const LIST: &str = "x-forwarded-for";
const FORWARDED: &str = "forwarded";

/// Fields that name the scheme, of which the first entry is the one that the client used.
const SCHEMES: [&str; 4] = ["x-forwarded-proto", "x-forwarded-protocol", "x-forwarded-scheme", "x-url-scheme"];

/// Fields that say `on` where it was TLS.
const FLAGS: [&str; 2] = ["x-forwarded-ssl", "front-end-https"];

/// Who asked whom, from the nearest on; `None` is somebody whose address cannot be read.
pub(super) fn hops(headers: &HeaderMap) -> Vec<Option<IpAddr>> {
    let listed: Vec<_> = fields::entries(headers, LIST).rev().map(address).collect();
    if !listed.is_empty() {
        return listed;
    }
    let elements = elements(headers);
    match elements.iter().any(|element| element.is_none_or(|element| parameter(element, "for").is_some())) {
        true => elements.into_iter().rev().map(|element| address(&parameter(element?, "for")?)).collect(),
        // A proxy that uses the field for other things names nobody.
        false => Vec::new(),
    }
}

/// The scheme that the client used, if it is said in any way; https where what is said is contradictory.
pub(super) fn scheme(headers: &HeaderMap) -> Option<&'static str> {
    let named = SCHEMES.iter().filter_map(|name| fields::entries(headers, *name).find_map(known_scheme));
    let flags = FLAGS.iter().filter_map(|name| fields::entries(headers, *name).find_map(known_scheme));
    let forwarded = elements(headers).into_iter().flatten().find_map(|e| known_scheme(&parameter(e, "proto")?));
    named.chain(flags).chain(forwarded).max_by_key(|scheme| *scheme == "https")
}

fn known_scheme(said: &[u8]) -> Option<&'static str> {
    match said.to_ascii_lowercase().as_slice() {
        b"https" | b"wss" | b"on" => Some("https"),
        b"http" | b"ws" | b"off" => Some("http"),
        _ => None,
    }
}

/// The elements of `Forwarded` (RFC 7239, section 4). A line whose quotes do not close is one that cannot be read: whoever
/// wrote its beginning would otherwise decide where its last element ends.
fn elements(headers: &HeaderMap) -> Vec<Option<&[u8]>> {
    let lines = headers.get_all(FORWARDED).iter().map(|line| line.as_bytes());
    let elements = lines.flat_map(|line| match fields::closes_its_quotes(line) {
        true => {
            fields::split_unquoted(line, b',').filter(|element| !element.trim_ascii().is_empty()).map(Some).collect()
        }
        false => vec![None],
    });
    elements.collect()
}

/// A parameter of an element, without its quotes.
fn parameter(element: &[u8], wanted: &str) -> Option<Vec<u8>> {
    let mut pairs = fields::split_unquoted(element, b';').filter_map(|pair| fields::split_once(pair, b'='));
    let (_, value) = pairs.find(|(name, _)| name.trim_ascii().eq_ignore_ascii_case(wanted.as_bytes()))?;
    Some(fields::unquoted(value.trim_ascii()))
}

/// `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]` or `[2001:db8::1]:80`.
fn address(hop: &[u8]) -> Option<IpAddr> {
    let hop = std::str::from_utf8(hop).ok()?;
    let bracketed = hop.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).map(str::parse);
    let plain = bracketed.unwrap_or_else(|| hop.parse());
    let with_port = || hop.parse().map(|address: SocketAddr| address.ip());
    plain.or_else(|_| with_port()).ok().map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
pub(super) mod testing {
    use http::{HeaderMap, HeaderValue};

    pub fn headers(lines: &[(&'static str, &[u8])]) -> HeaderMap {
        let value = |bytes: &[u8]| HeaderValue::from_bytes(bytes).expect("a field's value");
        lines.iter().map(|(name, bytes)| (name.parse().expect("a name"), value(bytes))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::testing::headers;
    use super::*;

    fn said(name: &'static str, value: &str) -> Option<&'static str> {
        scheme(&headers(&[(name, value.as_bytes())]))
    }

    #[test]
    fn every_spelling_of_the_scheme_in_use_is_understood() {
        for (name, value, expected) in [
            ("x-forwarded-proto", "wss", "https"),
            ("x-forwarded-proto", "ws", "http"),
            ("x-forwarded-proto", "https, http", "https"),
            ("x-forwarded-proto", "http,https", "http"),
            ("x-forwarded-proto", " HTTPS ", "https"),
            ("x-forwarded-protocol", "https", "https"),
            ("x-forwarded-scheme", "https", "https"),
            ("x-url-scheme", "https", "https"),
            ("x-forwarded-ssl", "On", "https"),
            ("x-forwarded-ssl", "off", "http"),
            ("front-end-https", "on", "https"),
            ("forwarded", "for=192.0.2.1;Proto=HTTPS;by=203.0.113.43", "https"),
            ("forwarded", "for=\"[2001:db8::1]:80\"; proto=\"https\", proto=http", "https"),
        ] {
            assert_eq!(said(name, value), Some(expected), "{name}: {value}");
        }
        for (name, value) in [("x-forwarded-proto", "gopher"), ("forwarded", "for=192.0.2.1"), ("x-forwarded-ssl", "")]
        {
            assert_eq!(said(name, value), None, "{name}: {value}");
        }
    }

    #[test]
    fn where_fields_contradict_each_other_it_was_tls() {
        let (plain, tls) = (("x-forwarded-proto", &b"http"[..]), ("forwarded", &b"proto=https"[..]));
        assert_eq!(scheme(&headers(&[plain, tls])), Some("https"));
        assert_eq!(scheme(&headers(&[("x-forwarded-ssl", b"off"), ("x-forwarded-proto", b"https")])), Some("https"));
    }

    #[test]
    fn an_entry_that_is_no_text_hides_no_scheme() {
        assert_eq!(scheme(&headers(&[("x-forwarded-proto", b"\xff, https")])), Some("https"));
        assert_eq!(scheme(&headers(&[("forwarded", b"host=caf\xe9;proto=https")])), Some("https"));
    }

    #[test]
    fn quotes_that_do_not_close_hide_what_a_proxy_added_from_nobody() {
        let hops = |line: &[u8]| hops(&headers(&[("forwarded", line)]));
        for forged in [&b"for=\"1.1.1.1, for=203.0.113.7"[..], b"for=\"x\\, for=\"[2001:db8::1]\""] {
            assert_eq!(hops(forged), [None], "{forged:?}");
        }
        let address = |text: &str| Some(text.parse::<IpAddr>().unwrap());
        assert_eq!(hops(b"for=\"a, b\", for=203.0.113.7"), [address("203.0.113.7"), None]);
    }
}
