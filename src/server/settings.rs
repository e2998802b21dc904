use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What the server takes from the network, whatever is served.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ServerSettings {
    /// The names, without ports, by which the server may be asked for (`Host`, RFC 9110, section 7.2): `example.com`,
    /// `*.example.com`, or `*` for any. Others are answered 421, but for requests of trusted proxies. Default: none, which is
    /// any name; for a server on a loopback address only the loopback names, so that no page can make its own name one of
    /// the server's (DNS rebinding).
    pub hosts: Vec<String>,
    /// How many connections may be open at a time; one more is answered 503. Default 20,000. Each costs about 16 KB while
    /// it speaks HTTP, less while a session waits on it, and one file descriptor.
    pub max_connections: usize,
    /// How many of them one client may have: one IPv4 address, or one IPv6 network of 64 bits. Trusted proxies are
    /// exempt. Default 1,200.
    pub max_connections_per_ip: usize,
    /// How long a request's head may take from its first byte on; the first one of a connection from the connection's beginning
    /// on. Default 10 s.
    #[serde(with = "crate::model::duration")]
    pub header_timeout: Duration,
    /// How long a connection may be idle between requests. Default 75 s, longer than proxies keep those that they mean to use
    /// again.
    #[serde(with = "crate::model::duration")]
    pub keep_alive_timeout: Duration,
    /// How large a request's head may be in bytes. Default 16 KiB.
    pub max_head_bytes: usize,
    /// How many header fields a request may have. Default 100.
    pub max_headers: usize,
    /// How long a request's target may be in bytes. Default 8 KiB.
    pub max_target_bytes: usize,
    /// How long a peer may take no byte of an answer. Default 10 s.
    #[serde(with = "crate::model::duration")]
    pub write_timeout: Duration,
    /// How soon a peer that has vanished without a word (its power or its network is gone) is given up at the latest. Default
    /// 30 s. The peer is probed when a quarter of that has passed in silence; what it does not acknowledge in half of it ends the
    /// connection. Systems other than Linux wait longer where something was sent that is not acknowledged.
    #[serde(with = "crate::model::duration")]
    pub peer_timeout: Duration,
    /// How long a stop may take, from the signal to the last connection's end. Default 20 s.
    #[serde(with = "crate::model::duration")]
    pub drain_timeout: Duration,
}

impl Default for ServerSettings {
    fn default() -> Self {
        Self {
            hosts: Vec::new(),
            max_connections: 20_000,
            max_connections_per_ip: 1_200,
            header_timeout: Duration::from_secs(10),
            keep_alive_timeout: Duration::from_secs(75),
            max_head_bytes: 16 * 1024,
            max_headers: 100,
            max_target_bytes: 8 * 1024,
            write_timeout: Duration::from_secs(10),
            peer_timeout: Duration::from_secs(30),
            drain_timeout: Duration::from_secs(20),
        }
    }
}
