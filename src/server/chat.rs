//! The built-in application `chat`: one room, JSON messages. docs/operations.md has the protocol.

use crate::model::{Disconnect, Message};
use crate::node::{Group, Handler, SessionHandle};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::SystemTime;

/// Everybody hears everybody. A session takes part from its first `hello` on.
#[derive(Debug, Default)]
pub(super) struct Chat {
    online: AtomicUsize,
}

const ROOM: &str = "everybody";
const MAX_NAME: usize = 40;
const MAX_TEXT: usize = 2_000;

/// What a client says.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Said {
    Hello { name: String },
    Say { text: String },
    Ping { at: serde_json::Number },
}

/// What clients hear.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Heard<'a> {
    Welcome { id: String, name: &'a str, transport: &'static str, online: usize },
    Joined { name: &'a str, online: usize },
    Left { name: &'a str, online: usize },
    Renamed { from: &'a str, to: &'a str },
    Said { from: &'a str, id: String, text: &'a str, at: u64 },
    Pong { at: serde_json::Number },
    Error { reason: String },
}

/// The name by which a session takes part.
#[derive(Clone)]
struct Name(Arc<str>);

impl Handler for Chat {
    async fn message(&self, session: &SessionHandle, message: Message) {
        if let Err(reason) = self.take(session, &message) {
            tell(session, &Heard::Error { reason });
        }
    }

    async fn ended(&self, session: &SessionHandle, _: &Disconnect) {
        if let Some(name) = name_of(session) {
            let online = self.online.fetch_sub(1, Ordering::Relaxed) - 1;
            tell_all(&session.group(ROOM), &Heard::Left { name: &name, online });
        }
    }
}

impl Chat {
    /// Does what a message asks for, or says what is wrong with it.
    fn take(&self, session: &SessionHandle, message: &Message) -> Result<(), String> {
        match parse(message)? {
            Said::Hello { name } => self.hello(session, checked_name(&name)?),
            Said::Say { text } => return say(session, &text),
            Said::Ping { at } => tell(session, &Heard::Pong { at }),
        }
        Ok(())
    }

    fn hello(&self, session: &SessionHandle, name: &str) {
        let before = name_of(session);
        session.set_attribute(Name(name.into()));
        match before {
            None => self.welcome(session, name),
            Some(from) if *from != *name => {
                tell_all(&session.group(ROOM), &Heard::Renamed { from: &from, to: name });
            }
            Some(_) => {}
        }
    }

    /// Tells the others before the newcomer is one of them.
    fn welcome(&self, session: &SessionHandle, name: &str) {
        let online = self.online.fetch_add(1, Ordering::Relaxed) + 1;
        tell_all(&session.group(ROOM), &Heard::Joined { name, online });
        let transport = session.transport().name();
        tell(session, &Heard::Welcome { id: session.id().to_string(), name, transport, online });
        session.join(ROOM);
    }
}

fn say(session: &SessionHandle, text: &str) -> Result<(), String> {
    let name = name_of(session).ok_or("say who you are first: {\"type\":\"hello\",\"name\":\"Ada\"}")?;
    let length = text.chars().count();
    if text.trim().is_empty() || length > MAX_TEXT {
        return Err(format!("a message has 1 to 2,000 characters, this one has {length}, or nothing but spaces"));
    }
    let said = Heard::Said { from: &name, id: session.id().to_string(), text, at: milliseconds() };
    session.group(ROOM).publish(to_json(&said)).map_err(|error| error.to_string())
}

fn parse(message: &Message) -> Result<Said, String> {
    let text = message.as_str().ok_or("messages are JSON text, this one is binary")?;
    serde_json::from_str(text).map_err(|error| {
        format!("not understood ({error}); expected {{\"type\":\"hello\"|\"say\"|\"ping\"}} with name, text or at")
    })
}

fn checked_name(name: &str) -> Result<&str, String> {
    let name = name.trim();
    match name.chars().count() {
        1..=MAX_NAME if !name.contains(char::is_control) => Ok(name),
        1..=MAX_NAME => Err("a name has no control characters".to_owned()),
        length => Err(format!("a name has 1 to {MAX_NAME} characters, this one has {length}")),
    }
}

fn name_of(session: &SessionHandle) -> Option<Arc<str>> {
    session.attribute::<Name>().map(|Name(name)| name)
}

/// A session that has ended, or does not read, misses it: the room does not wait.
fn tell(session: &SessionHandle, heard: &Heard<'_>) {
    session.send(to_json(heard)).ok();
}

/// Who comes and goes is worth no complaint when the room is overloaded: the number online comes again.
fn tell_all(room: &Group, heard: &Heard<'_>) {
    room.publish(to_json(heard)).ok();
}

/// Only maps with keys that are no text cannot become JSON.
fn to_json(heard: &Heard<'_>) -> String {
    serde_json::to_string(heard).unwrap_or_default()
}

fn milliseconds() -> u64 {
    SystemTime::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_millis() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_trimmed_and_has_1_to_40_characters() {
        assert_eq!(checked_name("  Ada "), Ok("Ada"));
        assert!(checked_name(&"ä".repeat(40)).is_ok());
        for bad in ["", "   ", "a\tb", &"ä".repeat(41)] {
            assert!(checked_name(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn what_is_no_message_of_the_protocol_is_answered_with_what_was_expected() {
        for bad in ["hi", "{}", "{\"type\":\"dance\"}", "{\"type\":\"hello\"}", "{\"type\":\"ping\",\"at\":\"now\"}"] {
            let reason = parse(&Message::text(bad)).unwrap_err();
            assert!(reason.contains("expected {\"type\":\"hello\"|\"say\"|\"ping\"}"), "{reason}");
        }
    }

    #[test]
    fn a_ping_is_echoed_to_the_last_digit() {
        let Ok(Said::Ping { at }) = parse(&Message::text("{\"type\":\"ping\",\"at\":1234.5}")) else { panic!() };
        assert_eq!(to_json(&Heard::Pong { at }), "{\"type\":\"pong\",\"at\":1234.5}");
    }
}
