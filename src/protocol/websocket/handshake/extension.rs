//! Negotiating permessage-deflate (RFC 7692 sections 5 and 7.1).

use super::{is_token, trim};
use std::fmt;
use std::ops::RangeInclusive;

/// The window sizes of RFC 7692 section 7.1.2, as base-2 logarithms of bytes.
const WINDOW_BITS: RangeInclusive<u8> = 8..=15;

/// The smallest window that zlib can compress with; an offer that demands a smaller one is
/// declined.
const MIN_SERVER_WINDOW_BITS: u8 = 9;

/// Compression as it was agreed: no context takeover on either side. `Display` writes the
/// `Sec-WebSocket-Extensions` value that tells the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deflate {
    /// The window of messages to the client that it asked for, 9 to 15, as a base-2 logarithm of
    /// bytes. The answer has what an offer has that is accepted (RFC 7692 section 7.1.2.1), be it
    /// the largest.
    pub server_max_window_bits: Option<u8>,
}

impl Deflate {
    /// The window of messages to the client, which
    /// [`Deflater::new`](crate::protocol::websocket::Deflater::new) takes: 15 unless the client
    /// asked for less.
    #[must_use]
    pub fn server_window_bits(self) -> u8 {
        self.server_max_window_bits.unwrap_or(15)
    }
}

impl fmt::Display for Deflate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("permessage-deflate; server_no_context_takeover; client_no_context_takeover")?;
        match self.server_max_window_bits {
            None => Ok(()),
            Some(bits) => write!(f, "; server_max_window_bits={bits}"),
        }
    }
}

/// Accepts the first offer of permessage-deflate in `Sec-WebSocket-Extensions` that can be met.
///
/// `None` when there is none, or when the header is malformed. An offer with a parameter that is
/// unknown, repeated or has a bad value is declined, and the next one is looked at (RFC 7692
/// section 7.1). The client's window is not limited: the decoder reads all of them. Time is linear
/// in the header's length.
#[must_use]
pub fn negotiate_deflate(offers: &str) -> Option<Deflate> {
    let mut accepted = None;
    let mut rest = Some(offers);
    while let Some(list) = rest {
        let (offer, after) = split_unquoted(list, b',')?;
        accepted = accepted.or_else(|| accept(offer));
        rest = after;
    }
    accepted
}

/// Meets one offer, or declines it.
fn accept(offer: &str) -> Option<Deflate> {
    let (name, mut rest) = split_unquoted(offer, b';')?;
    if trim(name) != "permessage-deflate" {
        return None;
    }
    let mut wanted = Parameters::default();
    while let Some(list) = rest {
        let (parameter, after) = split_unquoted(list, b';')?;
        wanted.take(parameter)?;
        rest = after;
    }
    let agreed = Deflate { server_max_window_bits: wanted.server_max_window_bits };
    (agreed.server_window_bits() >= MIN_SERVER_WINDOW_BITS).then_some(agreed)
}

/// The parameters of one offer; each may come once.
#[derive(Default)]
struct Parameters {
    server_no_context_takeover: Option<()>,
    client_no_context_takeover: Option<()>,
    server_max_window_bits: Option<u8>,
    client_max_window_bits: Option<()>,
}

impl Parameters {
    /// `None` declines the offer.
    fn take(&mut self, parameter: &str) -> Option<()> {
        let (name, value) = match parameter.split_once('=') {
            Some((name, value)) => (trim(name), Some(unquote(trim(value))?)),
            None => (trim(parameter), None),
        };
        match name {
            "server_no_context_takeover" => once(&mut self.server_no_context_takeover, flag(value)?),
            "client_no_context_takeover" => once(&mut self.client_no_context_takeover, flag(value)?),
            "server_max_window_bits" => once(&mut self.server_max_window_bits, bits(value?)?),
            "client_max_window_bits" => {
                value.map_or(Some(15), bits)?;
                once(&mut self.client_max_window_bits, ())
            }
            _ => None,
        }
    }
}

fn once<T>(slot: &mut Option<T>, value: T) -> Option<()> {
    slot.replace(value).is_none().then_some(())
}

fn flag(value: Option<&str>) -> Option<()> {
    value.is_none().then_some(())
}

/// A window size in decimal, without a leading zero.
fn bits(value: &str) -> Option<u8> {
    let bits = value.parse().ok().filter(|bits| WINDOW_BITS.contains(bits))?;
    value.starts_with(['8', '9', '1']).then_some(bits)
}

/// The value of a parameter, which is a token with or without quotes (RFC 6455 section 9.1).
fn unquote(value: &str) -> Option<&str> {
    let inner = match value.strip_prefix('"') {
        Some(quoted) => quoted.strip_suffix('"')?,
        None => value,
    };
    is_token(inner).then_some(inner)
}

/// Splits at the first separator that is not inside quotes: what is before it, and after it if
/// there is one. `None` when quotes stay open.
fn split_unquoted(text: &str, separator: u8) -> Option<(&str, Option<&str>)> {
    let mut quoted = false;
    let mut escaped = false;
    for (index, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            _ if byte == separator && !quoted => {
                return Some((&text[..index], Some(&text[index + 1..])));
            }
            _ => {}
        }
    }
    (!quoted).then_some((text, None))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(offers: &str) -> Option<String> {
        negotiate_deflate(offers).map(|deflate| deflate.to_string())
    }

    const PLAIN: &str = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";

    #[test]
    fn what_browsers_offer_is_accepted_without_context_takeover() {
        for offer in [
            "permessage-deflate",
            "permessage-deflate; client_max_window_bits",
            "permessage-deflate;client_max_window_bits=8 ; server_no_context_takeover",
            "permessage-deflate; client_no_context_takeover",
            "permessage-deflate; client_max_window_bits=\"10\"",
        ] {
            assert_eq!(answer(offer).as_deref(), Some(PLAIN), "{offer}");
        }
    }

    #[test]
    fn a_server_window_that_is_asked_for_is_confirmed_the_largest_too() {
        for bits in ["9", "10", "15"] {
            let answered = answer(&format!("permessage-deflate; server_max_window_bits={bits}")).unwrap();
            assert_eq!(answered, format!("{PLAIN}; server_max_window_bits={bits}"));
        }
        assert_eq!(answer("permessage-deflate; server_max_window_bits=8"), None);
    }

    #[test]
    fn the_first_offer_that_can_be_met_is_taken() {
        let offers = "x-webkit-deflate-frame, permessage-deflate; server_max_window_bits=8, \
                      permessage-deflate; server_max_window_bits=10, permessage-deflate";
        let deflate = Deflate { server_max_window_bits: Some(10) };
        assert_eq!(negotiate_deflate(offers), Some(deflate));
    }

    #[test]
    fn unknown_repeated_and_bad_parameters_decline_an_offer() {
        for parameters in [
            "unknown",
            "server_no_context_takeover=1",
            "client_no_context_takeover; client_no_context_takeover",
            "server_max_window_bits",
            "server_max_window_bits=16",
            "server_max_window_bits=7",
            "server_max_window_bits=010",
            "server_max_window_bits=+10",
            "server_max_window_bits=10; server_max_window_bits=10",
            "client_max_window_bits=",
            "client_max_window_bits=1e1",
            "client_max_window_bits; client_max_window_bits=9",
            "",
            "client_no_context_takeover;",
        ] {
            assert_eq!(answer(&format!("permessage-deflate; {parameters}")), None, "{parameters}");
        }
        assert_eq!(answer("permessage-deflate;"), None);
    }

    #[test]
    fn a_separator_inside_quotes_separates_nothing() {
        let offers = "other; a=\"x, permessage-deflate\"";
        assert_eq!(answer(offers), None);
        let offers = "other; a=\"x\\\", y\", permessage-deflate";
        assert_eq!(answer(offers).as_deref(), Some(PLAIN));
    }

    #[test]
    fn junk_is_declined() {
        for junk in ["", ",,,", ";", "=", "\"", "permessage-deflate; \"", "é", "permessage-deflate junk"] {
            assert_eq!(answer(junk), None, "{junk}");
        }
        assert_eq!(answer(&"x;".repeat(100_000)), None);
        assert_eq!(answer(&"permessage-deflate; y,".repeat(10_000)), None);
    }
}
