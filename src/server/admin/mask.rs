//! What of a watched message is shown: its beginning, and no secrets.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::Serialize;
use std::borrow::Cow;

/// A message as the page shows it.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", content = "text", rename_all = "snake_case")]
pub(super) enum Shown {
    /// Text, with secrets masked.
    Text(String),
    /// Bytes that are no text, with secrets masked, in base64.
    Binary(String),
    /// The rest of a STOMP frame that began in another message: it could be the rest of a secret.
    Rest,
}

/// Parts of the names of headers whose values are nobody's business.
const SECRETS: [&str; 8] = ["authorization", "cookie", "key", "passcode", "password", "secret", "ticket", "token"];

/// What stands in a secret's place.
const HIDDEN: &str = "(hidden)";

/// Every command of a client (STOMP 1.2, "Client Frames"; `STOMP` is `CONNECT` by another name).
const COMMANDS: [&str; 11] =
    ["ABORT", "ACK", "BEGIN", "COMMIT", "CONNECT", "DISCONNECT", "NACK", "SEND", "STOMP", "SUBSCRIBE", "UNSUBSCRIBE"];

/// The beginning of a message. `from_stomp_client` is for those who could send a frame in pieces.
pub(super) fn shown(excerpt: &[u8], from_stomp_client: bool) -> Shown {
    if from_stomp_client && !begins_frame(excerpt) {
        return Shown::Rest;
    }
    // Before it is known for text: bytes in a frame's body make its head no less readable.
    let masked = masked(excerpt);
    match as_text(&masked) {
        Some(text) => Shown::Text(text.to_owned()),
        None => Shown::Binary(BASE64_STANDARD.encode(masked)),
    }
}

/// An excerpt may end within a character.
fn as_text(excerpt: &[u8]) -> Option<&str> {
    match std::str::from_utf8(excerpt) {
        Ok(text) => Some(text),
        Err(error) if error.error_len().is_none() => std::str::from_utf8(&excerpt[..error.valid_up_to()]).ok(),
        Err(_) => None,
    }
}

/// Line ends between frames are signs of life.
fn begins_frame(excerpt: &[u8]) -> bool {
    let is_end = |octet: &u8| matches!(octet, b'\n' | b'\r');
    let command = excerpt.split(is_end).find(|line| !line.is_empty()).unwrap_or_default();
    command.is_empty() || COMMANDS.iter().any(|known| known.as_bytes() == command)
}

/// Lines of bodies that look like secrets are masked too: better one too many.
fn masked(excerpt: &[u8]) -> Vec<u8> {
    excerpt.split_inclusive(|octet| *octet == b'\n').map(masked_line).collect::<Vec<_>>().concat()
}

fn masked_line(line: &[u8]) -> Cow<'_, [u8]> {
    let Some(colon) = line.iter().position(|octet| *octet == b':') else { return line.into() };
    if !names_secret(&line[..colon]) {
        return line.into();
    }
    let end: &[u8] = if line.ends_with(b"\n") { b"\n" } else { b"" };
    [&line[..=colon], HIDDEN.as_bytes(), end].concat().into()
}

fn names_secret(name: &[u8]) -> bool {
    let name = String::from_utf8_lossy(name).to_ascii_lowercase();
    // STOMP 1.0 allows spaces around a name.
    let name = name.trim();
    !name.contains(|c: char| c.is_whitespace() || c == '"') && SECRETS.iter().any(|secret| name.contains(secret))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Shown {
        Shown::Text(text.to_owned())
    }

    #[test]
    fn what_shows_who_a_client_is_is_masked_wherever_it_may_be() {
        let frame = "\nCONNECT\nlogin:ada\npasscode:canary\nAuthorization:Bearer canary\r\nX-Api-Key:canary\n\n\0";
        let masked = "\nCONNECT\nlogin:ada\npasscode:(hidden)\nAuthorization:(hidden)\nX-Api-Key:(hidden)\n\n\0";
        assert_eq!(shown(frame.as_bytes(), true), text(masked));
        let padded = "CONNECT\n passcode : canary\n\n\0";
        assert_eq!(shown(padded.as_bytes(), true), text("CONNECT\n passcode :(hidden)\n\n\0"));
        let refresh = "SEND\ndestination:/byway/token\ntoken:canary";
        assert_eq!(shown(refresh.as_bytes(), true), text("SEND\ndestination:/byway/token\ntoken:(hidden)"));
    }

    #[test]
    fn the_rest_of_a_frame_is_not_shown_since_it_could_be_the_rest_of_a_secret() {
        for rest in ["ry\n\n\0", "SENDcanary", "canary\nSEND\n"] {
            assert_eq!(shown(rest.as_bytes(), true), Shown::Rest, "{rest}");
            assert_eq!(shown(rest.as_bytes(), false), text(rest));
        }
        for whole in ["\n", "", "\r\n", "SEND\ndestination:/a\n\nx\0", "STOMP\r\n\r\n\0"] {
            assert_eq!(shown(whole.as_bytes(), true), text(whole), "{whole}");
        }
    }

    #[test]
    fn a_body_that_is_no_text_uncovers_neither_the_secrets_of_its_frame_nor_the_rest_of_one() {
        let frame = b"SEND\ndestination:/a\ntoken:canary\n\n\xff\0";
        let masked = BASE64_STANDARD.encode(b"SEND\ndestination:/a\ntoken:(hidden)\n\n\xff\0");
        assert_eq!(shown(frame, true), Shown::Binary(masked));
        assert_eq!(shown(b"nary\n\n\xff\0", true), Shown::Rest);
    }

    #[test]
    fn bodies_are_shown_as_they_are() {
        let json = "SEND\ndestination:/a\n\n{\"token\": \"in a body: the application's business\"}\0";
        assert_eq!(shown(json.as_bytes(), true), text(json));
    }

    #[test]
    fn a_message_cut_within_a_character_is_text_and_bytes_are_base64() {
        assert_eq!(shown(&"aé".as_bytes()[..2], false), text("a"));
        assert_eq!(shown(b"\xff\xfe", false), Shown::Binary("//4=".to_owned()));
    }
}
