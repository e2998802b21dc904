//! What a client may do.

use crate::model::{DestinationPattern, Principal, SessionId, Transport};
use bytestring::ByteString;
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::sync::Arc;

/// What somebody does with a destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Hears what goes there.
    Subscribe,
    /// Sends there.
    Send,
}

/// What somebody wants to do.
#[derive(Debug, Clone, Copy)]
pub struct Access<'a> {
    /// Who it is; nobody where the session is anonymous.
    pub principal: Option<&'a Principal>,
    /// Their session.
    pub session: SessionId,
    /// The transport that opened it.
    pub transport: Transport,
    /// Their address, as trusted proxies tell it.
    pub remote: IpAddr,
    /// What they do.
    pub action: Action,
    /// Whether it is a SEND to what is some user's own, `/user/{name}/...`.
    pub is_personal: bool,
    /// Where. One may subscribe to many destinations with one pattern; one sends to a single one.
    pub target: &'a DestinationPattern,
}

/// Whether it may be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Yes: with every destination that the target reaches.
    Allow,
    /// No.
    Deny,
    /// No, and this is why, for the client: no full stop.
    Refuse(ByteString),
    /// It cannot be told at present. The client may try again.
    Unavailable,
}

/// Decides what clients may do. One is asked before each SUBSCRIBE and each SEND has any effect.
pub trait Authorizer: Send + Sync + 'static {
    /// Whether this may be done. The future may be dropped at any time.
    fn authorize<'a>(&'a self, access: Access<'a>) -> BoxFuture<'a, Decision>;
}

impl<A: Authorizer + ?Sized> Authorizer for Arc<A> {
    fn authorize<'a>(&'a self, access: Access<'a>) -> BoxFuture<'a, Decision> {
        (**self).authorize(access)
    }
}
