//! The table's rows: what is measured, and what it may cost.

use super::api::Publish;
use super::client::{self, Kind};
use super::compare::compare;
use super::feeds::{self, Replay};
use super::memory;
use super::report::Measured;
use super::stomp::{self, Ids};
use super::strangers::{self, Attack};
use super::workloads::{Audience, Echo, Fanout, Opening};
use std::io;
use std::time::Duration;

pub struct Row {
    pub name: &'static str,
    pub kind: What,
    /// What it may cost: as a ratio to the floor, or in KiB. Not every row has a budget.
    pub budget: Option<f64>,
}

pub enum What {
    /// On this many connections, with this window.
    Echo(usize, usize),
    /// Messages to topics of their own, on this many connections, with this window.
    Publish(usize, usize),
    /// To this many subscribers, in bursts of this size.
    Fanout(Audience, usize, usize),
    Open,
    Connect,
    /// With a token that is signed so.
    ConnectWith(&'static str),
    /// History to this many readers at once.
    Replay(usize),
    /// Over the HTTP API, so many messages in a request.
    Api(usize),
    /// What a neighbour of a stranger waits.
    Neighbour(Attack),
    Memory(Kind),
    /// An idle feed, or a poll that waits.
    MemoryOfFeed(Kind),
    /// With this many subscriptions.
    MemoryOfStomp(Ids, usize),
}

pub struct Settings {
    /// For how long each row is measured.
    pub time: Duration,
    pub sessions: usize,
    /// By how much there are fewer subscribers.
    pub fewer: usize,
}

const fn raw(kind: Kind) -> Audience {
    Audience::Raw(kind)
}

const fn stomp(kind: Kind) -> Audience {
    Audience::Stomp(kind, Ids::Counted)
}

const fn feed(kind: Kind) -> Audience {
    Audience::Feed(kind)
}

const OWN_IDS: Audience = Audience::Stomp(Kind::Websocket, Ids::Own);

pub const ALL: &[Row] = &[
    row("echo-window-1", What::Echo(64, 1), Some(1.2)),
    row("echo-window-16", What::Echo(64, 16), None),
    row("fanout-one", What::Fanout(raw(Kind::Websocket), 1000, 1), Some(1.15)),
    row("fanout-burst-16", What::Fanout(raw(Kind::Websocket), 1000, 16), Some(1.5)),
    row("fanout-sockjs", What::Fanout(raw(Kind::SockjsWebsocket), 500, 1), None),
    row("fanout-sockjs-burst-16", What::Fanout(raw(Kind::SockjsWebsocket), 500, 16), None),
    row("fanout-xhr-streaming", What::Fanout(raw(Kind::XhrStreaming), 500, 1), None),
    row("fanout-xhr-streaming-burst-16", What::Fanout(raw(Kind::XhrStreaming), 500, 16), None),
    row("fanout-eventsource", What::Fanout(raw(Kind::Eventsource), 500, 1), None),
    row("fanout-eventsource-burst-16", What::Fanout(raw(Kind::Eventsource), 500, 16), None),
    row("fanout-xhr-poll", What::Fanout(raw(Kind::Xhr), 500, 1), None),
    row("stomp-one", What::Fanout(stomp(Kind::Websocket), 1000, 1), Some(1.15)),
    row("stomp-burst-16", What::Fanout(stomp(Kind::Websocket), 1000, 16), Some(1.5)),
    row("stomp-own-ids", What::Fanout(OWN_IDS, 1000, 1), None),
    row("stomp-own-ids-burst-16", What::Fanout(OWN_IDS, 1000, 16), None),
    row("stomp-websocket-500", What::Fanout(stomp(Kind::Websocket), 500, 1), None),
    row("stomp-websocket-5000", What::Fanout(stomp(Kind::Websocket), 5000, 1), None),
    row("stomp-sockjs-500", What::Fanout(stomp(Kind::SockjsWebsocket), 500, 1), None),
    row("stomp-sockjs-5000", What::Fanout(stomp(Kind::SockjsWebsocket), 5000, 1), None),
    row("stomp-xhr-streaming-500", What::Fanout(stomp(Kind::XhrStreaming), 500, 1), None),
    row("stomp-xhr-streaming-5000", What::Fanout(stomp(Kind::XhrStreaming), 5000, 1), None),
    row("stomp-xhr-poll-500", What::Fanout(stomp(Kind::Xhr), 500, 1), None),
    row("stomp-xhr-poll-5000", What::Fanout(stomp(Kind::Xhr), 5000, 1), None),
    row("stomp-publish-window-1", What::Publish(100, 1), None),
    row("stomp-publish-window-16", What::Publish(100, 16), None),
    row("feed-events-500", What::Fanout(feed(Kind::FeedEvents), 500, 1), None),
    row("feed-events-5000", What::Fanout(feed(Kind::FeedEvents), 5000, 1), None),
    row("feed-events-burst-16", What::Fanout(feed(Kind::FeedEvents), 500, 16), None),
    row("feed-lines-500", What::Fanout(feed(Kind::FeedLines), 500, 1), None),
    row("feed-poll-500", What::Fanout(feed(Kind::FeedPoll), 500, 1), None),
    row("feed-replay-1000", What::Replay(1000), None),
    row("api-publish", What::Api(1), None),
    row("api-publish-100", What::Api(100), None),
    row("open", What::Open, Some(2.0)),
    row("connect", What::Connect, None),
    row("connect-hs256", What::ConnectWith("hs256"), None),
    row("connect-rs256", What::ConnectWith("rs256"), None),
    row("connect-es256", What::ConnectWith("es256"), None),
    row("stranger-none", What::Neighbour(Attack::None), None),
    row("stranger-sessions", What::Neighbour(Attack::Sessions), Some(100.0)),
    row("stranger-messages", What::Neighbour(Attack::Messages), Some(100.0)),
    row("stranger-fanout", What::Neighbour(Attack::Fanout), Some(100.0)),
    row("stranger-bodies", What::Neighbour(Attack::Bodies), Some(100.0)),
    row("memory-websocket", What::Memory(Kind::Websocket), Some(3.0)),
    row("memory-sockjs-websocket", What::Memory(Kind::SockjsWebsocket), None),
    row("memory-eventsource", What::Memory(Kind::Eventsource), Some(12.0)),
    row("memory-xhr-poll", What::Memory(Kind::Xhr), Some(12.0)),
    row("memory-feed-events", What::MemoryOfFeed(Kind::FeedEvents), Some(12.0)),
    row("memory-feed-lines", What::MemoryOfFeed(Kind::FeedLines), Some(12.0)),
    row("memory-feed-poll", What::MemoryOfFeed(Kind::FeedPoll), Some(12.0)),
    row("memory-stomp", What::MemoryOfStomp(Ids::Counted, 1), Some(4.0)),
    row("memory-stomp-10", What::MemoryOfStomp(Ids::Counted, 10), None),
    row("memory-stomp-own-ids", What::MemoryOfStomp(Ids::Own, 1), None),
];

const fn row(name: &'static str, kind: What, budget: Option<f64>) -> Row {
    Row { name, kind, budget }
}

impl What {
    pub fn run(&self, settings: &Settings) -> io::Result<Measured> {
        match *self {
            Self::Echo(connections, window) => echo(Echo::raw(connections, window)?, settings),
            Self::Publish(connections, window) => echo(Echo::stomp(connections, window)?, settings),
            Self::Fanout(audience, subscribers, burst) => {
                let mut byway = Fanout::byway(audience, subscribers / settings.fewer, burst)?;
                let mut floor = Fanout::floor(&byway)?;
                compare(&mut floor, &mut byway, settings.time)
            }
            Self::Open => opening(Opening::raw()?, settings),
            Self::Connect => opening(Opening::stomp()?, settings),
            Self::ConnectWith(signature) => opening(Opening::with_token(signature)?, settings),
            Self::Replay(readers) => {
                let mut byway = Replay::byway(readers / settings.fewer)?;
                compare(&mut Replay::floor(&byway)?, &mut byway, settings.time)
            }
            Self::Api(batch) => {
                let mut byway = Publish::byway(batch)?;
                compare(&mut Publish::floor(&byway)?, &mut byway, settings.time)
            }
            Self::Neighbour(attack) => strangers::neighbour_of(attack, settings.time),
            Self::MemoryOfFeed(kind) => {
                memory::of_idle(settings.sessions, |port, n| client::open(port, feeds::ENDPOINT, kind, n))
            }
            Self::Memory(kind) => {
                memory::of_idle(settings.sessions, |port, n| client::open(port, "/subscribe", kind, n))
            }
            Self::MemoryOfStomp(ids, topics) => memory::of_idle(settings.sessions, |port, n| {
                stomp::open(port, Kind::Websocket, n, &stomp::topics(ids, n, topics))
            }),
        }
    }

    pub fn unit(&self) -> &'static str {
        match self {
            Self::Memory(_) | Self::MemoryOfFeed(_) | Self::MemoryOfStomp(..) => "KiB",
            Self::Neighbour(_) => "ms",
            _ => "us",
        }
    }
}

fn echo(mut byway: Echo, settings: &Settings) -> io::Result<Measured> {
    compare(&mut Echo::floor(&byway)?, &mut byway, settings.time)
}

fn opening(mut byway: Opening, settings: &Settings) -> io::Result<Measured> {
    compare(&mut Opening::floor(&byway)?, &mut byway, settings.time)
}
