//! The settings of one endpoint.

use crate::model::{SettingsError, Transport};
use crate::policy::OriginSettings;
use crate::session::SessionSettings;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Everything that one endpoint can be told. The defaults are safe and fit most uses.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Heartbeats, delays and the outbound queue.
    pub session: SessionSettings,
    /// WebSockets.
    pub websocket: WebSocketSettings,
    /// What only SockJS has.
    pub sockjs: SockJsSettings,
    /// Sizes and numbers.
    pub limits: LimitSettings,
    /// Which web pages may open sessions.
    pub origins: OriginSettings,
    /// Proxies whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed, as networks: `"10.0.0.0/8"`. Default: none.
    pub trusted_proxies: Vec<IpNet>,
}

/// How WebSockets are spoken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WebSocketSettings {
    /// Sub-protocols that are agreed to when a client offers them, such as `v12.stomp`. The client's order decides.
    /// Default: none.
    pub protocols: Vec<String>,
    /// Whether permessage-deflate (RFC 7692) is agreed to, without context takeover. It saves bytes and costs CPU for each
    /// message. Default false.
    pub deflate: bool,
    /// How many frames one message may have. Default 1,024.
    pub max_fragments: usize,
}

impl Default for WebSocketSettings {
    fn default() -> Self {
        Self { protocols: Vec::new(), deflate: false, max_fragments: 1024 }
    }
}

/// How SockJS is spoken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SockJsSettings {
    /// Which transports answer; the others are 404, and `/info` says so of WebSockets. Default: all.
    pub transports: Vec<Transport>,
    /// After how many bytes of frames a streaming response ends, so that the client takes a new one. Default 128 KiB.
    pub response_limit: usize,
    /// What `/info` says of cookies. Default false.
    pub cookie_needed: bool,
    /// Whether answers set the cookie `JSESSIONID`, by which some load balancers stick. Default false.
    pub jsessionid: bool,
    /// Where the iframe pages find the client library, which must have exactly the version that the application's pages
    /// use. Default: sockjs-client 1.6.1, which the endpoint serves itself.
    pub client_url: Option<String>,
    /// The base URL that `/info` sends clients to, for an address of this very node. Default: none.
    pub base_url: Option<String>,
    /// How long a lost session's id is remembered, so that a late client learns of the loss instead of getting an empty
    /// session under the same id. Default 60 s.
    #[serde(with = "crate::model::duration")]
    pub remember_lost: Duration,
}

impl Default for SockJsSettings {
    fn default() -> Self {
        Self {
            transports: Transport::ALL.to_vec(),
            response_limit: 128 * 1024,
            cookie_needed: false,
            jsessionid: false,
            client_url: None,
            base_url: None,
            remember_lost: Duration::from_secs(60),
        }
    }
}

/// What one client, and all together, may use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LimitSettings {
    /// The largest message in bytes, after decompression. Default 128 KiB.
    pub max_message_bytes: usize,
    /// The largest request body in bytes. Default 512 KiB.
    pub max_body_bytes: usize,
    /// How long a request's body may take. Default 15 s.
    #[serde(with = "crate::model::duration")]
    pub body_timeout: Duration,
    /// How many messages of one session may wait for its handler before its client's next request has to wait. Default
    /// 1,024. So it has to when they have more than `max_body_bytes` together. A request that has more by itself waits
    /// until nothing else does, and is taken whole.
    pub inbox_messages: usize,
    /// How many messages may be published to groups faster than they can be queued for the members, before `publish`
    /// refuses more; for each core. Default 65,536.
    pub publish_messages: usize,
    /// How many bytes they may have. Default 64 MiB.
    pub publish_bytes: usize,
    /// How long a client's message may wait where they are as many, before it is refused. Nothing more is read from the
    /// client meanwhile. Default 10 s; `"0s"` refuses it at once, as the application's own are.
    #[serde(with = "crate::model::duration")]
    pub publish_wait: Duration,
    /// How many bytes may wait beyond `session.queue_messages` and `session.queue_bytes`, for all sessions together; for one
    /// of them as many as are left, so half at the most. A message that many wait for counts once. Default 256 MiB. With 0 a
    /// session is slow as soon as it is over the limits of its queue.
    pub burst_bytes: usize,
    /// How many sessions may be open at a time. Default 100,000: about 300 MB when all are idle WebSockets.
    pub max_sessions: usize,
    /// How many of them clients may have that show no account, from one IPv4 address or one IPv6 network of 64 bits together.
    /// Trusted proxies are exempt. Default 4,000.
    pub max_sessions_per_address: usize,
    /// How many of those may not have said CONNECT, where clients say it. Default 500.
    pub max_unconnected_per_address: usize,
    /// How many bytes such clients of one address may have begun and not ended: bodies of requests, messages, frames,
    /// transactions, and what waits for the application. Default 16 MiB.
    pub max_held_bytes_per_address: usize,
}

impl Default for LimitSettings {
    fn default() -> Self {
        Self {
            max_message_bytes: 128 * 1024,
            max_body_bytes: 512 * 1024,
            body_timeout: Duration::from_secs(15),
            inbox_messages: 1024,
            publish_messages: 65_536,
            publish_bytes: 64 << 20,
            publish_wait: Duration::from_secs(10),
            burst_bytes: 256 << 20,
            max_sessions: 100_000,
            max_sessions_per_address: 4_000,
            max_unconnected_per_address: 500,
            max_held_bytes_per_address: 16 << 20,
        }
    }
}

impl Settings {
    /// Refuses what cannot be right.
    pub fn validate(&self) -> Result<(), SettingsError> {
        let positive = [
            ("session.queue_messages", self.session.queue_messages),
            ("session.queue_bytes", self.session.queue_bytes),
            ("sockjs.response_limit", self.sockjs.response_limit),
            ("websocket.max_fragments", self.websocket.max_fragments),
            ("limits.max_message_bytes", self.limits.max_message_bytes),
            ("limits.max_body_bytes", self.limits.max_body_bytes),
            ("limits.inbox_messages", self.limits.inbox_messages),
            ("limits.publish_messages", self.limits.publish_messages),
            ("limits.publish_bytes", self.limits.publish_bytes),
            ("limits.max_sessions_per_address", self.limits.max_sessions_per_address),
            ("limits.max_unconnected_per_address", self.limits.max_unconnected_per_address),
            ("limits.max_held_bytes_per_address", self.limits.max_held_bytes_per_address),
        ];
        for (key, value) in positive {
            ensure(value > 0, key, "0 would let nothing through; expected at least 1")?;
        }
        for (key, duration) in self.durations() {
            let right = !duration.is_zero() && duration <= MAX_DURATION;
            ensure(right, key, "expected more than 0s and at most 30 days")?;
        }
        let wait = self.limits.publish_wait <= MAX_DURATION;
        ensure(wait, "limits.publish_wait", "expected at most 30 days")?;
        let tokens = self.websocket.protocols.iter().all(|protocol| is_token(protocol));
        ensure(tokens, "websocket.protocols", "expected tokens such as v12.stomp")?;
        let sockjs = self.sockjs.transports.iter().all(|transport| Transport::ALL.contains(transport));
        ensure(sockjs, "sockjs.transports", "feeds are switched on and off by feeds.enabled")?;
        crate::policy::OriginPolicy::new(&self.origins)?;
        Ok(())
    }

    fn durations(&self) -> [(&'static str, Duration); 9] {
        let session = &self.session;
        [
            ("session.heartbeat", session.heartbeat),
            ("session.heartbeat_answer", session.heartbeat_answer),
            ("session.disconnect_delay", session.disconnect_delay),
            ("session.close_timeout", session.close_timeout),
            ("session.send_timeout", session.send_timeout),
            ("session.message_timeout", session.message_timeout),
            ("session.slow_time", session.slow_time),
            ("sockjs.remember_lost", self.sockjs.remember_lost),
            ("limits.body_timeout", self.limits.body_timeout),
        ]
    }
}

/// Longer than anything that is waited for, and short enough to be added to any clock.
const MAX_DURATION: Duration = Duration::from_secs(30 * 24 * 60 * 60);

fn ensure(holds: bool, key: &'static str, problem: &str) -> Result<(), SettingsError> {
    match holds {
        true => Ok(()),
        false => Err(SettingsError::new(key, problem)),
    }
}

/// A token of RFC 9110, section 5.6.2.
fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}
