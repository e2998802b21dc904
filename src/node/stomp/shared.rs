//! What all STOMP sessions of an endpoint share.

use super::phrases::Phrases;
use super::refusal::Refusal;
use super::settings::Stomp;
use crate::messaging::{Client, Dispatcher, MessagesError, MessagingSettings, Messenger, Outlet, PublishError, Users};
use crate::model::{DestinationPattern, Disconnect, Publication, SessionId, SettingsError};
use crate::node::broker::{Broker, Deliveries, Owner};
use crate::node::byway::Node;
use crate::node::hub::Hub;
use crate::node::now;
use crate::policy::{
    Access, Action, AuthError, Authenticator, Authorizer, ConnectFailures, Credentials, Decision, Identity, RateLimits,
    Revocation, Revocations, RevocationsFull, TokenSettings,
};
use crate::protocol::stomp::StompSettings;
use bytestring::ByteString;
use parking_lot::Mutex;
use std::collections::HashMap;
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

pub(super) struct Shared {
    pub(super) stomp: Arc<StompSettings>,
    pub(super) tokens: TokenSettings,
    pub(super) broker: Broker,
    pub(super) dispatcher: Dispatcher,
    pub(super) users: Users,
    pub(super) rates: RateLimits,
    pub(super) failures: ConnectFailures,
    pub(super) tokens_in_use: TokensInUse,
    pub(super) phrases: Phrases,
    revocations: Revocations,
    authenticator: Arc<dyn Authenticator>,
    authorizer: Arc<dyn Authorizer>,
    node: OnceLock<Weak<Node>>,
    is_prepared: AtomicBool,
    is_kept_tidy: AtomicBool,
}

impl Shared {
    pub(super) fn new(stomp: Stomp, hub: Arc<Hub<Deliveries>>) -> Result<Arc<Self>, SettingsError> {
        let dispatcher = stomp.messages.build().map_err(not_built)?;
        Ok(Arc::new(Self {
            users: Users::new(dispatcher.settings().max_sessions_per_user),
            dispatcher,
            broker: Broker::new(stomp.broker, hub),
            stomp: Arc::new(stomp.stomp),
            tokens: stomp.tokens,
            rates: RateLimits::new(&stomp.rates, now()),
            failures: ConnectFailures::new(stomp.failures_per_minute, now()),
            tokens_in_use: TokensInUse::default(),
            phrases: Phrases::default(),
            revocations: Revocations::new(MAX_REVOCATIONS),
            authenticator: stomp.authenticator,
            authorizer: stomp.authorizer,
            node: OnceLock::new(),
            is_prepared: AtomicBool::new(false),
            is_kept_tidy: AtomicBool::new(false),
        }))
    }

    pub(super) fn attach(&self, node: &Arc<Node>) {
        self.node.get_or_init(|| Arc::downgrade(node));
    }

    pub(super) fn messaging(&self) -> &MessagingSettings {
        self.dispatcher.settings()
    }

    pub(super) fn messenger(self: &Arc<Self>) -> Messenger {
        let outlet: Arc<dyn Outlet> = Arc::clone(self) as _;
        Messenger::new(outlet, Arc::clone(self.dispatcher.settings()))
    }

    /// Who shows these credentials, unless that was revoked.
    pub(super) async fn identify(&self, credentials: &Credentials) -> Result<Identity, AuthError> {
        let identity = self.authenticator.authenticate(credentials).await?;
        self.check_revocation(&identity)?;
        Ok(identity)
    }

    pub(super) fn check_revocation(&self, identity: &Identity) -> Result<(), AuthError> {
        match self.revocations.is_revoked(identity, identity.issued_at(), SystemTime::now()) {
            true => Err(AuthError::Revoked),
            false => Ok(()),
        }
    }

    /// Whether the client may do this with all that `target` reaches.
    pub(super) async fn authorize(
        &self,
        client: &Client,
        action: Action,
        target: &DestinationPattern,
        is_personal: bool,
    ) -> Result<(), Refusal> {
        let principal = client.principal();
        let access = Access { principal: principal.as_ref(), action, is_personal, target };
        match self.authorizer.authorize(access).await {
            Decision::Allow => Ok(()),
            Decision::Deny => Err(Refusal::forbidden("The rules do not allow it")),
        }
    }

    /// Lets whoever decides who clients are get ready, once and beside everything else.
    pub(super) fn prepare(&self, runtime: &Handle) {
        if self.is_prepared.swap(true, Ordering::Relaxed) {
            return;
        }
        let authenticator = Arc::clone(&self.authenticator);
        runtime.spawn(async move { tokio::time::timeout(PREPARE_WITHIN, authenticator.prepare()).await.ok() });
    }

    /// Forgets what is over, from time to time, for as long as the endpoint is there.
    pub(super) fn keep_tidy(self: &Arc<Self>, runtime: &Handle) {
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
            }
        });
    }

    /// Publishes what interceptors leave of it.
    pub(super) fn publish(&self, publication: Publication) -> Result<(), PublishError> {
        let is_own = |prefix: &str| publication.destination.is_below(prefix);
        if is_own(self.messaging().app_prefix.as_str()) || is_own(self.messaging().user_prefix.as_str()) {
            return Err(PublishError::NotPublishable(publication.destination));
        }
        self.dispatcher.outbound(publication).map_or(Ok(()), |publication| self.broker.publish(publication))
    }

    /// The same for what is one user's or one session's own; false when nobody hears it.
    pub(super) fn publish_to(&self, owner: Owner, publication: Publication) -> Result<bool, PublishError> {
        self.dispatcher.outbound(publication).map_or(Ok(true), |publication| self.broker.publish_to(owner, publication))
    }

    /// Takes something back: tokens that it is about are refused until `until`, and its sessions end.
    pub(super) fn revoke(&self, what: &Revocation, until: SystemTime) -> Result<usize, RevocationsFull> {
        self.revocations.revoke(what.clone(), SystemTime::now(), until)?;
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

    fn users(&self) -> &Users {
        &self.users
    }
}

/// Which sessions came in with which token, for its revocation.
#[derive(Default)]
pub(super) struct TokensInUse(Mutex<HashMap<ByteString, Vec<SessionId>>>);

impl TokensInUse {
    pub(super) fn remember(&self, session: SessionId, token: Option<&ByteString>) {
        if let Some(token) = token {
            self.0.lock().entry(token.clone()).or_default().push(session);
        }
    }

    pub(super) fn forget(&self, session: SessionId, token: Option<&ByteString>) {
        let Some(token) = token else { return };
        let mut tokens = self.0.lock();
        let Some(sessions) = tokens.get_mut(token) else { return };
        sessions.retain(|other| *other != session);
        if sessions.is_empty() {
            tokens.remove(token);
        }
    }

    fn sessions(&self, token: &ByteString) -> Vec<SessionId> {
        self.0.lock().get(token).cloned().unwrap_or_default()
    }
}
