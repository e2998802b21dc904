//! Server-sent events.

use super::{EVENT, PRESENCE, lines};
use crate::model::{Disconnect, Publication};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::time::Duration;

/// Names that mean something of their own, here or to an `EventSource`. A publication cannot have them.
const RESERVED: [&str; 8] = ["begin", "binary", "end", "error", "gap", "message", "open", PRESENCE];

/// How many bytes go ahead of everything: some that stand between hold the first ones back until they have this many.
const PADDING: usize = 2048;

/// Fields of the first event that comes. No empty line is behind them: it would end an event without data, which is none to an
/// `EventSource`, and an empty message to many libraries. Those that take an id when they read it know where they are.
pub(super) fn opening(id: &str, retry: Duration) -> String {
    format!(":{:PADDING$}\nretry: {}\nid: {id}\n", "", retry.as_millis())
}

/// An event of its own for a reader that takes ids from events alone, as browsers do.
pub(super) fn begin(id: &str) -> String {
    event(Some("begin"), &lines::to_json(&lines::Begin::new(id)))
}

/// A comment, and no empty line, for the same reason.
pub(super) const HEARTBEAT: &str = ":\n";

/// Bytes that are no text become an event of their own name, so that no text can be taken for them.
pub(super) fn message(publication: &Publication) -> String {
    match publication.body.as_str() {
        Some(text) => event(name(publication), text),
        None => event(Some("binary"), &STANDARD.encode(publication.body.as_bytes())),
    }
}

pub(super) fn gap(destination: &str, missed: Option<u64>) -> String {
    event(Some("gap"), &lines::to_json(&lines::Missed::new(destination, missed)))
}

pub(super) fn end(disconnect: &Disconnect) -> String {
    event(Some("end"), &lines::to_json(&lines::Ending::new(disconnect)))
}

/// The name that the publisher gave it, unless that would break the event or be taken for something else.
fn name(publication: &Publication) -> Option<&str> {
    if publication.headers.get(PRESENCE).is_some() {
        return Some(PRESENCE);
    }
    let name = publication.headers.get(EVENT)?;
    let is_plain = !name.is_empty() && !name.contains(['\r', '\n', '\0']);
    (is_plain && !RESERVED.contains(&&**name)).then_some(name)
}

/// Each line of the data is a field of its own. Readers put them together with LF, whatever ended them here.
fn event(name: Option<&str>, data: &str) -> String {
    let mut event = String::with_capacity(data.len() + 32);
    if let Some(name) = name {
        push_field(&mut event, "event", name);
    }
    let mut rest = data;
    while let Some(end) = rest.find(['\r', '\n']) {
        push_field(&mut event, "data", &rest[..end]);
        rest = rest[end..].strip_prefix("\r\n").unwrap_or(&rest[end + 1..]);
    }
    push_field(&mut event, "data", rest);
    event.push('\n');
    event
}

/// The space is not part of the value, so that a value's own leading space stays.
fn push_field(event: &mut String, name: &str, value: &str) {
    for part in [name, ": ", value, "\n"] {
        event.push_str(part);
    }
}
