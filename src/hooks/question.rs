//! What the backend is asked, as JSON.

use super::caller::Kind;
use crate::model::{Claims, Headers, Message, Principal, SessionId, Transport};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde_json::{Map, Value};
use std::net::IpAddr;

/// A question: about whom, and what.
#[derive(Serialize)]
pub(super) struct Question<'a, T> {
    #[serde(rename = "type")]
    pub(super) kind: Kind,
    #[serde(flatten)]
    pub(super) who: Who<'a>,
    #[serde(flatten)]
    pub(super) what: T,
}

/// A session, and whose it is.
#[derive(Serialize)]
pub(super) struct Who<'a> {
    endpoint: &'a str,
    session: String,
    transport: Transport,
    address: IpAddr,
    user: Option<&'a str>,
    claims: Option<&'a Claims>,
}

impl<'a> Who<'a> {
    pub(super) fn new(
        endpoint: &'a str,
        (session, transport, remote): (SessionId, Transport, IpAddr),
        principal: Option<&'a Principal>,
    ) -> Self {
        let (user, claims) = (principal.map(Principal::name), principal.and_then(Principal::claims));
        Self { endpoint, session: session.to_string(), transport, address: remote, user, claims }
    }
}

/// A client's headers, but for those that may be a secret.
pub(super) fn shown(headers: &Headers) -> Map<String, Value> {
    let shown = headers.iter().filter(|(name, _)| !may_be_secret(name));
    shown.map(|(name, value)| (name.to_string(), Value::from(&**value))).collect()
}

/// The words that names of secrets have.
const SECRETS: [&str; 8] = ["auth", "token", "passcode", "password", "secret", "cookie", "apikey", "api-key"];

fn may_be_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRETS.iter().any(|word| name.contains(word))
}

/// Content as JSON can carry it: text as it is, anything else in base64 (RFC 4648, section 4).
#[derive(Serialize)]
pub(super) struct Content {
    encoding: &'static str,
    body: String,
}

impl Content {
    pub(super) fn of(message: &Message) -> Self {
        match message.as_str() {
            Some(text) => Self { encoding: "text", body: text.to_owned() },
            None => Self { encoding: "base64", body: STANDARD.encode(message.as_bytes()) },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_that_may_be_secrets_stay_here_whatever_their_case() {
        let names =
            ["Authorization", "X-Auth", "token", "ACCESS_TOKEN", "passcode", "Cookie", "x-api-key", "host", "lang"];
        let headers = Headers::from_iter(names.map(|name| (name, "value")));
        assert_eq!(shown(&headers).keys().collect::<Vec<_>>(), ["host", "lang"]);
    }

    #[test]
    fn what_is_no_text_is_sent_in_base64() {
        let content = |message| serde_json::to_value(Content::of(&message)).unwrap();
        assert_eq!(content(Message::text("ä")), serde_json::json!({ "encoding": "text", "body": "ä" }));
        let bytes = Message::Binary(vec![0xff, 0].into());
        assert_eq!(content(bytes), serde_json::json!({ "encoding": "base64", "body": "/wA=" }));
    }
}
