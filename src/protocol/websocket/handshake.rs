//! The header values of an upgrade (RFC 6455 section 4.2, RFC 7692 section 5): what the client's
//! mean and what to answer. A header that comes on several lines is given joined with commas.

mod extension;

pub use extension::{Deflate, negotiate_deflate};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};

/// The most subprotocols that a client may offer.
pub const MAX_SUBPROTOCOLS: usize = 64;

const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// The `Sec-WebSocket-Accept` for a `Sec-WebSocket-Key` (RFC 6455 section 4.2.2); `None` when the
/// key is not 16 bytes in base64.
#[must_use]
pub fn accept_key(key: &str) -> Option<String> {
    let key = trim(key);
    let digits = key.strip_suffix("==")?;
    let is_base64 = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    if digits.len() != 22 || !digits.bytes().all(is_base64) {
        return None;
    }
    let hash = Sha1::new().chain_update(key).chain_update(GUID).finalize();
    Some(STANDARD.encode(hash))
}

/// The first subprotocol of `Sec-WebSocket-Protocol` that the server supports, in the client's
/// order (RFC 6455 section 4.2.2).
///
/// `None` when there is none, or when a client offers more than [`MAX_SUBPROTOCOLS`]; what is not a
/// token is no offer. The connection may still be accepted, without a subprotocol.
#[must_use]
pub fn choose_subprotocol<'a>(offered: &str, supported: &'a [impl AsRef<str>]) -> Option<&'a str> {
    if elements(offered).nth(MAX_SUBPROTOCOLS).is_some() {
        return None;
    }
    let known = |name| supported.iter().map(AsRef::as_ref).find(|supported| *supported == name);
    elements(offered).find_map(known)
}

/// The elements of a list, without the empty ones (RFC 9110 section 5.6.1).
fn elements(header: &str) -> impl Iterator<Item = &str> {
    header.split(',').map(trim).filter(|element| !element.is_empty())
}

/// Whether this is a token as HTTP has them (RFC 9110 section 5.6.2).
fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(is_token_byte)
}

fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Without the white space that HTTP allows around values (RFC 9110 section 5.6.3).
fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_of_the_rfc_is_answered_as_in_the_rfc() {
        let accept = Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=".to_owned());
        assert_eq!(accept_key("dGhlIHNhbXBsZSBub25jZQ=="), accept);
        assert_eq!(accept_key(" dGhlIHNhbXBsZSBub25jZQ==\t"), accept);
    }

    #[test]
    fn a_key_that_is_not_16_bytes_in_base64_is_refused() {
        let fifteen = "AAAAAAAAAAAAAAAAAAAA";
        let seventeen = "AAAAAAAAAAAAAAAAAAAAAAA=";
        let url_safe = "dGhlIHNhbXBsZSBub25j-_==";
        let inner_space = "dGhlIHNhbXBs ZSBub25jZ==";
        for key in ["", "==", "dGhlIHNhbXBsZSBub25jZQ", fifteen, seventeen, url_safe, inner_space] {
            assert_eq!(accept_key(key), None, "{key}");
        }
    }

    #[test]
    fn the_clients_order_decides_among_supported_subprotocols() {
        let supported = ["v12.stomp", "v11.stomp"];
        assert_eq!(choose_subprotocol("v11.stomp, v12.stomp", &supported), Some("v11.stomp"));
        assert_eq!(choose_subprotocol("mqtt,v12.stomp", &supported), Some("v12.stomp"));
        assert_eq!(choose_subprotocol("mqtt", &supported), None);
        assert_eq!(choose_subprotocol("V12.STOMP", &supported), None);
        assert_eq!(choose_subprotocol("", &supported), None);
    }

    #[test]
    fn what_is_no_token_is_no_offer_and_hides_no_other() {
        for offered in ["a b, v12.stomp", "v12.stomp, \"x\"", "\u{e9}, v12.stomp", "(x), v12.stomp"] {
            assert_eq!(choose_subprotocol(offered, &["v12.stomp"]), Some("v12.stomp"), "{offered}");
        }
        assert_eq!(choose_subprotocol("v12.stomp x", &["v12.stomp"]), None);
    }

    #[test]
    fn more_than_64_subprotocols_choose_none() {
        let offer = |count| ["v12.stomp"].repeat(count).join(",");
        assert_eq!(choose_subprotocol(&offer(64), &["v12.stomp"]), Some("v12.stomp"));
        assert_eq!(choose_subprotocol(&offer(65), &["v12.stomp"]), None);
    }
}
