//! What many sessions are told in the same words: made once, so that a session that waits holds no copy of its own.

use crate::protocol::stomp::{Connection, Failure, HEARTBEAT, Version};
use crate::session::Outgoing;
use std::sync::{Arc, OnceLock};

/// Words for each version, and for clients that speak in text and for those that speak in binary messages.
#[derive(Default)]
pub(super) struct Phrases {
    heartbeat: PerKind,
    silent: [PerKind; Version::ALL.len()],
}

type PerKind = [OnceLock<Arc<Outgoing>>; 2];

impl Phrases {
    /// What keeps a connection alive.
    pub(super) fn heartbeat(&self, connection: &Connection) -> Arc<Outgoing> {
        once(&self.heartbeat, connection, || Outgoing::new(connection.in_kind(HEARTBEAT.into())))
    }

    /// What a client is told that kept none of its promises to send.
    pub(super) fn silent(&self, connection: &Connection) -> Arc<Outgoing> {
        let version = connection.version().unwrap_or(Version::V1_0);
        let silent = || Outgoing::new(connection.error(&Failure::silent()));
        once(&self.silent[version as usize], connection, silent)
    }
}

fn once(phrase: &PerKind, connection: &Connection, make: impl FnOnce() -> Arc<Outgoing>) -> Arc<Outgoing> {
    Arc::clone(phrase[usize::from(connection.answers_in_binary())].get_or_init(make))
}
