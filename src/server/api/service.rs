//! The table of operations, which is the API's description too.

use super::counts::ApiCounts;
use super::destinations::{self, DestinationPage, Emptied};
use super::endpoints::{Endpoints, session, session_id};
use super::gate::Caller;
use super::history::{self, HistoryPage};
use super::once::Once;
use super::presence::PresencePage;
use super::problem::Refusal;
use super::publish::{Publish, Published, Publisher};
use super::revocations::{Revoke, Revoked};
use super::sessions::{Order, SessionDetail, SessionPage, Wanted, disconnect};
use super::settings::{ApiSettings, Permission};
use super::tickets::{NewTicket, Ticket};
use super::users::{UserDetail, UserPage};
use http::{HeaderMap, HeaderValue, StatusCode};
use poem_openapi::param::{Header, Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, OpenApi};
use std::sync::Arc;
use std::time::SystemTime;
use tokio::task::spawn_blocking;

/// What operations work on.
pub(super) struct Service {
    endpoints: Arc<Endpoints>,
    once: Once,
    max_messages: usize,
    counts: Arc<ApiCounts>,
}

/// As in draft-ietf-httpapi-idempotency-key-header.
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// How many a page has that was not told how many.
fn page_size() -> u16 {
    100
}

fn oldest_first() -> Order {
    Order::Oldest
}

/// A session that ends.
#[derive(ApiResponse)]
pub(super) enum Ending {
    /// It ends, behind what is queued for it.
    #[oai(status = 204)]
    Ends,
}

impl Service {
    pub(super) fn new(settings: &ApiSettings, endpoints: Arc<Endpoints>, counts: Arc<ApiCounts>) -> Self {
        Self { endpoints, once: Once::new(settings), max_messages: settings.max_messages, counts }
    }

    /// A header that is no key must not be taken for none: what is sent again would be published again.
    fn check_key(headers: &HeaderMap) -> Result<(), Refusal> {
        let mut keys = headers.get_all(IDEMPOTENCY_KEY).iter();
        match (keys.next().map(HeaderValue::to_str), keys.next()) {
            (None | Some(Ok(_)), None) => Ok(()),
            _ => Err(Refusal::bad_request("invalid_request", "expected one Idempotency-Key, of printable ASCII")),
        }
    }

    fn check_number(&self, messages: usize) -> Result<(), Refusal> {
        if messages <= self.max_messages {
            return Ok(());
        }
        let detail = format!("a request may publish {} messages", self.max_messages);
        Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "too_many_messages", detail))
    }
}

/// Lists beside the threads that serve: looking at each of a hundred thousand sessions, or a million names, takes a while.
async fn aside<T: Send + 'static>(list: impl FnOnce() -> T + Send + 'static) -> Result<Json<T>, Refusal> {
    spawn_blocking(list).await.map(Json).map_err(|_| Refusal::unavailable("the server stops"))
}

/// In all of them, `endpoint` names the endpoint that is meant; without it, the only one that speaks STOMP.
#[OpenApi]
impl Service {
    /// Publish a message, or a list of messages
    ///
    /// One message alone that cannot be published is answered with what is wrong. Of a list, each message that can be is
    /// published, and the answer tells of each what became of it.
    #[oai(path = "/publish", method = "post", operation_id = "publish")]
    async fn publish(
        &self,
        caller: Caller,
        endpoint: Query<Option<String>>,
        /// The messages of requests with the same key are published once: those that a list had at the same place.
        #[oai(name = "Idempotency-Key", validator(min_length = 1, max_length = 255))]
        idempotency_key: Header<Option<String>>,
        headers: &HeaderMap,
        messages: Json<Publish>,
    ) -> Result<Json<Published>, Refusal> {
        caller.needs(Permission::Publish)?;
        Self::check_key(headers)?;
        self.check_number(messages.0.len())?;
        let (endpoint, messenger) = self.endpoints.messenger(endpoint.0.as_deref())?;
        let request_key = idempotency_key.0.as_deref();
        let publisher = Publisher {
            endpoint,
            messenger,
            once: &self.once,
            counts: &self.counts,
            key_name: caller.name(),
            request_key,
        };
        publisher.publish(messages.0).map(Json)
    }

    /// Open sessions
    #[oai(path = "/sessions", method = "get", operation_id = "listSessions")]
    async fn sessions(
        &self,
        caller: Caller,
        endpoint: Query<Option<String>>,
        /// Only sessions behind this one.
        after: Query<Option<String>>,
        /// How many at most.
        #[oai(default = "page_size", validator(minimum(value = "1"), maximum(value = "1000")))]
        limit: Query<u16>,
        /// Only sessions in whose id, user, address, transport or protocol this is, without regard to case.
        #[oai(validator(max_length = 256))]
        search: Query<Option<String>>,
        /// Which come first. Only the oldest first, as they are by default, can be asked for page by page.
        #[oai(default = "oldest_first")]
        order: Query<Order>,
    ) -> Result<Json<SessionPage>, Refusal> {
        caller.needs(Permission::Read)?;
        let after = match &after.0 {
            Some(id) => session_id(id)
                .map(|id| id.0)
                .ok_or_else(|| Refusal::bad_request("invalid_request", "after is no id of a session, such as s12"))?,
            None => 0,
        };
        let wanted = Wanted { after, search: search.0, order: order.0, limit: limit.0.into() };
        let endpoint = self.endpoints.find(endpoint.0.as_deref())?.clone();
        aside(move || SessionPage::of(&endpoint, &wanted)).await
    }

    /// A session
    #[oai(path = "/sessions/:id", method = "get", operation_id = "getSession")]
    async fn session(
        &self,
        caller: Caller,
        endpoint: Query<Option<String>>,
        id: Path<String>,
    ) -> Result<Json<SessionDetail>, Refusal> {
        caller.needs(Permission::Read)?;
        let endpoint = self.endpoints.find(endpoint.0.as_deref())?;
        Ok(Json(SessionDetail::of(endpoint, &session(endpoint, &id.0)?)))
    }

    /// End a session
    #[oai(path = "/sessions/:id", method = "delete", operation_id = "disconnect")]
    async fn disconnect(
        &self,
        caller: Caller,
        endpoint: Query<Option<String>>,
        id: Path<String>,
        /// The close code: 1000, which it is by default, or 3000 to 4999.
        code: Query<Option<u16>>,
        /// The reason, for people; at most 123 bytes.
        reason: Query<Option<String>>,
    ) -> Result<Ending, Refusal> {
        caller.needs(Permission::Disconnect)?;
        let session = session(self.endpoints.find(endpoint.0.as_deref())?, &id.0)?;
        disconnect(&session, code.0, reason.0)?;
        tracing::info!(session = %session.id(), key = caller.name(), "session ended over the API");
        Ok(Ending::Ends)
    }

    /// Users who have a session, by name
    #[oai(path = "/users", method = "get", operation_id = "listUsers")]
    async fn users(
        &self,
        caller: Caller,
        endpoint: Query<Option<String>>,
        /// Only users behind this one.
        after: Query<Option<String>>,
        /// How many at most.
        #[oai(default = "page_size", validator(minimum(value = "1"), maximum(value = "1000")))]
        limit: Query<u16>,
    ) -> Result<Json<UserPage>, Refusal> {
        caller.needs(Permission::Read)?;
        let messenger = self.endpoints.messenger(endpoint.0.as_deref())?.1.clone();
        let after = after.0.unwrap_or_default();
        aside(move || UserPage::of(messenger.users(), &after, limit.0.into())).await
    }

    /// A user with all sessions
    #[oai(path = "/users/:name", method = "get", operation_id = "getUser")]
    async fn user(
        &self,
        caller: Caller,
        endpoint: Query<Option<String>>,
        name: Path<String>,
    ) -> Result<Json<UserDetail>, Refusal> {
        caller.needs(Permission::Read)?;
        let (_, messenger) = self.endpoints.messenger(endpoint.0.as_deref())?;
        UserDetail::of(messenger.users(), &name.0).map(Json)
    }

    /// Destinations that somebody listens to or where something is kept, and patterns that somebody listens to, by name
    #[oai(path = "/destinations", method = "get", operation_id = "listDestinations")]
    async fn destinations(
        &self,
        caller: Caller,
        endpoint: Query<Option<String>>,
        /// Only those whose names begin so.
        prefix: Query<Option<String>>,
        /// Only those that have a destination in common with this: `/topic/a` is for `/topic/a` and for `/topic/*`.
        pattern: Query<Option<String>>,
        /// Only those behind this one.
        after: Query<Option<String>>,
        /// How many at most.
        #[oai(default = "page_size", validator(minimum(value = "1"), maximum(value = "1000")))]
        limit: Query<u16>,
    ) -> Result<Json<DestinationPage>, Refusal> {
        caller.needs(Permission::Read)?;
        let messenger = self.endpoints.messenger(endpoint.0.as_deref())?.1.clone();
        let query = destinations::query(prefix.0, pattern.0, after.0, limit.0)?;
        aside(move || DestinationPage::of(&messenger, &query)).await
    }

    /// Throw away what waits in a queue, or what is kept of a topic
    ///
    /// What consumers of a queue have and have not acknowledged stays theirs. A queue without consumers is gone then.
    #[oai(path = "/destinations", method = "delete", operation_id = "emptyDestination")]
    async fn empty(
        &self,
        caller: Caller,
        endpoint: Query<Option<String>>,
        /// The queue or the topic.
        destination: Query<String>,
    ) -> Result<Json<Emptied>, Refusal> {
        caller.needs(Permission::Purge)?;
        let (_, messenger) = self.endpoints.messenger(endpoint.0.as_deref())?;
        let emptied = Emptied::of(messenger, &destination.0)?;
        let (messages, key) = (emptied.messages, caller.name());
        tracing::info!(destination = ?destination.0, messages, key, "destination emptied over the API");
        Ok(Json(emptied))
    }

    /// What is kept of a topic
    ///
    /// The last publications; or with `since` those that came behind it, the oldest first.
    #[oai(path = "/history", method = "get", operation_id = "getHistory")]
    async fn history(
        &self,
        caller: Caller,
        endpoint: Query<Option<String>>,
        /// The topic.
        destination: Query<String>,
        /// Only what came behind this: the `offset` of an answer, or of a message.
        since: Query<Option<String>>,
        /// How many at most.
        #[oai(default = "page_size", validator(minimum(value = "1"), maximum(value = "1000")))]
        limit: Query<u16>,
    ) -> Result<Json<HistoryPage>, Refusal> {
        caller.needs(Permission::Read)?;
        let (_, messenger) = self.endpoints.messenger(endpoint.0.as_deref())?;
        HistoryPage::of(messenger, &history::query(destination.0, since.0, limit.0)?).map(Json)
    }

    /// Make a ticket, with which a client comes in as this user
    ///
    /// It is shown as `?ticket=` in the URL of a feed, of SockJS or of a WebSocket, or in the header `ticket` of CONNECT.
    #[oai(path = "/tickets", method = "post", operation_id = "createTicket")]
    async fn ticket(
        &self,
        caller: Caller,
        endpoint: Query<Option<String>>,
        ticket: Json<NewTicket>,
    ) -> Result<Json<Ticket>, Refusal> {
        caller.needs(Permission::Tickets)?;
        let (_, messenger) = self.endpoints.messenger(endpoint.0.as_deref())?;
        let ticket = messenger.issue_ticket(ticket.0.into())?;
        tracing::debug!(id = %ticket.id, key = caller.name(), "ticket made over the API");
        Ok(Json(ticket.into()))
    }

    /// Who is present in a destination, in the order in which they came
    #[oai(path = "/presence", method = "get", operation_id = "listPresent")]
    async fn presence(
        &self,
        caller: Caller,
        endpoint: Query<Option<String>>,
        /// The destination that they are subscribed to, such as `/topic/rooms/1`.
        destination: Query<String>,
        /// Only those behind this one.
        after: Query<Option<u64>>,
        /// How many at most.
        #[oai(default = "page_size", validator(minimum(value = "1"), maximum(value = "1000")))]
        limit: Query<u16>,
    ) -> Result<Json<PresencePage>, Refusal> {
        caller.needs(Permission::Read)?;
        let (_, messenger) = self.endpoints.messenger(endpoint.0.as_deref())?;
        PresencePage::of(messenger, &destination.0, after.0.unwrap_or_default(), limit.0.into()).map(Json)
    }

    /// Take back what a user, a session or a token may do
    #[oai(path = "/revocations", method = "post", operation_id = "revoke")]
    async fn revoke(
        &self,
        caller: Caller,
        endpoint: Query<Option<String>>,
        what: Json<Revoke>,
    ) -> Result<Json<Revoked>, Refusal> {
        caller.needs(Permission::Disconnect)?;
        let (_, messenger) = self.endpoints.messenger(endpoint.0.as_deref())?;
        let (what, until) = what.0.parse(SystemTime::now())?;
        let ended = messenger
            .revoke(&what, until)
            .map_err(|full| Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "revocations_full", full.to_string()))?;
        tracing::info!(sessions_ended = ended, key = caller.name(), "revoked over the API");
        Ok(Json(Revoked { sessions_ended: ended as u64 }))
    }
}
