//! Opening a feed: who asks, and whether they may.

use super::form::Records;
use super::listen::{Opened, Source};
use super::position::Positions;
use super::reader::{Feed, Late, UserPlace};
use super::refusal::FeedRefusal;
use super::settings::FeedSettings;
use super::speaker::FeedSpeaker;
use crate::broker::Kind;
use crate::messaging::{AddressError, Client, ClientInfo, Event, Inbound, SubscribeAddress};
use crate::model::{DestinationPattern, Disconnect, Headers, Principal, Secret, SessionId, Transport};
use crate::node::addresses::Tenant;
use crate::node::broker::Place;
use crate::node::byway::Node;
use crate::node::cell::{Cell, Identity};
use crate::node::charge::Excess;
use crate::node::driver::{Input, drive};
use crate::node::receiver::Receiver;
use crate::node::stomp::{Denied, Shared, Shown, time_left};
use crate::node::{self, now};
use crate::policy::{self, AuthError, Decision, Sent, SessionRate, is_ticket};
use crate::session::{Deadline, Ending, SessionSettings, Take};
use http::HeaderMap;
use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// Opens the feeds of one endpoint.
pub(crate) struct Feeds {
    shared: Arc<Shared>,
    pub(crate) settings: FeedSettings,
    session: Arc<SessionSettings>,
}

/// Who asks for what.
pub(crate) struct FeedRequest {
    pub(crate) transport: Transport,
    pub(crate) remote: IpAddr,
    /// Whom the application's own authentication found.
    pub(crate) principal: Option<Principal>,
    pub(crate) token: Result<Option<Secret>, AuthError>,
    /// Whether the client says, beside its URL, that it was here before.
    pub(crate) comes_back: bool,
    pub(crate) destinations: Vec<DestinationPattern>,
    pub(crate) beginning: Beginning,
    /// Whether an event of its own says where the feed begins.
    pub(crate) tells_beginning: bool,
    /// How long the answer may take.
    pub(crate) wait: Option<Duration>,
}

/// Where a feed begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Beginning {
    /// With what is published from now on.
    Now,
    /// Behind the event that had this id.
    After(String),
    /// With the last so many of each destination.
    Last(usize),
}

/// Somebody who may have a feed, and of what.
struct Admitted {
    client: Client,
    identity: policy::Identity,
    sources: Vec<Source>,
}

/// A stream that ended at once would be come back to for ever, and bring nothing.
const SHORTEST_STREAM: Duration = Duration::from_secs(1);

impl Feeds {
    pub(in crate::node) fn new(shared: Arc<Shared>, settings: FeedSettings, session: &SessionSettings) -> Self {
        let session = Arc::new(SessionSettings { heartbeat: settings.heartbeat, ..session.clone() });
        Self { shared, settings, session }
    }

    /// The token that comes with a request.
    pub(crate) fn token(&self, headers: &HeaderMap, query: Option<&str>) -> Result<Option<Secret>, AuthError> {
        self.shared.tokens.token_from_request(headers, query)
    }

    /// Opens a feed for whoever may have it. Nothing is left of it when the future is dropped.
    pub(crate) async fn open(&self, node: &Arc<Node>, request: FeedRequest) -> Result<Feed, FeedRefusal> {
        let (since, wait, tells_beginning) = (since(&request), request.wait, request.tells_beginning);
        let (destinations, beginning) = (request.destinations.clone(), request.beginning.clone());
        let Admitted { client, identity, sources } = self.admit(node, request).await?;
        let tenant = node.admit_from(client.remote_addr(), client.principal().is_some(), false)?;
        self.shared.users.connected(&client)?;
        let ending = self.ending(client.transport(), &identity, wait);
        let feed =
            self.start(node, (&client, tenant), (identity, ending), (destinations, sources), (since, beginning))?;
        Ok(Feed { tells_beginning, ..feed })
    }

    /// Whether there would be a feed for this request. A ticket is not looked at, since that would use it.
    pub(crate) async fn look(&self, node: &Arc<Node>, request: FeedRequest) -> Result<(), FeedRefusal> {
        let shows_ticket = matches!(&request.token, Ok(Some(token)) if is_ticket(token.expose()));
        match shows_ticket {
            true => self.check_count(&request.destinations),
            false => self.admit(node, request).await.map(drop),
        }
    }

    /// Finds out who asks, and whether they may have what they ask for.
    async fn admit(&self, node: &Arc<Node>, request: FeedRequest) -> Result<Admitted, FeedRefusal> {
        self.check_count(&request.destinations)?;
        node.is_full_or_draining()?;
        let FeedRequest { transport, remote, principal, token, comes_back, destinations, .. } = request;
        let info = ClientInfo { id: node.next_id(), transport, remote, protocol: None };
        let client = Client::new(info, principal.clone());
        self.announce(&client).await?;
        let shown = Shown { comes_back, ..Shown::token(token) };
        let identity = self.shared.admit(&client, shown, principal).await?;
        if let Some(principal) = identity.principal.clone() {
            client.set_principal(principal);
        }
        self.charge(&client).await?;
        let mut sources = Vec::with_capacity(destinations.len());
        for destination in destinations {
            sources.push(self.source(&client, destination).await?);
        }
        Ok(Admitted { client, identity, sources })
    }

    fn check_count(&self, destinations: &[DestinationPattern]) -> Result<(), FeedRefusal> {
        let max = self.settings.max_destinations;
        match destinations.len() {
            0 => {
                Err(FeedRefusal::bad_request("name a destination: /feed/topic/news, or /feed?destination=/topic/news"))
            }
            count if count > max => Err(FeedRefusal::bad_request(format!("a feed has at most {max} destinations"))),
            _ => Ok(()),
        }
    }

    /// As for a CONNECT without headers.
    async fn announce(&self, client: &Client) -> Result<(), FeedRefusal> {
        self.shared.dispatcher.inbound(client, Inbound::Connect { headers: Headers::new() })?;
        self.shared.tell(Event::Connect(client.clone())).await;
        Ok(())
    }

    /// A feed counts as one message: so those who open many, or poll often, are slowed down.
    async fn charge(&self, client: &Client) -> Result<(), FeedRefusal> {
        let charged = self.shared.charge(client, &SessionRate::default(), Sent::Message, 0).await;
        charged.map_err(|Excess { limit, retry_after }| {
            FeedRefusal::too_many(format!("the limit {limit} is reached"), retry_after.unwrap_or(self.settings.retry))
        })
    }

    /// What the client may listen to there.
    async fn source(&self, client: &Client, destination: DestinationPattern) -> Result<Source, FeedRefusal> {
        let inbound = Inbound::Subscribe { destination, headers: Headers::new() };
        let Some(Inbound::Subscribe { destination, .. }) = self.shared.dispatcher.inbound(client, inbound)? else {
            return Err(FeedRefusal::forbidden("the application does not allow it"));
        };
        let address = SubscribeAddress::of(destination.clone(), self.shared.messaging())?;
        match self.shared.may_subscribe(client, &destination, &address).await {
            Decision::Allow => {}
            decision => return Err(FeedRefusal::denied(decision, destination.as_str())),
        }
        let source = self.source_at(address)?;
        let is_poll = client.transport() == Transport::FeedPoll;
        match &source {
            Source::Topic(topic) if self.shared.broker.settings().history(topic).is_some() => Ok(source),
            Source::Presence(_) if is_poll => Err(FeedRefusal::bad_request(
                "who is present has no past that a poll could begin at: read it as a stream",
            )),
            _ if is_poll => Err(no_history(&destination)),
            _ => Ok(source),
        }
    }

    fn source_at(&self, address: SubscribeAddress) -> Result<Source, FeedRefusal> {
        let pattern = match address {
            SubscribeAddress::App(_) => return Err(FeedRefusal::bad_request("a feed is of topics, not of handlers")),
            SubscribeAddress::OwnUser(suffix) => {
                let own = self.shared.messaging().user_destination(&suffix);
                return own.map(Source::Own).map_err(|error| FeedRefusal::bad_request(error.to_string()));
            }
            SubscribeAddress::Presence { at, of } => return self.presence(Place { at, of }),
            SubscribeAddress::Broker(pattern) => pattern,
        };
        match self.shared.broker.settings().kind_of_pattern(&pattern)? {
            Kind::Topic => Ok(pattern.as_destination().map_or(Source::Topics(pattern), Source::Topic)),
            Kind::Queue => {
                Err(FeedRefusal::bad_request("a feed is of topics: what comes from a queue has to be acknowledged"))
            }
        }
    }

    fn presence(&self, place: Place) -> Result<Source, FeedRefusal> {
        match self.shared.broker.settings().presence(&place.of) {
            Some(_) => Ok(Source::Presence(place)),
            None => Err(AddressError::NoPresence.into()),
        }
    }

    /// Opens the session, and lets it listen. There is no way out of here without somebody who drives it.
    fn start(
        &self,
        node: &Arc<Node>,
        (client, tenant): (&Client, Tenant),
        (identity, ending): (policy::Identity, Option<Ending>),
        (destinations, sources): (Vec<DestinationPattern>, Vec<Source>),
        (since, beginning): (Option<Positions>, Beginning),
    ) -> Result<Feed, FeedRefusal> {
        let cell = node.open_cell((who(client), tenant), Arc::clone(&self.session), None);
        self.remember(&cell, &identity);
        cell.end_at(Deadline::Authentication, ending);
        let take = if client.transport() == Transport::FeedPoll { Take::All } else { Take::OneByOne };
        let receiver = Receiver::attach(Arc::clone(&cell), take);
        let mut opened = Opened::new(&self.shared, &cell, client, sources.len());
        let listens = opened.listen_to(sources, since.as_ref(), &beginning);
        if listens.is_err() {
            cell.close(Disconnect::OVERLOADED);
        }
        let Opened { listening, attending, positions, late, format, alone, .. } = opened;
        let (shared, token_id) = (Arc::clone(&self.shared), identity.token_id);
        let speaker = FeedSpeaker { shared, client: client.clone(), token_id, listening, attending, destinations };
        tokio::spawn(drive(cell, Box::new(speaker), Input::Inbox));
        listens?;
        let receiver = receiver.map_err(|_| node::OpenError::Draining)?;
        let records = Records { format, alone, positions: Positions(positions) };
        Ok(self.feed(receiver, client.id(), records, late))
    }

    /// What a transport reads from.
    fn feed(&self, receiver: Receiver, session: SessionId, records: Records, late: VecDeque<Late>) -> Feed {
        let left = self.settings.response_limit.unwrap_or(usize::MAX);
        let page = (self.session.queue_messages, self.session.queue_bytes.min(left));
        let _place = UserPlace { shared: Arc::clone(&self.shared), session };
        let (retry, opened, tells_beginning, cut) = (self.settings.retry, false, false, false);
        Feed { receiver, records, late, retry, opened, tells_beginning, page, left, cut, _place }
    }

    /// What ends a feed in time, where something does: its token, or that a stream has lasted long enough.
    fn ending(&self, transport: Transport, identity: &policy::Identity, wait: Option<Duration>) -> Option<Ending> {
        let token = time_left(identity).map(|left| (left, Disconnect::TOKEN_EXPIRED));
        let lasts = self.settings.stream_time.into_iter().chain(wait.map(|wait| wait.max(SHORTEST_STREAM))).min();
        let stream = lasts.filter(|_| transport != Transport::FeedPoll).map(|lasts| (lasts, Disconnect::STREAM_LIMIT));
        let (left, disconnect) = token.into_iter().chain(stream).min_by_key(|(left, _)| *left)?;
        Some(Ending { at: now().checked_add(left)?, disconnect, last_words: None })
    }

    /// The session is this identity's, for as long as that lasts. What was revoked while it was looked at is revoked.
    fn remember(&self, cell: &Cell, identity: &policy::Identity) {
        self.shared.tokens_in_use.remember(cell.who.id, identity.token_id.as_ref());
        if self.shared.check_revocation(identity).is_err() {
            cell.close(Disconnect::REVOKED);
        }
    }
}

/// Where a reader who comes back has come to. An id that means nothing here, because another server gave it or somebody made it
/// up, is one behind which everything is missed: an `EventSource` that is refused gives up for ever.
fn since(request: &FeedRequest) -> Option<Positions> {
    let Beginning::After(id) = &request.beginning else { return None };
    let destinations = request.destinations.len();
    Some(Positions::parse(id, destinations).unwrap_or_else(|| Positions::unknown(destinations)))
}

fn who(client: &Client) -> Identity {
    Identity {
        id: client.id(),
        transport: client.transport(),
        principal: client.principal(),
        remote: client.remote_addr(),
        protocol: None,
        name: None,
    }
}

fn no_history(destination: &DestinationPattern) -> FeedRefusal {
    FeedRefusal::bad_request(format!(
        "{} keeps no history, so polls would miss what is published between them: read it as a stream, or configure \
         broker.history for this topic",
        destination.as_str()
    ))
}

impl From<Denied> for FeedRefusal {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::TooManyFailures(wait) => {
                Self::too_many("too many clients of this address could not show who they are", wait)
            }
            Denied::Auth(error) => error.into(),
        }
    }
}
