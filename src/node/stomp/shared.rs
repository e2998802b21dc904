//! What all STOMP sessions and feeds of an endpoint share.

use super::phrases::Phrases;
use super::refusal::Refusal;
use super::settings::Stomp;
use crate::broker::Present;
use crate::messaging::{
    Client, DestinationPage, DestinationQuery, Dispatcher, Event, HistoryPage, HistoryQuery, MessagesError,
    MessagingSettings, Messenger, Outlet, PublishError, SubscribeAddress, Users,
};
use crate::model::{
    Destination, DestinationPattern, Disconnect, Headers, Principal, Publication, Secret, SessionId, SettingsError,
    Transport,
};
use crate::node::broker::{Attendance, Broker, Deliveries, Inbox, Owner};
use crate::node::byway::Node;
use crate::node::hub::Hub;
use crate::node::now;
use crate::policy::{
    Access, Action, AddressKey, AuthError, Authenticator, Authorizer, ConnectFailures, Credentials, Decision, Identity,
    RateLimits, Revocation, Revocations, RevocationsFull, ShownTicket, Ticket, TicketError, TicketRequest, Tickets,
    TokenSettings, is_ticket,
};
use crate::protocol::stomp::StompSettings;
use bytestring::ByteString;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::{Duration, SystemTime};
use tokio::runtime::Handle;

/// How many revocations are remembered at a time: about 1 MB.
const MAX_REVOCATIONS: usize = 10_000;

/// How often what is over is forgotten.
const TIDY_EVERY: Duration = Duration::from_secs(60);

/// How long whoever decides who clients are may take to get ready.
const PREPARE_WITHIN: Duration = Duration::from_secs(60);

pub(in crate::node) struct Shared {
    pub(in crate::node) stomp: Arc<StompSettings>,
    pub(in crate::node) tokens: TokenSettings,
    pub(in crate::node) broker: Broker,
    pub(in crate::node) dispatcher: Dispatcher,
    pub(in crate::node) users: Users,
    pub(in crate::node) rates: RateLimits,
    pub(in crate::node) failures: ConnectFailures,
    pub(in crate::node) tokens_in_use: TokensInUse,
    pub(super) phrases: Phrases,
    revocations: Revocations,
    tickets: Tickets,
    authenticator: Arc<dyn Authenticator>,
    authorizer: Arc<dyn Authorizer>,
    node: OnceLock<Weak<Node>>,
    is_prepared: AtomicBool,
    is_kept_tidy: AtomicBool,
}

impl Shared {
    pub(in crate::node) fn new(stomp: Stomp, hub: Arc<Hub<Deliveries>>) -> Result<Arc<Self>, SettingsError> {
        let dispatcher = stomp.messages.build().map_err(not_built)?;
        Ok(Arc::new(Self {
            users: Users::new(dispatcher.settings().max_sessions_per_user),
            broker: Broker::new(
                stomp.broker,
                dispatcher.settings().presence_prefix.clone(),
                hub,
                dispatcher.occupancy_listeners(),
            ),
            dispatcher,
            stomp: Arc::new(stomp.stomp),
            tokens: stomp.tokens,
            rates: RateLimits::new(&stomp.rates, now()),
            failures: ConnectFailures::new(stomp.failures_per_minute, now()),
            tokens_in_use: TokensInUse::default(),
            phrases: Phrases::default(),
            revocations: Revocations::new(MAX_REVOCATIONS),
            tickets: Tickets::new(stomp.tickets),
            authenticator: stomp.authenticator,
            authorizer: stomp.authorizer,
            node: OnceLock::new(),
            is_prepared: AtomicBool::new(false),
            is_kept_tidy: AtomicBool::new(false),
        }))
    }

    pub(in crate::node) fn attach(&self, node: &Arc<Node>) {
        self.node.get_or_init(|| Arc::downgrade(node));
    }

    pub(in crate::node) fn messaging(&self) -> &MessagingSettings {
        self.dispatcher.settings()
    }

    pub(in crate::node) fn messenger(self: &Arc<Self>) -> Messenger {
        let outlet: Arc<dyn Outlet> = Arc::clone(self) as _;
        Messenger::new(outlet, Arc::clone(self.dispatcher.settings()))
    }

    /// Tells the application's listeners.
    pub(in crate::node) async fn tell(self: &Arc<Self>, event: Event) {
        self.dispatcher.tell(event, &self.messenger()).await;
    }

    /// A session has ended: it takes no part in anything any more.
    pub(in crate::node) async fn part(
        self: &Arc<Self>,
        client: &Client,
        token_id: Option<&ByteString>,
        disconnect: &Disconnect,
    ) {
        self.tokens_in_use.forget(client.id(), token_id);
        if let Some(token) = token_id {
            self.tickets.left(token, SystemTime::now());
        }
        self.users.disconnected(client.id());
        self.tell(Event::Disconnected { client: client.clone(), disconnect: disconnect.clone() }).await;
    }

    /// Who a client is: by a token, or else whom it is `known` to be. Addresses that fail too often are not looked at. A
    /// client that says that it comes back may show a ticket again.
    pub(in crate::node) async fn admit(
        &self,
        client: &Client,
        shown: Shown,
        known: Option<Principal>,
    ) -> Result<Identity, Denied> {
        let remote = client.remote_addr();
        self.failures.check(AddressKey::from(remote), now()).map_err(Denied::TooManyFailures)?;
        let count = |error: AuthError| self.count_failure(remote, error);
        let Shown { token, login, passcode, headers, comes_back } = shown;
        let token = token.map_err(count)?;
        if let (None, Some(principal)) = (&token, known) {
            return Ok(Identity { principal: Some(principal), ..Identity::ANONYMOUS });
        }
        let (session, transport) = (client.id(), client.transport());
        let credentials = Credentials { token, login, passcode, headers, session, transport, remote };
        self.identify(&credentials, comes_back).await.map_err(count)
    }

    fn count_failure(&self, remote: IpAddr, error: AuthError) -> Denied {
        if error.may_be_a_guess() {
            self.failures.failed(AddressKey::from(remote), now());
        }
        Denied::Auth(error)
    }

    /// Who shows these credentials, unless that was revoked.
    async fn identify(&self, credentials: &Credentials, comes_back: bool) -> Result<Identity, AuthError> {
        let identity = match credentials.token.as_ref().filter(|token| is_ticket(token.expose())) {
            Some(ticket) => {
                let shown = ShownTicket { ticket: ticket.expose(), address: credentials.remote.into(), comes_back };
                self.tickets.redeem(shown, SystemTime::now(), |id| self.tokens_in_use.has(id))?
            }
            None => self.authenticator.authenticate(credentials).await?,
        };
        self.check_revocation(&identity)?;
        Ok(identity)
    }

    pub(in crate::node) fn check_revocation(&self, identity: &Identity) -> Result<(), AuthError> {
        match self.revocations.is_revoked(identity, identity.issued_at(), SystemTime::now()) {
            true => Err(AuthError::Revoked),
            false => Ok(()),
        }
    }

    /// Whether the client may do this with all that `target` reaches.
    pub(in crate::node) async fn decide(
        &self,
        client: &Client,
        action: Action,
        target: &DestinationPattern,
        is_personal: bool,
    ) -> Decision {
        let principal = client.principal();
        let (session, transport, remote) = (client.id(), client.transport(), client.remote_addr());
        let principal = principal.as_ref();
        let access = Access { principal, session, transport, remote, action, is_personal, target };
        self.authorizer.authorize(access).await
    }

    /// Whether the client may subscribe this, which means `address`. What is the client's own it may. To see who is present
    /// somewhere it has to be allowed there, and where that is told: so rules that know no presence give none away.
    pub(in crate::node) async fn may_subscribe(
        &self,
        client: &Client,
        destination: &DestinationPattern,
        address: &SubscribeAddress,
    ) -> Decision {
        let decide = async |target| self.decide(client, Action::Subscribe, target, false).await;
        match address {
            SubscribeAddress::OwnUser(_) => Decision::Allow,
            SubscribeAddress::Presence { of, .. } => match decide(destination).await {
                Decision::Allow => decide(&of.clone().into()).await,
                decision => decision,
            },
            SubscribeAddress::App(_) | SubscribeAddress::Broker(_) => decide(destination).await,
        }
    }

    /// Makes a client present that has subscribed this, where that is told. Each poll of somebody without a name is somebody
    /// else, and none of them is there.
    pub(in crate::node) fn attend(&self, client: &Client, destination: &DestinationPattern) -> Option<Attendance> {
        let destination = destination.as_destination()?;
        self.broker.settings().presence(&destination)?;
        let principal = client.principal();
        let passes_by = principal.is_none() && client.transport() == Transport::FeedPoll;
        match passes_by {
            true => None,
            false => self.broker.attend(&destination, client.id(), principal.as_ref()),
        }
    }

    /// The same, as STOMP says it.
    pub(super) async fn authorize(
        &self,
        client: &Client,
        action: Action,
        target: &DestinationPattern,
        is_personal: bool,
    ) -> Result<(), Refusal> {
        match self.decide(client, action, target, is_personal).await {
            Decision::Allow => Ok(()),
            decision => Err(Refusal::denied(decision)),
        }
    }

    /// Where that comes which is sent to this session, and to all of its user's.
    pub(in crate::node) fn inboxes(&self, client: &Client, own: &Destination) -> impl Iterator<Item = Inbox> + use<> {
        let user = client.principal().map(|principal| Owner::User(principal.as_text().clone()));
        let (destination, owners) = (own.clone(), [Some(Owner::Session(client.id())), user]);
        owners.into_iter().flatten().map(move |owner| Inbox { owner, destination: destination.clone() })
    }

    /// Lets whoever decides who clients are get ready, once and beside everything else.
    pub(in crate::node) fn prepare(&self, runtime: &Handle) {
        if self.is_prepared.swap(true, Ordering::Relaxed) {
            return;
        }
        let authenticator = Arc::clone(&self.authenticator);
        runtime.spawn(async move { tokio::time::timeout(PREPARE_WITHIN, authenticator.prepare()).await.ok() });
    }

    /// Forgets what is over, from time to time, for as long as the endpoint is there.
    pub(in crate::node) fn keep_tidy(self: &Arc<Self>, runtime: &Handle) {
        if self.is_kept_tidy.swap(true, Ordering::Relaxed) {
            return;
        }
        let shared = Arc::downgrade(self);
        runtime.spawn(async move {
            loop {
                tokio::time::sleep(TIDY_EVERY).await;
                let Some(shared) = shared.upgrade() else { return };
                shared.rates.tidy(now());
                shared.failures.tidy(now());
                shared.revocations.forget_expired(SystemTime::now());
                shared.tickets.forget_expired(SystemTime::now(), |id| shared.tokens_in_use.has(id));
            }
        });
    }

    /// Publishes what interceptors leave of it.
    pub(in crate::node) fn publish(&self, publication: Publication) -> Result<(), PublishError> {
        let MessagingSettings { app_prefix, user_prefix, presence_prefix, .. } = self.messaging();
        let is_below = |prefix: &Destination| publication.destination.is_below(prefix.as_str());
        if [app_prefix, user_prefix, presence_prefix].into_iter().any(is_below) {
            return Err(PublishError::NotPublishable(publication.destination));
        }
        self.dispatcher.outbound(publication).map_or(Ok(()), |publication| self.broker.publish(publication))
    }

    /// The same for what is one user's or one session's own; false when nobody hears it.
    pub(in crate::node) fn publish_to(&self, owner: Owner, publication: Publication) -> Result<bool, PublishError> {
        self.dispatcher.outbound(publication).map_or(Ok(true), |publication| self.broker.publish_to(owner, publication))
    }

    /// Takes something back: tokens that it is about are refused until `until`, and its sessions end.
    pub(in crate::node) fn revoke(&self, what: &Revocation, until: SystemTime) -> Result<usize, RevocationsFull> {
        self.revocations.revoke(what.clone(), SystemTime::now(), until)?;
        self.tickets.revoke(what);
        let sessions = match what {
            Revocation::User(name) => self.users.sessions_of(name),
            Revocation::Session(session) => vec![*session],
            Revocation::Token(id) => self.tokens_in_use.sessions(id),
        };
        Ok(sessions.into_iter().filter(|session| self.disconnect(*session, Disconnect::REVOKED)).count())
    }

    fn disconnect(&self, session: SessionId, disconnect: Disconnect) -> bool {
        let node = self.node.get().and_then(Weak::upgrade);
        let Some(cell) = node.and_then(|node| node.registry.get(session)) else { return false };
        cell.close(disconnect);
        cell.discard_inbox();
        true
    }
}

/// What a client shows to be let in.
pub(in crate::node) struct Shown {
    pub(in crate::node) token: Result<Option<Secret>, AuthError>,
    pub(in crate::node) login: Option<ByteString>,
    pub(in crate::node) passcode: Option<Secret>,
    pub(in crate::node) headers: Headers,
    /// Whether the client says that it was here before.
    pub(in crate::node) comes_back: bool,
}

impl Shown {
    /// Nothing but a token.
    pub(in crate::node) fn token(token: Result<Option<Secret>, AuthError>) -> Self {
        Self { token, login: None, passcode: None, headers: Headers::new(), comes_back: false }
    }
}

/// How long a session may live on as this identity's; `None` is for ever.
pub(in crate::node) fn time_left(identity: &Identity) -> Option<Duration> {
    identity.expires_at.map(|end| end.duration_since(SystemTime::now()).unwrap_or_default())
}

/// Why somebody did not come in.
pub(in crate::node) enum Denied {
    /// Too many clients of the address failed to show who they are; again after this time.
    TooManyFailures(Duration),
    Auth(AuthError),
}

fn not_built(error: MessagesError) -> SettingsError {
    SettingsError::new("messaging", error.to_string())
}

impl Outlet for Shared {
    fn publish(&self, publication: Publication) -> Result<(), PublishError> {
        Self::publish(self, publication)
    }

    fn to_user(&self, name: &str, publication: Publication) -> Result<(), PublishError> {
        self.publish_to(Owner::User(name.into()), publication).map(drop)
    }

    fn to_session(&self, session: SessionId, publication: Publication) -> Result<(), PublishError> {
        self.publish_to(Owner::Session(session), publication).map(drop)
    }

    fn disconnect(&self, session: SessionId, disconnect: Disconnect) -> bool {
        Self::disconnect(self, session, disconnect)
    }

    fn revoke(&self, what: &Revocation, until: SystemTime) -> Result<usize, RevocationsFull> {
        Self::revoke(self, what, until)
    }

    fn issue_ticket(&self, request: TicketRequest) -> Result<Ticket, TicketError> {
        let mut random = [0; 32];
        getrandom::fill(&mut random).map_err(|_| TicketError::Unavailable)?;
        self.tickets.issue(request, random, SystemTime::now(), |id| self.tokens_in_use.has(id))
    }

    fn users(&self) -> &Users {
        &self.users
    }

    fn destinations(&self, query: &DestinationQuery) -> DestinationPage {
        self.broker.destinations(query)
    }

    fn history(&self, query: &HistoryQuery) -> Option<HistoryPage> {
        self.broker.history(query)
    }

    fn present(&self, destination: &Destination, after: u64, limit: usize) -> Option<Present> {
        self.broker.present(destination, after, limit)
    }
}

/// Which sessions came in with which token, for its revocation.
#[derive(Default)]
pub(in crate::node) struct TokensInUse(Mutex<HashMap<ByteString, Vec<SessionId>>>);

impl TokensInUse {
    pub(in crate::node) fn remember(&self, session: SessionId, token: Option<&ByteString>) {
        if let Some(token) = token {
            self.0.lock().entry(token.clone()).or_default().push(session);
        }
    }

    pub(in crate::node) fn forget(&self, session: SessionId, token: Option<&ByteString>) {
        let Some(token) = token else { return };
        let mut tokens = self.0.lock();
        let Some(sessions) = tokens.get_mut(token) else { return };
        sessions.retain(|other| *other != session);
        if sessions.is_empty() {
            tokens.remove(token);
        }
    }

    fn has(&self, token: &ByteString) -> bool {
        self.0.lock().contains_key(token)
    }

    fn sessions(&self, token: &ByteString) -> Vec<SessionId> {
        self.0.lock().get(token).cloned().unwrap_or_default()
    }
}
