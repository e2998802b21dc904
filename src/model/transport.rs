use serde::{Deserialize, Serialize};
use std::fmt;

/// How a session's frames travel. The name is the one in SockJS URLs, in settings, in logs and in metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transport {
    /// A WebSocket that carries SockJS frames.
    Websocket,
    /// A WebSocket that carries messages as they are.
    RawWebsocket,
    /// One POST whose answer never ends.
    XhrStreaming,
    /// Long-polling by POST.
    Xhr,
    /// Server-sent events.
    Eventsource,
    /// An endless page of scripts in an iframe.
    Htmlfile,
    /// Long-polling by script tags.
    Jsonp,
    /// A feed of server-sent events.
    FeedEvents,
    /// A feed of lines of JSON.
    FeedLines,
    /// One answer of a feed to a client that asks again and again.
    FeedPoll,
}

impl Transport {
    /// Every transport of sessions that go both ways, in the order in which clients prefer them.
    pub const ALL: [Self; 7] = [
        Self::Websocket,
        Self::RawWebsocket,
        Self::XhrStreaming,
        Self::Xhr,
        Self::Eventsource,
        Self::Htmlfile,
        Self::Jsonp,
    ];

    /// The ways in which those who only listen get a feed.
    pub const FEEDS: [Self; 3] = [Self::FeedEvents, Self::FeedLines, Self::FeedPoll];

    /// The transport's one name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Websocket => "websocket",
            Self::RawWebsocket => "raw_websocket",
            Self::XhrStreaming => "xhr_streaming",
            Self::Xhr => "xhr",
            Self::Eventsource => "eventsource",
            Self::Htmlfile => "htmlfile",
            Self::Jsonp => "jsonp",
            Self::FeedEvents => "feed_events",
            Self::FeedLines => "feed_lines",
            Self::FeedPoll => "feed_poll",
        }
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
