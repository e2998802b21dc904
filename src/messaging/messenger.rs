//! How an application publishes, from a handler or from anywhere else.

use super::settings::MessagingSettings;
use super::{DestinationPage, DestinationQuery, HistoryPage, HistoryQuery, IntoPayload, Json, Users};
use crate::broker::{NoShare, Present, Purged};
use crate::model::{Destination, DestinationError, Disconnect, Publication, SessionId};
use crate::policy::{Revocation, RevocationsFull, Ticket, TicketError, TicketRequest};
use bytestring::ByteString;
use serde::Serialize;
use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

/// What carries out what a [`Messenger`] is told: the node. Nothing here waits.
pub trait Outlet: Send + Sync + 'static {
    /// Gives a publication to the broker. [`NotPublishable`](PublishError::NotPublishable) where the destination is the
    /// application's, a user's, or of no kind that the broker has.
    fn publish(&self, publication: Publication) -> Result<(), PublishError>;

    /// Gives a publication to all sessions of a user that subscribed its destination, `/user/queue/x`. It is no error
    /// that there are none.
    fn to_user(&self, name: &str, publication: Publication) -> Result<(), PublishError>;

    /// The same for one session, signed in or not.
    fn to_session(&self, session: SessionId, publication: Publication) -> Result<(), PublishError>;

    /// Ends a session; false where there is none.
    fn disconnect(&self, session: SessionId, disconnect: Disconnect) -> bool;

    /// Takes something back: tokens that it is about are refused until `until`, and its sessions end. How many did.
    fn revoke(&self, what: &Revocation, until: SystemTime) -> Result<usize, RevocationsFull>;

    /// Makes a ticket, with which somebody comes in as this user.
    fn issue_ticket(&self, request: TicketRequest) -> Result<Ticket, TicketError>;

    /// Who is connected.
    fn users(&self) -> &Users;

    /// What the broker has of what is asked for. It looks at every name that there is.
    fn destinations(&self, query: &DestinationQuery) -> DestinationPage;

    /// What is kept of a topic; `None` where nothing is to be.
    fn history(&self, query: &HistoryQuery) -> Option<HistoryPage>;

    /// Throws away what waits in a work queue, or what is kept of a topic. `None` where there is nothing of this name.
    fn empty(&self, destination: &Destination) -> Option<Purged>;

    /// Who is present in a destination, of whom others are told: at most `limit`, with numbers above `after`. `None` where
    /// presence is not configured.
    fn present(&self, destination: &Destination, after: u64, limit: usize) -> Option<Present>;
}

/// Publishes, finds users, and ends sessions. Cheap to clone; hold one wherever something is to be told.
///
/// Nothing waits for a subscriber. A payload is sent as JSON, or as anything else by the methods with `payload` in their names:
///
/// ```
/// # use byway::messaging::{Messenger, PublishError, Text};
/// # use serde::Serialize;
/// #[derive(Serialize)]
/// struct Price { cents: u64 }
///
/// fn tell(to: &Messenger) -> Result<(), PublishError> {
///     to.send("/topic/prices/tea", &Price { cents: 250 })?;
///     to.send_to_user("ada", "/queue/alerts", &"tea is cheap")?;
///     to.send_payload("/topic/ticker", Text("tea 2.50".into()))
/// }
/// ```
#[derive(Clone)]
pub struct Messenger {
    outlet: Arc<dyn Outlet>,
    settings: Arc<MessagingSettings>,
}

/// Why something was not published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PublishError {
    /// More is published than can be carried out.
    Overloaded,
    /// The queue has as many messages as it may have.
    QueueFull,
    /// The broker holds as much for this client as it [may](crate::broker::ShareSettings).
    ShareReached,
    /// The text is no destination.
    InvalidDestination(DestinationError),
    /// Nothing can be published there: it is the application's or a user's, or of no kind that the broker has.
    NotPublishable(Destination),
    /// The payload has no form in JSON, such as a map whose keys are no texts. What it was.
    NotJson(String),
}

impl fmt::Display for PublishError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Overloaded => f.write_str("too many messages wait to be delivered"),
            Self::QueueFull => f.write_str("the queue is full"),
            Self::ShareReached => NoShare::Share.fmt(f),
            Self::InvalidDestination(error) => write!(f, "not a destination: {error}"),
            Self::NotPublishable(destination) => write!(f, "nothing can be published to {destination}"),
            Self::NotJson(problem) => write!(f, "the payload has no form in JSON: {problem}"),
        }
    }
}

impl std::error::Error for PublishError {}

impl From<NoShare> for PublishError {
    fn from(error: NoShare) -> Self {
        match error {
            NoShare::Full => Self::QueueFull,
            NoShare::Share => Self::ShareReached,
        }
    }
}

impl From<DestinationError> for PublishError {
    fn from(error: DestinationError) -> Self {
        Self::InvalidDestination(error)
    }
}

impl Messenger {
    /// One that publishes through `outlet`.
    pub fn new(outlet: Arc<dyn Outlet>, settings: Arc<MessagingSettings>) -> Self {
        Self { outlet, settings }
    }

    /// Publishes a payload as JSON.
    pub fn send<T: Serialize + ?Sized>(
        &self,
        destination: impl Into<ByteString>,
        payload: &T,
    ) -> Result<(), PublishError> {
        self.send_payload(destination, Json(payload))
    }

    /// Publishes a payload of any kind: [`Text`](super::Text), [`Json`], [`Body`](super::Body).
    pub fn send_payload(
        &self,
        destination: impl Into<ByteString>,
        payload: impl IntoPayload,
    ) -> Result<(), PublishError> {
        self.publish(payload.into_payload()?.to(Destination::parse(destination)?))
    }

    /// Publishes a message with headers of its own.
    pub fn publish(&self, publication: Publication) -> Result<(), PublishError> {
        self.outlet.publish(publication)
    }

    /// Sends a payload as JSON to all sessions of a user that subscribed `/user` + `suffix`: to `/queue/x` for those that
    /// subscribed `/user/queue/x`. The name may have any characters.
    pub fn send_to_user<T: Serialize + ?Sized>(
        &self,
        name: &str,
        suffix: impl Into<ByteString>,
        payload: &T,
    ) -> Result<(), PublishError> {
        self.send_payload_to_user(name, suffix, Json(payload))
    }

    /// The same with a payload of any kind.
    pub fn send_payload_to_user(
        &self,
        name: &str,
        suffix: impl Into<ByteString>,
        payload: impl IntoPayload,
    ) -> Result<(), PublishError> {
        self.publish_to_user(name, payload.into_payload()?.to(Destination::parse(suffix)?))
    }

    /// Publishes a message with headers of its own to all sessions of a user that subscribed `/user` + its destination.
    pub fn publish_to_user(&self, name: &str, publication: Publication) -> Result<(), PublishError> {
        self.outlet.to_user(name, self.personal(publication)?)
    }

    /// Sends a payload as JSON to one session, if it subscribed `/user` + `suffix`.
    pub fn send_to_session<T: Serialize + ?Sized>(
        &self,
        session: SessionId,
        suffix: impl Into<ByteString>,
        payload: &T,
    ) -> Result<(), PublishError> {
        self.send_payload_to_session(session, suffix, Json(payload))
    }

    /// The same with a payload of any kind.
    pub fn send_payload_to_session(
        &self,
        session: SessionId,
        suffix: impl Into<ByteString>,
        payload: impl IntoPayload,
    ) -> Result<(), PublishError> {
        self.publish_to_session(session, payload.into_payload()?.to(Destination::parse(suffix)?))
    }

    /// Publishes a message with headers of its own to one session, if it subscribed `/user` + its destination.
    pub fn publish_to_session(&self, session: SessionId, publication: Publication) -> Result<(), PublishError> {
        self.outlet.to_session(session, self.personal(publication)?)
    }

    /// Who is connected to this node.
    pub fn users(&self) -> &Users {
        self.outlet.users()
    }

    /// What the broker of this node has at present: destinations that somebody listens to or of which something is kept, and
    /// patterns that somebody listens to. Users' own are not among them; [`users`](Self::users) has those.
    ///
    /// Whatever is there all the time is found. It looks at every name that there is, a few at a time, which takes a
    /// while where there are a million: call it where that stops nobody.
    pub fn destinations(&self, query: &DestinationQuery) -> DestinationPage {
        self.outlet.destinations(query)
    }

    /// What this node keeps of a topic, a page at a time. `None` where the settings have no history for it.
    pub fn history(&self, query: &HistoryQuery) -> Option<HistoryPage> {
        self.outlet.history(query)
    }

    /// Throws away what waits in a work queue of this node, or what is kept of a topic, and answers how much that was. `None`
    /// where there is no such queue, and no such history.
    ///
    /// What consumers have and have not acknowledged stays theirs. Offsets of a topic go on, so that who comes back is told
    /// how much it has missed.
    pub fn empty(&self, destination: &Destination) -> Option<Purged> {
        self.outlet.empty(destination)
    }

    /// Who is present in a destination on this node: those with a subscription to exactly it. `None` where no entry of
    /// [`presence`](crate::broker::BrokerSettings::presence) matches it.
    pub fn presence(&self, destination: &Destination) -> Option<Present> {
        self.presence_after(destination, 0, usize::MAX)
    }

    /// The same in pages, in the order in which they came: at most `limit` whose [numbers](crate::broker::Member::number) are
    /// above `after`.
    pub fn presence_after(&self, destination: &Destination, after: u64, limit: usize) -> Option<Present> {
        self.outlet.present(destination, after, limit)
    }

    /// Ends a session, behind what is queued for it; false where there is none.
    pub fn disconnect(&self, session: SessionId, disconnect: Disconnect) -> bool {
        self.outlet.disconnect(session, disconnect)
    }

    /// Ends all sessions of a user on this node; how many there were.
    pub fn disconnect_user(&self, name: &str, disconnect: &Disconnect) -> usize {
        let sessions = self.users().sessions_of(name);
        sessions.into_iter().filter(|session| self.disconnect(*session, disconnect.clone())).count()
    }

    /// Takes back what a user, a session or a token may do: its sessions end at once with
    /// [`REVOKED`](Disconnect::REVOKED), and its tokens that were issued until now are refused until `until`, by when
    /// the last of them should have expired. How many sessions ended. It is an error that more revocations would have to
    /// be remembered than may be; nothing is revoked then.
    pub fn revoke(&self, what: &Revocation, until: SystemTime) -> Result<usize, RevocationsFull> {
        self.outlet.revoke(what, until)
    }

    /// Makes a ticket: what a page shows in the place of a token, as `?ticket=` in a URL or as the header `ticket` of CONNECT, to
    /// come in as this user. This node alone knows it. Revocations of the user, and of the ticket by its
    /// [`id`](Ticket::id), count for it.
    pub fn issue_ticket(&self, request: TicketRequest) -> Result<Ticket, TicketError> {
        self.outlet.issue_ticket(request)
    }

    /// The same publication under the destination that a user's session calls it by.
    fn personal(&self, publication: Publication) -> Result<Publication, PublishError> {
        let destination = self.settings.user_destination(publication.destination.as_text().clone())?;
        Ok(Publication { destination, ..publication })
    }
}

impl fmt::Debug for Messenger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Messenger").finish_non_exhaustive()
    }
}
