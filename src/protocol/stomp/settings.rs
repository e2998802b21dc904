use crate::model::SettingsError;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What a STOMP client may send, and how long it may take. Worst-case memory of a connection beside the queue of its
/// session: one partial frame (`max_head_bytes` + `max_body_bytes`, at most twice while it grows), the open transactions
/// (`max_transaction_bytes`), and `max_subscriptions` ids of up to `max_line_bytes` each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StompSettings {
    /// How many header lines a frame may have, repeated ones included. Default 64.
    pub max_headers: usize,
    /// Bytes of one line of a frame's head, without its end. Default 8 KiB and 256 bytes: the longest token with what stands
    /// before it.
    pub max_line_bytes: usize,
    /// Bytes of a frame's command and headers with the ends of their lines. Default 16 KiB.
    pub max_head_bytes: usize,
    /// Bytes of a frame's body. Default 64 KiB. Frames may be split over messages of the transport, so this may be larger
    /// than what one message may have.
    pub max_body_bytes: usize,
    /// How long a frame may take from its first byte to its last. Default 30 s.
    #[serde(with = "crate::model::duration")]
    pub frame_timeout: Duration,
    /// How long a client may take to send CONNECT. Default 15 s.
    #[serde(with = "crate::model::duration")]
    pub connect_timeout: Duration,
    /// The longest pause between two heartbeats of the server, unless the client asks for fewer. A client that asks for
    /// more gets more, down to `heartbeat_min`. Zero: the server sends none. Default 10 s.
    #[serde(with = "crate::model::duration")]
    pub heartbeat_send: Duration,
    /// How often the server wants to hear of a client that can send heartbeats. A client that promises more is held to it.
    /// Zero: the server expects none. Default 10 s.
    #[serde(with = "crate::model::duration")]
    pub heartbeat_expect: Duration,
    /// The shortest interval of heartbeats; clients that ask for or promise shorter ones get this one. Default 100 ms.
    #[serde(with = "crate::model::duration")]
    pub heartbeat_min: Duration,
    /// How many of its intervals a client may let pass without any sign of life: bytes of any kind, the answer to a ping, a
    /// request. It is a second more than one at least. 1 to 100. Default 3.
    pub heartbeat_tolerance: u32,
    /// How many subscriptions a connection may have at a time. Default 256.
    pub max_subscriptions: usize,
    /// How many transactions may be open on a connection. Default 10.
    pub max_transactions: usize,
    /// Bytes that the frames of all open transactions of a connection may take in memory together: 64 for each header and 256
    /// for each frame beside what came. Default 1 MiB.
    pub max_transaction_bytes: usize,
    /// How many frames all open transactions of a connection may hold together. Default 1,000.
    pub max_transaction_frames: usize,
}

/// Longer than any client is waited for.
const MAX_DURATION: Duration = Duration::from_secs(24 * 60 * 60);

impl StompSettings {
    /// Refuses what cannot be right.
    pub fn validate(&self) -> Result<(), SettingsError> {
        let positive = [
            ("stomp.max_headers", self.max_headers),
            ("stomp.max_line_bytes", self.max_line_bytes),
            ("stomp.max_head_bytes", self.max_head_bytes),
            ("stomp.max_subscriptions", self.max_subscriptions),
        ];
        if let Some((key, _)) = positive.into_iter().find(|(_, value)| *value == 0) {
            return Err(SettingsError::new(key, "0 would let nothing through; expected at least 1"));
        }
        let times = [("stomp.frame_timeout", self.frame_timeout), ("stomp.connect_timeout", self.connect_timeout)];
        let wrong = |time: &Duration| time.is_zero() || *time > MAX_DURATION;
        if let Some((key, _)) = times.into_iter().find(|(_, time)| wrong(time)) {
            return Err(SettingsError::new(key, "expected more than 0s and at most 1 day"));
        }
        let beats = [
            ("stomp.heartbeat_send", self.heartbeat_send),
            ("stomp.heartbeat_expect", self.heartbeat_expect),
            ("stomp.heartbeat_min", self.heartbeat_min),
        ];
        if !(1..=100).contains(&self.heartbeat_tolerance) {
            return Err(SettingsError::new("stomp.heartbeat_tolerance", "expected 1 to 100"));
        }
        match beats.into_iter().find(|(_, beat)| *beat > MAX_DURATION) {
            Some((key, _)) => Err(SettingsError::new(key, "expected at most 1 day")),
            None => Ok(()),
        }
    }
}

impl Default for StompSettings {
    fn default() -> Self {
        Self {
            max_headers: 64,
            max_line_bytes: 8 * 1024 + 256,
            max_head_bytes: 16 * 1024,
            max_body_bytes: 64 * 1024,
            frame_timeout: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(15),
            heartbeat_send: Duration::from_secs(10),
            heartbeat_expect: Duration::from_secs(10),
            heartbeat_min: Duration::from_millis(100),
            heartbeat_tolerance: 3,
            max_subscriptions: 256,
            max_transactions: 10,
            max_transaction_bytes: 1 << 20,
            max_transaction_frames: 1000,
        }
    }
}
