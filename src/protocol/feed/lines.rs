//! Lines of JSON.

use crate::model::{Disconnect, Headers, Publication};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Serialize, Serializer};
use std::borrow::Cow;
use std::time::Duration;

/// The first line.
#[derive(Serialize)]
struct Opening<'a> {
    event: &'static str,
    id: &'a str,
    /// In milliseconds.
    retry: u128,
}

/// A publication, but for its id.
#[derive(Serialize)]
struct Content<'a> {
    destination: &'a str,
    #[serde(serialize_with = "as_map")]
    headers: &'a Headers,
    body: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    encoding: Option<&'static str>,
}

/// A control line.
#[derive(Serialize)]
struct Control<T> {
    event: &'static str,
    #[serde(flatten)]
    of: T,
}

/// Where a feed begins.
#[derive(Serialize)]
pub(super) struct Begin<'a> {
    id: &'a str,
}

/// What is gone for good.
#[derive(Serialize)]
pub(super) struct Missed<'a> {
    destination: &'a str,
    /// `null` where nobody knows.
    missed: Option<u64>,
}

/// Why a feed ends.
#[derive(Serialize)]
pub(super) struct Ending<'a> {
    code: u16,
    reason: &'a str,
    reconnect: bool,
}

impl<'a> Begin<'a> {
    pub(super) fn new(id: &'a str) -> Self {
        Self { id }
    }
}

impl<'a> Missed<'a> {
    pub(super) fn new(destination: &'a str, missed: Option<u64>) -> Self {
        Self { destination, missed }
    }
}

impl<'a> Ending<'a> {
    pub(super) fn new(disconnect: &'a Disconnect) -> Self {
        Self { code: disconnect.code(), reason: disconnect.reason(), reconnect: disconnect.reconnect() }
    }
}

pub(super) fn opening(id: &str, retry: Duration) -> String {
    line(&Opening { event: "open", id, retry: retry.as_millis() })
}

pub(super) fn message(publication: &Publication) -> String {
    let (body, encoding) = match publication.body.as_str() {
        Some(text) => (Cow::Borrowed(text), None),
        None => (Cow::Owned(STANDARD.encode(publication.body.as_bytes())), Some("base64")),
    };
    let destination = publication.destination.as_str();
    without_brace(line(&Content { destination, headers: &publication.headers, body, encoding }))
}

pub(super) fn gap(destination: &str, missed: Option<u64>) -> String {
    without_brace(line(&Control { event: "gap", of: Missed::new(destination, missed) }))
}

pub(super) fn end(disconnect: &Disconnect) -> String {
    line(&Control { event: "end", of: Ending::new(disconnect) })
}

/// JSON without characters that some readers take for a line's end. Such a character can only be in a string.
pub(super) fn to_json(value: &impl Serialize) -> String {
    let json = serde_json::to_string(value).unwrap_or_default();
    match json.contains(LINE_ENDS) {
        false => json,
        true => json.replace('\u{85}', "\\u0085").replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029"),
    }
}

const LINE_ENDS: [char; 3] = ['\u{85}', '\u{2028}', '\u{2029}'];

fn line(value: &impl Serialize) -> String {
    let mut line = to_json(value);
    line.push('\n');
    line
}

/// The brace comes with the id.
fn without_brace(mut line: String) -> String {
    line.remove(0);
    line
}

/// The header that says where in a history a publication is: here the id does.
const OFFSET: &str = "offset";

fn as_map<S: Serializer>(headers: &&Headers, serializer: S) -> Result<S::Ok, S::Error> {
    let said = headers.iter().filter(|(name, _)| **name != *OFFSET);
    serializer.collect_map(said.map(|(name, value)| (&**name, &**value)))
}
