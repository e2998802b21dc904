//! What all STOMP sessions and feeds of an endpoint share.

use super::phrases::Phrases;
use super::refusal::Refusal;
use super::settings::Stomp;
use super::tokens_in_use::TokensInUse;
use crate::messaging::{
    Client, Dispatcher, Event, MessagesError, MessagingSettings, Messenger, Outlet, SubscribeAddress, Users,
};
use crate::model::{Destination, DestinationPattern, Disconnect, SettingsError, Transport};
use crate::node::broker::{Attendance, Broker, Deliveries, Inbox, Owner};
use crate::node::byway::Node;
use crate::node::hub::Hub;
use crate::node::now;
use crate::policy::{
    Access, Action, Authenticator, Authorizer, ConnectFailures, Decision, RateLimits, Revocations, Tickets,
    TokenSettings,
};
use crate::protocol::stomp::StompSettings;
use bytestring::ByteString;
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
    pub(super) revocations: Revocations,
    pub(super) tickets: Tickets,
    pub(super) authenticator: Arc<dyn Authenticator>,
    authorizer: Arc<dyn Authorizer>,
    pub(super) node: OnceLock<Weak<Node>>,
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
                shared.broker.tidy(now());
                shared.revocations.forget_expired(SystemTime::now());
                shared.tickets.forget_expired(SystemTime::now(), |id| shared.tokens_in_use.has(id));
            }
        });
    }
}

fn not_built(error: MessagesError) -> SettingsError {
    SettingsError::new("messaging", error.to_string())
}
