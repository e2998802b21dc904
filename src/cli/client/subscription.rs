//! Messages of one destination, whatever they come by.

use super::feed::{Feed, Line};
use super::foreign::ForeignFeed;
use super::link::Receiver;
use super::{Credentials, Failure, Link, Sender, Talk, Target, events, stomp};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use byway::Transport;
use serde_json::{Map, Value, json};
use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// How long opening may take, from the name's look-up to the subscription.
const OPENING: Duration = Duration::from_secs(15);

/// How long a receipt is waited for. Servers that give none, such as Spring's simple broker, have subscribed by then.
const RECEIPT: Duration = Duration::from_secs(3);

/// What is spoken over a transport that is no feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    Stomp,
    /// Messages are the application's own, and go to whom it likes.
    Raw,
}

/// What to subscribe to, and how.
#[derive(Clone)]
pub struct Wanted {
    pub target: Arc<Target>,
    pub transport: Transport,
    pub protocol: Protocol,
    pub destination: String,
    pub who: Credentials,
    pub beginning: Beginning,
}

impl Wanted {
    /// What is behind silence. A server that does not know STOMP takes CONNECT for one of its own messages, and says nothing.
    pub fn took_too_long(&self) -> Failure {
        let is_feed = Transport::FEEDS.contains(&self.transport);
        Failure::passing(match self.protocol {
            Protocol::Stomp if !is_feed => "took too long; is this an endpoint that speaks STOMP?",
            _ => "took too long",
        })
    }
}

/// What comes first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Beginning {
    /// What is published from now on.
    Now,
    /// So many of the last publications.
    Last(u64),
    /// What came behind this offset or id.
    After(String),
}

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
    Event(events::Event),
    Nothing,
}

/// An open subscription.
pub struct Subscription {
    source: Source,
    /// What came before the receipt.
    early: VecDeque<stomp::Frame>,
    /// The offset of the last STOMP message that had one.
    offset: Option<String>,
    /// Whether the server has said that it is there. Where none is asked, it is.
    pub is_confirmed: bool,
}

enum Source {
    Talk(Box<Talk>),
    Feed(Box<Feed>),
    Foreign(Box<ForeignFeed>),
    Raw(Receiver),
}

impl Subscription {
    /// Opens a session and subscribes. Takes 15 s at the longest.
    pub async fn open(wanted: &Wanted) -> Result<Self, Failure> {
        timeout(OPENING, Self::open_without_limit(wanted)).await.map_err(|_| wanted.took_too_long())?
    }

    async fn open_without_limit(wanted: &Wanted) -> Result<Self, Failure> {
        if wanted.target.is_whole {
            return Ok(Self::of(Source::Foreign(Box::new(ForeignFeed::open(wanted).await?))));
        }
        if Transport::FEEDS.contains(&wanted.transport) {
            return Ok(Self::of(Source::Feed(Box::new(Feed::open(wanted).await?))));
        }
        match wanted.protocol {
            Protocol::Stomp => Self::stomp(wanted).await,
            Protocol::Raw => Ok(Self::raw(wanted).await?.0),
        }
    }

    /// The same for a session of the application's own messages, with what it sends by.
    pub async fn raw(wanted: &Wanted) -> Result<(Self, Sender), Failure> {
        let Link { receiver, sender } = Link::open(&wanted.target, wanted.transport, None).await?;
        Ok((Self::of(Source::Raw(receiver)), sender))
    }

    async fn stomp(wanted: &Wanted) -> Result<Self, Failure> {
        let mut talk = Talk::open(&wanted.target, wanted.transport, &wanted.who).await?;
        let count;
        let more = match &wanted.beginning {
            Beginning::Now => None,
            Beginning::After(offset) => Some(("since", offset.as_str())),
            Beginning::Last(last) => {
                count = last.to_string();
                Some(("history", count.as_str()))
            }
        };
        talk.subscribe(&wanted.destination, more.as_slice()).await?;
        let mut subscription = Self { is_confirmed: false, ..Self::of(Source::Talk(Box::new(talk))) };
        // Without a receipt it goes on; an ERROR comes in its place where the server has refused.
        timeout(RECEIPT, subscription.receipt()).await.unwrap_or(Ok(()))?;
        if let Source::Talk(talk) = &mut subscription.source {
            talk.sender.rest();
        }
        Ok(subscription)
    }

    fn of(source: Source) -> Self {
        Self { source, early: VecDeque::new(), offset: None, is_confirmed: true }
    }

    async fn receipt(&mut self) -> Result<(), Failure> {
        let Source::Talk(talk) = &mut self.source else { return Ok(()) };
        loop {
            let frame = talk.hearing.frame().await?;
            if Talk::is_receipt(&frame) {
                self.is_confirmed = true;
                return Ok(());
            }
            self.early.push_back(frame);
        }
    }

    /// What comes next. The subscription is over when this fails, and can be opened again.
    pub async fn next(&mut self) -> Result<Heard, Failure> {
        loop {
            let frame = match (self.early.pop_front(), &mut self.source) {
                (Some(frame), _) => frame,
                (None, Source::Talk(talk)) => talk.hearing.frame().await.map_err(Failure::of_an_open_session)?,
                (None, Source::Feed(feed)) => return feed.next().await.map_err(Failure::of_an_open_session),
                (None, Source::Foreign(feed)) => return feed.next().await.map_err(Failure::of_an_open_session),
                (None, Source::Raw(receiver)) => {
                    let body = receiver.next().await.map_err(Failure::of_an_open_session)?;
                    return Ok(Heard::Message(Message { body, about: About::Nothing }));
                }
            };
            if let Some(heard) = self.frame(frame) {
                return Ok(heard);
            }
        }
    }

    fn frame(&mut self, frame: stomp::Frame) -> Option<Heard> {
        if frame.command() != "MESSAGE" {
            return None;
        }
        if let Some(gap) = frame.header("gap") {
            return Some(Heard::Gap(gap.parse().ok()));
        }
        if let Some(offset) = frame.header("offset") {
            self.offset = Some(offset.into_owned());
        }
        Some(Heard::Message(Message { body: frame.body.clone(), about: About::Frame(frame) }))
    }

    /// Where whoever has heard all this comes back to; `None` where the server keeps nothing to come back to.
    pub fn position(&self) -> Option<&str> {
        match &self.source {
            Source::Feed(feed) => feed.last_id(),
            Source::Foreign(feed) => feed.last_id(),
            Source::Talk(_) | Source::Raw(_) => self.offset.as_deref(),
        }
    }

    /// Says goodbye where the protocol has a word for it.
    pub async fn close(&mut self) {
        if let Source::Talk(talk) = &mut self.source {
            talk.close().await;
        }
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
