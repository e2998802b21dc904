//! What an application holds of a session.

use super::cell::Cell;
use super::{Group, now};
use crate::model::{CloseCodeError, Disconnect, Message, Principal, SessionId, Transport};
use crate::session::{Outgoing, SendError, Traffic};
use bytestring::ByteString;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// A session, as the application sees it. Cheap to clone; holding one does not keep the session open.
#[derive(Clone)]
pub struct SessionHandle(pub(super) Arc<Cell>);

impl SessionHandle {
    /// The session's id, for as long as the process lives.
    pub fn id(&self) -> SessionId {
        self.0.who.id
    }

    /// The transport that opened the session. Later receivers of a SockJS session may come by others.
    pub fn transport(&self) -> Transport {
        self.0.who.transport
    }

    /// The WebSocket sub-protocol that the client and the endpoint agreed on.
    pub fn protocol(&self) -> Option<&str> {
        self.0.who.protocol.as_deref()
    }

    /// Who the session belongs to, if the application's authentication said so.
    pub fn principal(&self) -> Option<&Principal> {
        self.0.who.principal.as_ref()
    }

    /// The client's address: the peer's, or what trusted proxies say of it.
    pub fn remote_addr(&self) -> IpAddr {
        self.0.who.remote
    }

    /// For how long the session has been there.
    pub fn age(&self) -> Duration {
        now().saturating_duration_since(self.0.opened_at)
    }

    /// Queues a message for the client; never waits. Fails when the session has ended, when its queue is full, or when a
    /// binary message is sent to a session that carries text.
    pub fn send(&self, message: impl Into<Message>) -> Result<(), SendError> {
        self.0.send(Outgoing::new(message.into()))
    }

    /// Ends the session with 1000 "Normal closure", behind what is queued.
    pub fn close(&self) {
        self.0.close(Disconnect::NORMAL);
        self.0.discard_inbox();
    }

    /// Ends the session with a code (1000 or 3000 to 4999) and a reason (at most 123 bytes), behind what is queued.
    pub fn close_with(&self, code: u16, reason: impl Into<ByteString>) -> Result<(), CloseCodeError> {
        self.0.close(Disconnect::application(code, reason)?);
        self.0.discard_inbox();
        Ok(())
    }

    /// True until the session ends.
    pub fn is_open(&self) -> bool {
        self.0.with(|session| session.is_open())
    }

    /// True as long as what the client sent is carried out, which can be longer than the session is open.
    pub(super) fn is_heard(&self) -> bool {
        self.0.with(|session| session.is_heard())
    }

    /// What waits for the client, in messages and in bytes.
    pub fn queued(&self) -> (usize, usize) {
        self.0.with(|session| session.queued())
    }

    /// What the session has carried so far.
    pub fn traffic(&self) -> Traffic {
        self.0.with(|session| session.traffic())
    }

    /// Remembers a value for as long as the session is held: one for each type.
    pub fn set_attribute<T: Clone + Send + Sync + 'static>(&self, value: T) {
        self.0.attributes.lock().insert(value);
    }

    /// The value of this type that was set last.
    pub fn attribute<T: Clone + Send + Sync + 'static>(&self) -> Option<T> {
        self.0.attributes.lock().get().cloned()
    }

    /// Makes the session a member of a group, until it leaves or ends. From this call on it gets the group's messages.
    pub fn join(&self, group: &str) {
        let group = self.group(group);
        let mut memberships = self.0.memberships.lock();
        // An ending session leaves its groups once, after it has stopped being open.
        if self.is_open() && memberships.iter().all(|membership| membership.group != group) {
            memberships.push(group.join(&self.0));
        }
    }

    /// Ends the membership.
    pub fn leave(&self, group: &str) {
        let group = self.group(group);
        self.0.memberships.lock().retain(|membership| membership.group != group);
    }

    /// A group of the endpoint that this session belongs to.
    pub fn group(&self, name: &str) -> Group {
        self.0.node.groups.group(name)
    }
}

impl PartialEq for SessionHandle {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for SessionHandle {}

impl fmt::Debug for SessionHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionHandle").field("id", &self.0.who.id).field("transport", &self.0.who.transport).finish()
    }
}
