//! A feed of any server: server-sent events or lines of text, of which each is a message, whatever it says.

use super::Failure;
use super::dial::{self, Http};
use super::events::{Events, Lines};
use super::feed::{LAST_EVENT_ID, headers, piece};
use super::heard::{About, Heard, Message};
use super::wanted::{Beginning, Wanted};
use bytes::Bytes;
use byway::Transport;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use hyper::body::Incoming;

/// Such a feed under way.
pub struct ForeignFeed {
    /// The connection ends with it.
    _http: Http,
    body: Incoming,
    text: Text,
}

enum Text {
    Events(Events),
    Lines(Lines),
}

const EVENTS: &str = "text/event-stream";
const LINES: &str = "application/x-ndjson";

impl ForeignFeed {
    /// Asks for the target as it is. Nothing has to come before the first message, so the answer's head says that it is open.
    pub async fn open(wanted: &Wanted) -> Result<Self, Failure> {
        let (media, text) = match wanted.transport {
            Transport::FeedEvents => (EVENTS, Text::Events(Events::default())),
            _ => (LINES, Text::Lines(Lines::default())),
        };
        let mut http = Http::new(wanted.target.clone(), request_headers(wanted, media)?);
        let response = http.ask(Method::GET, &wanted.target.whole(), Bytes::new()).await?;
        if response.status() != StatusCode::OK {
            return Err(dial::refusal(response).await);
        }
        if media == EVENTS && !is_event_stream(&response) {
            return Err(Failure::refused("what answers is no event stream"));
        }
        Ok(Self { _http: http, body: response.into_body(), text })
    }

    /// The next message. The feed is over when this fails.
    pub async fn next(&mut self) -> Result<Heard, Failure> {
        loop {
            if let Some(message) = self.text.next().map_err(Failure::refused)? {
                return Ok(Heard::Message(message));
            }
            self.text.feed(&piece(&mut self.body).await?);
        }
    }

    /// What a reader says who comes back.
    pub fn last_id(&self) -> Option<&str> {
        match &self.text {
            Text::Events(events) => Some(events.last_id()).filter(|id| !id.is_empty()),
            Text::Lines(_) => None,
        }
    }
}

impl Text {
    fn feed(&mut self, bytes: &[u8]) {
        match self {
            Self::Events(events) => events.feed(bytes),
            Self::Lines(lines) => lines.feed(bytes),
        }
    }

    fn next(&mut self) -> Result<Option<Message>, &'static str> {
        match self {
            Self::Events(events) => {
                let event = events.next()?;
                Ok(event.map(|event| Message { body: event.data.clone().into(), about: About::Event(event) }))
            }
            Self::Lines(lines) => loop {
                match lines.next()? {
                    // A sign of life, where servers of lines have one.
                    Some(line) if line.is_empty() => {}
                    line => return Ok(line.map(|line| Message { body: line.into(), about: About::Nothing })),
                }
            },
        }
    }
}

fn request_headers(wanted: &Wanted, media: &'static str) -> Result<HeaderMap, Failure> {
    let mut headers = headers(&wanted.who)?;
    headers.insert(ACCEPT, HeaderValue::from_static(media));
    if let Beginning::After(id) = &wanted.beginning {
        let id = HeaderValue::try_from(id).map_err(|_| Failure::refused("the id can be in no header"))?;
        headers.insert(LAST_EVENT_ID, id);
    }
    Ok(headers)
}

/// Anything else, such as a page, would be read for ever without a message (WHATWG HTML, "The EventSource interface").
fn is_event_stream(response: &Response<Incoming>) -> bool {
    let media = response.headers().get(CONTENT_TYPE).and_then(|media| media.to_str().ok()).unwrap_or_default();
    media.split(';').next().is_some_and(|media| media.trim().eq_ignore_ascii_case(EVENTS))
}
