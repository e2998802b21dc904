use crate::model::{Principal, SessionId, Transport};
use bytestring::ByteString;
use http::Extensions;
use parking_lot::Mutex;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

/// The session that a message came from, as an application sees it. Cheap to clone; holding one does not keep the
/// session open.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

/// What never changes of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientInfo {
    /// Its id, for as long as the process lives.
    pub id: SessionId,
    /// The transport that opened it.
    pub transport: Transport,
    /// Its address: the peer's, or what trusted proxies say of it.
    pub remote: IpAddr,
    /// What is spoken inside, such as `v12.stomp`.
    pub protocol: Option<ByteString>,
}

struct Inner {
    info: ClientInfo,
    changing: Mutex<Changing>,
}

struct Changing {
    principal: Option<Principal>,
    attributes: Extensions,
    stage: Stage,
}

/// How far a session has come with its events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    New,
    Connecting,
    Connected,
    Gone,
}

impl Client {
    /// A session, and who it belongs to if that is known already.
    pub fn new(info: ClientInfo, principal: Option<Principal>) -> Self {
        let changing = Changing { principal, attributes: Extensions::new(), stage: Stage::New };
        Self(Arc::new(Inner { info, changing: Mutex::new(changing) }))
    }

    /// The session's id.
    pub fn id(&self) -> SessionId {
        self.0.info.id
    }

    /// The transport that opened the session. Later receivers of a SockJS session may come by others.
    pub fn transport(&self) -> Transport {
        self.0.info.transport
    }

    /// The client's address: the peer's, or what trusted proxies say of it.
    pub fn remote_addr(&self) -> IpAddr {
        self.0.info.remote
    }

    /// What is spoken inside the session, such as `v12.stomp`.
    pub fn protocol(&self) -> Option<&str> {
        self.0.info.protocol.as_deref()
    }

    /// Who is signed in now. It comes with CONNECT, and its claims may change with every refreshed token.
    pub fn principal(&self) -> Option<Principal> {
        self.0.changing.lock().principal.clone()
    }

    /// Says who is signed in from now on. Whoever has checked the credentials calls it.
    pub fn set_principal(&self, principal: Principal) {
        self.0.changing.lock().principal = Some(principal);
    }

    /// Remembers a value for as long as the session is held: one for each type.
    pub fn set_attribute<T: Clone + Send + Sync + 'static>(&self, value: T) {
        self.0.changing.lock().attributes.insert(value);
    }

    /// The value of this type that was set last.
    pub fn attribute<T: Clone + Send + Sync + 'static>(&self) -> Option<T> {
        self.0.changing.lock().attributes.get().cloned()
    }

    /// Forgets the value of this type, and gives it back.
    pub fn remove_attribute<T: Clone + Send + Sync + 'static>(&self) -> Option<T> {
        self.0.changing.lock().attributes.remove()
    }

    /// Goes on from one of `from` to `to`; false from anywhere else.
    pub(super) fn advance(&self, from: &[Stage], to: Stage) -> bool {
        let stage = &mut self.0.changing.lock().stage;
        let right = from.contains(stage);
        if right {
            *stage = to;
        }
        right
    }
}

impl PartialEq for Client {
    fn eq(&self, other: &Self) -> bool {
        self.id() == other.id()
    }
}

impl Eq for Client {}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("id", &self.id()).field("transport", &self.transport()).finish()
    }
}
