use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What a session may take and how long it waits. Worst-case memory of a session is its queue: `queue_bytes`, and what
/// it has of the [headroom](super::Headroom) for `slow_time`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SessionSettings {
    /// How often a receiver hears a heartbeat, counted from when it attached. Default 25 s: below the 30 s after which
    /// the strictest common proxies cut an idle connection, and below the 35 s of sockjs-client's jsonp polls.
    #[serde(with = "crate::model::duration")]
    pub heartbeat: Duration,
    /// How long a WebSocket may take to answer a heartbeat with a pong or anything else. Default 10 s.
    #[serde(with = "crate::model::duration")]
    pub heartbeat_answer: Duration,
    /// How long a session lives without a receiver. Default 5 s.
    #[serde(with = "crate::model::duration")]
    pub disconnect_delay: Duration,
    /// How long a closing handshake, or a receiver's reading of what is left, may take. Default 5 s.
    #[serde(with = "crate::model::duration")]
    pub close_timeout: Duration,
    /// How long a socket may take no byte while something waits for it. Default 10 s.
    #[serde(with = "crate::model::duration")]
    pub send_timeout: Duration,
    /// How long a message may take from its first byte to its last. Default 30 s.
    #[serde(with = "crate::model::duration")]
    pub message_timeout: Duration,
    /// How many messages may wait for a client that does not read. Default 4,096.
    pub queue_messages: usize,
    /// How many bytes of messages may wait for a client that does not read. Default 1 MiB. One message may be larger when
    /// nothing else waits.
    pub queue_bytes: usize,
    /// How long a client may have more waiting than `queue_messages` and `queue_bytes`, unless it takes as many messages or
    /// bytes as these allow in every such time. Default 30 s: with the default limits, 35 kB a second.
    #[serde(with = "crate::model::duration")]
    pub slow_time: Duration,
    /// What happens when the queue is full. Default: the session is closed when it has been over its limits for `slow_time`.
    pub overflow: Overflow,
    /// How many pings and pongs a WebSocket client may send in a second. Default 100.
    pub control_frames_per_second: u32,
}

impl Default for SessionSettings {
    fn default() -> Self {
        Self {
            heartbeat: Duration::from_secs(25),
            heartbeat_answer: Duration::from_secs(10),
            disconnect_delay: Duration::from_secs(5),
            close_timeout: Duration::from_secs(5),
            send_timeout: Duration::from_secs(10),
            message_timeout: Duration::from_secs(30),
            queue_messages: 4096,
            queue_bytes: 1 << 20,
            slow_time: Duration::from_secs(30),
            overflow: Overflow::Close,
            control_frames_per_second: 100,
        }
    }
}

/// What a full outbound queue does with one more message that has no [policy](super::OnFull) of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Overflow {
    /// The message is taken. A session that stays over the limits for `slow_time`, or for which there is no more
    /// [headroom](super::Headroom), ends with [`SLOW_CONSUMER`](crate::model::Disconnect::SLOW_CONSUMER).
    Close,
    /// The oldest waiting messages that may be dropped make room; they are counted, and lost.
    DropOldest,
}
