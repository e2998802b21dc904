//! Messages of one destination, whatever they come by.

use super::feed::Feed;
use super::foreign::ForeignFeed;
use super::heard::{About, Heard, Message};
use super::link::Receiver;
use super::wanted::{Beginning, Protocol, Wanted};
use super::{Failure, Link, Sender, Talk, stomp};
use byway::Transport;
use std::collections::VecDeque;
use std::time::Duration;
use tokio::time::timeout;

/// How long opening may take, from the name's look-up to the subscription.
const OPENING: Duration = Duration::from_secs(15);

/// How long a receipt is waited for. Servers that give none, such as Spring's simple broker, have subscribed by then.
const RECEIPT: Duration = Duration::from_secs(3);

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
