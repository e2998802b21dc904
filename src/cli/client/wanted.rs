//! What to subscribe to, and how.

use super::{Credentials, Failure, Target};
use byway::Transport;
use std::sync::Arc;

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
