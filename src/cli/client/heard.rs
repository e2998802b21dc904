//! What a subscriber hears, whatever it came by.

use super::events::Event;
use super::{Failure, stomp};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Why what a server says is not understood.
pub(super) const NO_FEED: &str = "what answers is no feed";

/// What a subscriber hears.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    Message(Message),
    /// So many publications are gone for good; `None` where nobody knows how many.
    Gap(Option<u64>),
}

/// One message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pub body: Bytes,
    pub about: About,
}

/// What came with a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum About {
    Frame(stomp::Frame),
    Line(Box<Line>),
    Event(Event),
    Nothing,
}

impl Heard {
    /// `None` where the server says what is of no use here.
    pub(super) fn of_line(line: Line) -> Result<Option<Self>, Failure> {
        match line.event.as_deref() {
            Some(event) => line.word.heard(event),
            None => {
                let body = match line.encoding.as_deref() {
                    Some("base64") => decoded(&line.body)?,
                    _ => line.body.clone().into(),
                };
                Ok(Some(Self::Message(Message { body, about: About::Line(Box::new(line)) })))
            }
        }
    }

    pub(super) fn of_event(event: Event) -> Result<Option<Self>, Failure> {
        if let "gap" | "end" = event.name.as_str() {
            let word: Word = serde_json::from_str(&event.data).map_err(|_| Failure::refused(NO_FEED))?;
            return word.heard(&event.name);
        }
        let body = if event.name == "binary" { decoded(&event.data)? } else { event.data.clone().into() };
        Ok(Some(Self::Message(Message { body, about: About::Event(event) })))
    }
}

impl Message {
    /// The message with all that came with it, as JSON. Bytes that are no text are in base64.
    pub fn to_json(&self) -> Value {
        let mut json = match &self.about {
            About::Frame(frame) => of_frame(frame),
            About::Line(line) => json!({ "id": line.id, "destination": line.destination, "headers": line.headers }),
            About::Event(event) => json!({ "id": event.id, "event": event.name }),
            About::Nothing => json!({}),
        };
        match std::str::from_utf8(&self.body) {
            Ok(text) => json["body"] = text.into(),
            Err(_) => {
                json["body"] = STANDARD.encode(&self.body).into();
                json["encoding"] = "base64".into();
            }
        }
        json
    }
}

fn of_frame(frame: &stomp::Frame) -> Value {
    let mut headers = Map::new();
    for (name, value) in frame.headers() {
        // The first of a name counts (STOMP 1.2, "Repeated Header Entries").
        headers.entry(name.into_owned()).or_insert_with(|| value.into_owned().into());
    }
    let destination = headers.remove("destination");
    json!({ "id": frame.header("offset").map(Cow::into_owned), "destination": destination, "headers": headers })
}

/// A line, or an item of a poll's answer: a publication, or with `event` the server's own word.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Line {
    pub id: Option<String>,
    pub destination: Option<String>,
    pub headers: BTreeMap<String, String>,
    body: String,
    encoding: Option<String>,
    event: Option<String>,
    #[serde(flatten)]
    word: Word,
}

/// What the server's own words say: `gap` how much is gone, `end` why the feed ends.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
struct Word {
    missed: Option<u64>,
    code: u16,
    reason: String,
}

impl Word {
    fn heard(&self, event: &str) -> Result<Option<Heard>, Failure> {
        match event {
            "gap" => Ok(Some(Heard::Gap(self.missed))),
            "end" => Err(Failure::ended(self.code, &self.reason)),
            _ => Ok(None),
        }
    }
}

fn decoded(text: &str) -> Result<Bytes, Failure> {
    STANDARD.decode(text).map(Bytes::from).map_err(|_| Failure::refused("a body is no base64"))
}
