//! One endpoint's node: the parts put together.

use super::addresses::{Addresses, Tenant};
use super::cell::{Cell, Identity};
use super::drain::{Drained, drain};
use super::driver::{Input, drive};
use super::feed::Feeds;
use super::group::{Group, Groups};
use super::handler::{Handler, Language, Raw, Speaker};
use super::hub::Hub;
use super::inbox::{Inbox, Rejected};
use super::quiet::{Quiet, Telling};
use super::receiver::Receiver;
use super::registry::{Lookup, OpenError, Registry};
use super::settings::Settings;
use super::socket::SocketInput;
use super::stats::{Counters, Stats};
use super::{SessionHandle, now};
use crate::model::{Disconnect, Principal, Secret, SessionId, SettingsError, Transport, visible};
use crate::policy::{OriginPolicy, RateSettings, TrustedProxies};
use crate::protocol::sockjs::Batch;
use crate::session::{AttachError, Headroom, Session, SessionSettings, SocketKind, Take};
use http::HeaderMap;
use std::fmt;
use std::future::Future;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tracing::Level;

/// A real-time endpoint: an application, its settings, and all sessions that are open on it.
///
/// Cheap to clone; clones are the same endpoint. Two that were made separately share nothing.
///
/// ```no_run
/// # use byway::{Byway, Handler, Message, SessionHandle, Settings};
/// # struct Echo;
/// # impl Handler for Echo { async fn message(&self, _: &SessionHandle, _: Message) {} }
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let byway = Byway::new(Settings::default(), Echo)?;
/// let app = poem::Route::new().nest("/ws", byway.endpoint());
/// # let _ = app; Ok(()) }
/// ```
#[derive(Clone)]
pub struct Byway(pub(crate) Arc<Node>);

pub(crate) struct Node {
    pub(crate) settings: Settings,
    pub(crate) origins: OriginPolicy,
    pub(crate) proxies: TrustedProxies,
    pub(crate) addresses: Arc<Addresses>,
    session_settings: Arc<SessionSettings>,
    headroom: Arc<Headroom>,
    pub(super) language: Box<dyn Language>,
    pub(super) groups: Arc<Groups>,
    pub(super) registry: Registry,
    pub(super) draining: AtomicBool,
    counters: Counters,
    ids: AtomicU64,
    emptied: Notify,
    /// Sockets that are being upgraded, and sessions to come.
    upgrading: AtomicUsize,
    quiet_endings: Quiet,
    quiet_refusals: Quiet,
}

/// How many lines a second the log has of sessions without an account that ended, and of such that were not opened.
const LINES_OF_ENDINGS: u32 = 20;
const LINES_OF_REFUSALS: u32 = 1;

/// Who wants a session.
pub(crate) struct Opening {
    pub(crate) transport: Transport,
    pub(crate) principal: Option<Principal>,
    pub(crate) remote: IpAddr,
    /// The WebSocket sub-protocol that was agreed to.
    pub(crate) protocol: Option<Box<str>>,
    /// A token that came with the request.
    pub(crate) token: Option<Secret>,
}

impl Byway {
    /// An endpoint with these settings, running this application. What clients may send in a time is limited as
    /// [`RateSettings`] does by default.
    pub fn new(settings: Settings, handler: impl Handler) -> Result<Self, SettingsError> {
        Self::with_rates(settings, &RateSettings::default(), handler)
    }

    /// The same, with other limits on what clients may send. A session that sends what is refused ends
    /// ([`RATE_LIMITED`](Disconnect::RATE_LIMITED)).
    pub fn with_rates(settings: Settings, rates: &RateSettings, handler: impl Handler) -> Result<Self, SettingsError> {
        rates.validate()?;
        Self::speaking(settings, Box::new(Raw::new(handler, rates)))
    }

    /// An endpoint whose sessions speak what `language` makes.
    pub(super) fn speaking(settings: Settings, language: Box<dyn Language>) -> Result<Self, SettingsError> {
        settings.validate()?;
        let node = Arc::new(Node {
            origins: OriginPolicy::new(&settings.origins)?,
            addresses: Addresses::new(&settings.limits, TrustedProxies::new(settings.trusted_proxies.clone())),
            proxies: TrustedProxies::new(settings.trusted_proxies.clone()),
            session_settings: Arc::new(settings.session.clone()),
            headroom: Headroom::new(settings.limits.burst_bytes),
            language,
            groups: Groups::new(Hub::for_limits(&settings.limits)),
            settings,
            registry: Registry::default(),
            draining: AtomicBool::new(false),
            counters: Counters::default(),
            ids: AtomicU64::new(1),
            emptied: Notify::new(),
            upgrading: AtomicUsize::new(0),
            quiet_endings: Quiet::new(LINES_OF_ENDINGS),
            quiet_refusals: Quiet::new(LINES_OF_REFUSALS),
        });
        node.language.attach(&node);
        Ok(Self(node))
    }

    /// What the endpoint was told.
    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// A named group of this endpoint's sessions.
    pub fn group(&self, name: &str) -> Group {
        self.0.groups.group(name)
    }

    /// The session with this id, if it has not ended.
    pub fn session(&self, id: SessionId) -> Option<SessionHandle> {
        self.0.registry.get(id).map(SessionHandle)
    }

    /// All sessions that are open or closing.
    pub fn sessions(&self) -> Vec<SessionHandle> {
        self.0.registry.all().into_iter().map(SessionHandle).collect()
    }

    /// What the endpoint has done and is doing. Costs a short lock for each session.
    pub fn stats(&self) -> Stats {
        self.0.stats()
    }

    /// Opens no more sessions, tells the open ones [`GOING_AWAY`](Disconnect::GOING_AWAY) in jittered batches, and waits
    /// until they are gone or `within` is over.
    ///
    /// Cancel safety: when dropped, the sessions that were not told yet stay.
    pub async fn drain(&self, within: Duration) -> Drained {
        drain(&self.0, within).await
    }
}

impl fmt::Debug for Byway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Byway").field("sessions", &self.0.registry.len()).finish_non_exhaustive()
    }
}

/// Counts a socket that is being upgraded, for as long as it is held.
struct Upgrading(Arc<Node>);

impl Upgrading {
    fn new(node: &Arc<Node>) -> Self {
        node.upgrading.fetch_add(1, Ordering::AcqRel);
        Self(Arc::clone(node))
    }
}

impl Drop for Upgrading {
    fn drop(&mut self) {
        self.0.upgrading.fetch_sub(1, Ordering::AcqRel);
        self.0.tell_if_empty();
    }
}

impl Node {
    /// The endpoint is about to be served. Outside a runtime nothing can run yet; then the first session has to wait.
    pub(crate) fn prepare(&self) {
        if let Ok(runtime) = Handle::try_current() {
            self.language.prepare(&runtime);
        }
    }

    /// Waits for a WebSocket's upgrade, then opens its session and runs it, all in one task.
    pub(crate) fn upgrade(
        self: &Arc<Self>,
        (opening, tenant): (Opening, Tenant),
        kind: SocketKind,
        upgraded: impl Future<Output = Option<SocketInput>> + Send + 'static,
    ) {
        let node = Arc::clone(self);
        let upgrading = Upgrading::new(&node);
        tokio::spawn(async move {
            let Some(input) = upgraded.await else { return };
            // A drain that began since the request was answered tells this session too: the client was told that it has one.
            let (cell, speaker) = node.open_admitted((opening, tenant), None);
            drop(upgrading);
            let input = Input::socket(input, &cell);
            cell.update(|session| session.attach_socket(kind, now()));
            drive(cell, speaker, input).await;
        });
    }

    /// Finds the session that a receiver asks for, or opens it.
    pub(crate) fn lookup_or_open(self: &Arc<Self>, name: &str, opening: Opening) -> Result<Lookup, OpenError> {
        let principal = opening.principal.clone();
        self.registry.lookup_or_open(name, principal.as_ref(), || {
            let (cell, speaker) = self.open(opening, Some(name))?;
            tokio::spawn(drive(Arc::clone(&cell), speaker, Input::Inbox));
            Ok(cell)
        })
    }

    /// The token of a request, if the endpoint's language takes one from there.
    pub(crate) fn token(&self, headers: &HeaderMap, query: Option<&str>) -> Option<Secret> {
        self.language.token(headers, query)
    }

    /// Who opens feeds, if the endpoint has any.
    pub(crate) fn feeds(&self) -> Option<&Feeds> {
        self.language.feeds()
    }

    pub(crate) fn lookup(&self, name: &str, principal: Option<&Principal>) -> Lookup {
        self.registry.lookup(name, principal)
    }

    pub(crate) fn attach(&self, cell: Arc<Cell>, take: Take) -> Result<Receiver, AttachError> {
        Receiver::attach(cell, take)
    }

    /// Hands a request's messages to a session, in one piece. What it has taken is handled, whatever becomes of the
    /// client's connections. Where nothing of the client's [is heard](Session::is_heard) any more, it is dropped, since the
    /// client is being told why.
    pub(crate) async fn deliver(&self, cell: &Cell, messages: Batch) -> Result<(), Rejected> {
        let Some(inbox) = &cell.inbox else { return Err(Rejected::Closed) };
        // A request is a sign of life, whatever is in it, and however long it has to wait for room.
        cell.with(|session| session.shows_life());
        match inbox.push(messages, &cell.tenant).await {
            Err(Rejected::Closed) if !cell.with(|session| session.is_heard()) => {}
            taken => taken?,
        }
        cell.wake_driver();
        Ok(())
    }

    pub(crate) fn is_full_or_draining(&self) -> Result<(), OpenError> {
        if self.draining.load(Ordering::Acquire) {
            return Err(OpenError::Draining);
        }
        match self.registry.len() < self.settings.limits.max_sessions {
            true => Ok(()),
            false => Err(OpenError::Full),
        }
    }

    /// Lets a session in that is to be opened, for as long as the answer is held.
    pub(crate) fn admit(&self, opening: &Opening) -> Result<Tenant, OpenError> {
        let has_account = opening.principal.is_some();
        self.admit_from(opening.remote, has_account, self.language.awaits_connect())
    }

    pub(super) fn admit_from(&self, remote: IpAddr, has_account: bool, unconnected: bool) -> Result<Tenant, OpenError> {
        self.is_full_or_draining()?;
        match has_account {
            true => Ok(Addresses::known_user()),
            false => self.addresses.admit(remote, unconnected).inspect_err(|_| self.log_refusal(remote)),
        }
    }

    fn log_refusal(&self, remote: IpAddr) {
        if let Telling::Line { left_out } = self.quiet_refusals.happened(now()) {
            let help = "behind a proxy, list it in trusted_proxies";
            tracing::warn!(%remote, left_out, help, "an address has as many sessions as it may: one more is refused");
        }
    }

    fn open(
        self: &Arc<Self>,
        opening: Opening,
        name: Option<&str>,
    ) -> Result<(Arc<Cell>, Box<dyn Speaker>), OpenError> {
        let tenant = self.admit(&opening)?;
        Ok(self.open_admitted((opening, tenant), name))
    }

    fn open_admitted(
        self: &Arc<Self>,
        (opening, tenant): (Opening, Tenant),
        name: Option<&str>,
    ) -> (Arc<Cell>, Box<dyn Speaker>) {
        let Opening { transport, principal, remote, protocol, token } = opening;
        let id = self.next_id();
        let inbox = name
            .map(|_| Box::new(Inbox::new(self.settings.limits.inbox_messages, self.settings.limits.max_body_bytes)));
        let identity = Identity { id, transport, principal, remote, protocol, name: name.map(Into::into) };
        let cell = self.open_cell((identity, tenant), Arc::clone(&self.session_settings), inbox);
        let speaker = self.language.speaker(&SessionHandle(Arc::clone(&cell)), token);
        (cell, speaker)
    }

    /// An id that no session had.
    pub(super) fn next_id(&self) -> SessionId {
        SessionId(self.ids.fetch_add(1, Ordering::Relaxed))
    }

    /// Opens a session that was let in; somebody has to [drive] it.
    pub(super) fn open_cell(
        self: &Arc<Self>,
        (identity, tenant): (Identity, Tenant),
        settings: Arc<SessionSettings>,
        inbox: Option<Box<Inbox>>,
    ) -> Arc<Cell> {
        self.groups.run_on(&Handle::current());
        self.language.run_on(&Handle::current());
        let Identity { id, transport, remote, .. } = identity;
        let session = Session::new(settings, Arc::clone(&self.headroom), now());
        let cell = Cell::new((identity, tenant), Arc::clone(self), session, inbox);
        self.registry.insert(Arc::clone(&cell));
        self.counters.opened(transport);
        if self.draining.load(Ordering::Acquire) {
            // A drain that began since the first look may have told everyone already.
            cell.close(Disconnect::GOING_AWAY);
        }
        tracing::debug!(session = %id, %transport, %remote, "session opened");
        cell
    }

    /// A session has stopped being open: it takes no part in anything any more. `principal` is whose it was at last. False
    /// when that was known.
    pub(super) fn session_ended(
        &self,
        cell: &Arc<Cell>,
        principal: Option<&Principal>,
        disconnect: &Disconnect,
    ) -> bool {
        if cell.ended.swap(true, Ordering::AcqRel) {
            return false;
        }
        drop(std::mem::take(&mut *cell.memberships.lock()));
        // Nobody takes messages out any more, so nobody may wait for room.
        cell.discard_inbox();
        cell.untap();
        self.counters.ended(disconnect);
        log_ending(cell, principal, disconnect, self.level_of_ending(cell));
        true
    }

    /// At which level the log tells of an ending. Endings of sessions without an account are as many as strangers like: it has
    /// so many lines of them in a second, and none of those that did nothing. Nor has it of polls of a feed, each of which is
    /// a session.
    fn level_of_ending(&self, cell: &Cell) -> Level {
        let traffic = cell.with(|session| session.traffic());
        let did_nothing = (traffic.messages_in, traffic.messages_out) == (0, 0);
        let is_known = cell.tenant.has_account();
        if cell.who.transport == Transport::FeedPoll || (did_nothing && !is_known) {
            return Level::DEBUG;
        }
        if is_known {
            return Level::INFO;
        }
        match self.quiet_endings.happened(now()) {
            Telling::Nothing => Level::DEBUG,
            Telling::Line { left_out } => {
                if left_out > 0 {
                    tracing::info!(left_out, "more sessions without an account have ended");
                }
                Level::INFO
            }
        }
    }

    /// Nothing of a session is left. The id of one that was lost without its client's doing is remembered for a while.
    pub(super) fn session_gone(&self, cell: &Cell) {
        let lost = cell.with(|session| session.disconnect().is_some_and(Disconnect::is_loss));
        if let Some(name) = &cell.who.name {
            self.registry.remove_named(name, lost.then_some(self.settings.sockjs.remember_lost));
        }
        let traffic = cell.with(|session| session.traffic());
        self.counters.gone(cell.who.transport, traffic, || self.registry.remove(cell.who.id));
        cell.tenant.left();
        self.tell_if_empty();
    }

    fn is_empty(&self) -> bool {
        self.upgrading.load(Ordering::Acquire) == 0 && self.registry.len() == 0
    }

    fn tell_if_empty(&self) {
        if self.is_empty() {
            self.emptied.notify_waiters();
        }
    }

    pub(crate) fn refused(&self, reason: &'static str) {
        self.counters.refused(reason);
    }

    pub(super) async fn wait_until_empty(&self) {
        loop {
            let emptied = self.emptied.notified();
            if self.is_empty() {
                return;
            }
            emptied.await;
        }
    }

    fn stats(&self) -> Stats {
        let (mut stats, cells) = self.counters.snapshot(|| self.registry.all());
        for cell in cells {
            let (traffic, (messages, bytes)) = cell.with(|session| (session.traffic(), session.queued()));
            stats.traffic.add(traffic);
            stats.queued_messages += messages as u64;
            stats.queued_bytes += bytes as u64;
        }
        stats.burst_bytes = self.headroom.used() as u64;
        self.language.count(&mut stats);
        stats
    }
}

fn log_ending(cell: &Cell, principal: Option<&Principal>, disconnect: &Disconnect, level: Level) {
    let principal = principal.map(|principal| visible(principal.name()));
    let traffic = cell.with(|session| session.traffic());
    macro_rules! log {
        ($level:ident) => {
            tracing::$level!(
                session = %cell.who.id,
                transport = cell.who.transport.name(),
                remote = %cell.who.remote,
                principal = principal.as_deref(),
                ending = disconnect.label(),
                code = disconnect.code(),
                reason = &*visible(disconnect.reason()),
                seconds = now().saturating_duration_since(cell.opened_at).as_secs_f64(),
                messages_in = traffic.messages_in,
                bytes_in = traffic.bytes_in,
                messages_out = traffic.messages_out,
                bytes_out = traffic.bytes_out,
                dropped = traffic.dropped,
                conflated = traffic.conflated,
                "session ended"
            )
        };
    }
    match level {
        Level::DEBUG => log!(debug),
        _ => log!(info),
    }
}
