//! Who is connected, session by session.

use super::problem::Refusal;
use crate::messaging::UserSession;
use crate::model::Disconnect;
use crate::node::SessionHandle;
use crate::server::Mounted;
use poem_openapi::{Enum, Object};
use std::cmp::Reverse;
use std::time::SystemTime;

/// A session.
#[derive(Debug, Object)]
pub(super) struct Session {
    /// Its id, as in logs.
    id: String,
    /// Whose it is.
    #[oai(skip_serializing_if_is_none)]
    user: Option<String>,
    /// The client's address: the peer's, or what trusted proxies say of it.
    address: String,
    /// What opened it, such as `websocket`.
    transport: String,
    /// The WebSocket sub-protocol that was agreed on, such as `v12.stomp`.
    #[oai(skip_serializing_if_is_none)]
    protocol: Option<String>,
    /// Since when it is there (RFC 3339).
    since: String,
    /// What waits for the client.
    queue: Amount,
    /// What came from the client.
    received: Amount,
    /// What went to the client.
    sent: Amount,
}

/// How much of something there is.
#[derive(Debug, Object)]
pub(super) struct Amount {
    messages: u64,
    /// Their bytes, without framing.
    bytes: u64,
}

/// Some sessions, oldest first.
#[derive(Debug, Object)]
pub(super) struct SessionPage {
    sessions: Vec<Session>,
    /// What to ask for as `after` to get more; nothing where there are none.
    #[oai(skip_serializing_if_is_none)]
    next: Option<String>,
}

/// A session and what it listens to.
#[derive(Debug, Object)]
pub(super) struct SessionDetail {
    #[oai(flatten)]
    session: Session,
    /// Oldest first. Only users' are known; sessions without one show none.
    subscriptions: Vec<Subscription>,
}

/// What a session listens to.
#[derive(Debug, Object)]
pub(super) struct Subscription {
    /// The id that the client gave it.
    id: String,
    /// A destination, or a pattern of destinations.
    destination: String,
}

impl Session {
    fn of(endpoint: &Mounted, session: &SessionHandle) -> Self {
        let (queued, traffic) = (session.queued(), session.traffic());
        let since = SystemTime::now().checked_sub(session.age()).unwrap_or(SystemTime::UNIX_EPOCH);
        Self {
            id: session.id().to_string(),
            user: user(endpoint, session),
            address: session.remote_addr().to_string(),
            transport: session.transport().name().to_owned(),
            protocol: session.protocol().map(str::to_owned),
            since: humantime::format_rfc3339_millis(since).to_string(),
            queue: Amount { messages: queued.0 as u64, bytes: queued.1 as u64 },
            received: Amount { messages: traffic.messages_in, bytes: traffic.bytes_in },
            sent: Amount { messages: traffic.messages_out, bytes: traffic.bytes_out },
        }
    }
}

impl Session {
    /// Whether what identifies it has this in it; nothing is in everything.
    fn has(&self, search: &str) -> bool {
        let texts =
            [Some(&self.id), self.user.as_ref(), Some(&self.address), Some(&self.transport), self.protocol.as_ref()];
        texts.into_iter().flatten().any(|text| text.to_lowercase().contains(search))
    }
}

/// Who has signed in inside the session, or else who came with the request that opened it.
fn user(endpoint: &Mounted, session: &SessionHandle) -> Option<String> {
    let inside = endpoint.messenger.as_ref().and_then(|messenger| messenger.users().user_of(session.id()));
    inside.as_deref().or_else(|| session.principal().map(|principal| principal.name())).map(str::to_owned)
}

/// What sessions are listed by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
pub(super) enum Order {
    /// Oldest first, page by page.
    Oldest,
    /// Newest first.
    Newest,
    /// Those for whom the most bytes wait first.
    Queue,
    /// Those who sent the most bytes first.
    Received,
    /// Those who were sent the most bytes first.
    Sent,
}

impl Order {
    fn apply(self, sessions: &mut [SessionHandle]) {
        match self {
            Self::Oldest => sessions.sort_unstable_by_key(SessionHandle::id),
            Self::Newest => sessions.sort_unstable_by_key(|session| Reverse(session.id())),
            Self::Queue => sessions.sort_by_cached_key(|session| Reverse(session.queued().1)),
            Self::Received => sessions.sort_by_cached_key(|session| Reverse(session.traffic().bytes_in)),
            Self::Sent => sessions.sort_by_cached_key(|session| Reverse(session.traffic().bytes_out)),
        }
    }
}

/// Which sessions are listed.
pub(super) struct Wanted {
    /// Only those whose ids are above.
    pub(super) after: u64,
    /// Only those in whose id, user, address, transport or protocol this is, without regard to case.
    pub(super) search: Option<String>,
    pub(super) order: Order,
    pub(super) limit: usize,
}

impl SessionPage {
    pub(super) fn of(endpoint: &Mounted, wanted: &Wanted) -> Self {
        let mut open = endpoint.byway.sessions();
        open.retain(|session| session.id().0 > wanted.after && session.is_open());
        wanted.order.apply(&mut open);
        let search = wanted.search.as_deref().map(str::to_lowercase).unwrap_or_default();
        let found = open.iter().map(|session| Session::of(endpoint, session)).filter(|session| session.has(&search));
        let mut sessions: Vec<_> = found.take(wanted.limit + 1).collect();
        let is_more = sessions.len() > wanted.limit;
        sessions.truncate(wanted.limit);
        // Only by age does a session stay where it is in the list.
        let next = sessions.last().filter(|_| is_more && wanted.order == Order::Oldest).map(|last| last.id.clone());
        Self { sessions, next }
    }
}

impl SessionDetail {
    pub(super) fn of(endpoint: &Mounted, session: &SessionHandle) -> Self {
        let users = endpoint.messenger.as_ref().map(|messenger| messenger.users());
        let known = users.and_then(|users| users.session(session.id()));
        Self { session: Session::of(endpoint, session), subscriptions: known.map(subscriptions).unwrap_or_default() }
    }
}

/// What a user's session listens to.
pub(super) fn subscriptions(session: UserSession) -> Vec<Subscription> {
    let subscription = |(id, destination): (bytestring::ByteString, crate::model::DestinationPattern)| Subscription {
        id: id.to_string(),
        destination: destination.as_str().to_owned(),
    };
    session.subscriptions.into_iter().map(subscription).collect()
}

/// Ends a session with a code and a reason of the backend's.
pub(super) fn disconnect(session: &SessionHandle, code: Option<u16>, reason: Option<String>) -> Result<(), Refusal> {
    let normal = Disconnect::NORMAL;
    let code = code.unwrap_or(normal.code());
    let reason =
        reason.unwrap_or_else(|| if code == normal.code() { normal.reason().to_owned() } else { String::new() });
    session.close_with(code, reason).map_err(|error| Refusal::bad_request("invalid_ending", error.to_string()))
}
