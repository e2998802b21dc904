//! What an application does with sessions.

use super::byway::Node;
use super::charge::{Tidied, charge};
use super::feed::Feeds;
use super::stats::Stats;
use super::{SessionHandle, now};
use crate::model::{Disconnect, Message, Principal, Secret};
use crate::policy::{AddressKey, RateKeys, RateLimits, RateSettings, Sent, SessionRate};
use futures_util::future::BoxFuture;
use http::HeaderMap;
use std::future::Future;
use std::sync::Arc;
use tokio::runtime::Handle;

/// An application: told when a session opened, sent a message, and ended.
///
/// The calls for one session come one at a time and in order; those for different sessions run at the same time.
/// While a call for a session runs, nothing more is read from its client, so a slow handler slows its client down;
/// heartbeats and outbound messages go on. A panic ends that session with
/// [`INTERNAL_ERROR`](Disconnect::INTERNAL_ERROR) and no other.
///
/// ```
/// use byway::{Handler, Message, SessionHandle};
///
/// struct Echo;
///
/// impl Handler for Echo {
///     async fn message(&self, session: &SessionHandle, message: Message) {
///         session.send(message).ok();
///     }
/// }
/// ```
pub trait Handler: Send + Sync + 'static {
    /// The session is open: messages can be sent.
    fn opened(&self, session: &SessionHandle) -> impl Future<Output = ()> + Send {
        let _ = session;
        std::future::ready(())
    }

    /// The client sent a message.
    fn message(&self, session: &SessionHandle, message: Message) -> impl Future<Output = ()> + Send;

    /// The session has ended; called exactly once for each session that was opened.
    fn ended(&self, session: &SessionHandle, disconnect: &Disconnect) -> impl Future<Output = ()> + Send {
        let _ = (session, disconnect);
        std::future::ready(())
    }
}

/// What the sessions of an endpoint speak. It makes a speaker for each, who is told of a token that came before the
/// session did, with its HTTP request.
pub(super) trait Language: Send + Sync {
    fn speaker(&self, session: &SessionHandle, token: Option<Secret>) -> Box<dyn Speaker>;

    /// The token that comes with a request, if that is a place for one.
    fn token(&self, _: &HeaderMap, _: Option<&str>) -> Option<Secret> {
        None
    }

    /// Whether clients are to say CONNECT before anything else.
    fn awaits_connect(&self) -> bool {
        false
    }

    /// Who opens feeds, if there are any.
    fn feeds(&self) -> Option<&Feeds> {
        None
    }

    /// Called once, when the endpoint is complete.
    fn attach(&self, _: &Arc<Node>) {}

    /// Called when the endpoint is about to be served, with where; it may be called again.
    fn prepare(&self, _: &Handle) {}

    /// Called before a session opens, with where sessions run.
    fn run_on(&self, _: &Handle) {}

    /// Called when all sessions are about to be told to go.
    fn stop(&self) {}

    /// Adds what only it counts.
    fn count(&self, _: &mut Stats) {}
}

/// What one session speaks with its client: told what happens, one call at a time. Owned by the session's driver.
pub(super) trait Speaker: Send {
    /// Whose session it is by now: whoever its request named, unless somebody has signed in since.
    fn principal(&self, session: &SessionHandle) -> Option<Principal> {
        session.principal().cloned()
    }

    fn opened<'a>(&'a mut self, session: &'a SessionHandle) -> BoxFuture<'a, ()>;
    fn message<'a>(&'a mut self, session: &'a SessionHandle, message: Message) -> BoxFuture<'a, ()>;
    fn ended<'a>(&'a mut self, session: &'a SessionHandle, disconnect: &'a Disconnect) -> BoxFuture<'a, ()>;
}

/// Messages as they come: they go to the application, as many as clients may send.
pub(super) struct Raw<H> {
    handler: Arc<H>,
    rates: Arc<RateLimits>,
    tidied: Tidied,
}

impl<H> Raw<H> {
    /// The settings must be valid.
    pub(super) fn new(handler: H, rates: &RateSettings) -> Self {
        let rates = Arc::new(RateLimits::new(rates, now()));
        Self { handler: Arc::new(handler), rates, tidied: Tidied::default() }
    }
}

impl<H: Handler> Language for Raw<H> {
    fn speaker(&self, _: &SessionHandle, _: Option<Secret>) -> Box<dyn Speaker> {
        let (handler, rates) = (Arc::clone(&self.handler), Arc::clone(&self.rates));
        Box::new(RawSpeaker { handler, rates, rate: SessionRate::default() })
    }

    fn run_on(&self, runtime: &Handle) {
        self.tidied.keep(&self.rates, runtime);
    }

    fn count(&self, stats: &mut Stats) {
        stats.limit_hits = self.rates.hits().collect();
    }
}

struct RawSpeaker<H> {
    handler: Arc<H>,
    rates: Arc<RateLimits>,
    rate: SessionRate,
}

impl<H: Handler> RawSpeaker<H> {
    /// Charges a message, and waits where it has to. There is no word for one that is refused, so that ends the session.
    async fn charge(&self, session: &SessionHandle, message: &Message) -> bool {
        if self.rates.are_off() {
            return true;
        }
        let user = session.principal().map(Principal::name);
        let address = user.is_none().then(|| AddressKey::from(session.remote_addr()));
        let keys = RateKeys { session: &self.rate, user, address, sent: Sent::Message };
        let charged = charge(&self.rates, &keys, message.len()).await.is_ok();
        if !charged {
            session.0.close(Disconnect::RATE_LIMITED);
            session.0.discard_inbox();
        }
        charged
    }
}

/// The blocks matter: a handler may panic before it has returned its future, and only what is polled is caught.
impl<H: Handler> Speaker for RawSpeaker<H> {
    fn opened<'a>(&'a mut self, session: &'a SessionHandle) -> BoxFuture<'a, ()> {
        Box::pin(async move { self.handler.opened(session).await })
    }

    fn message<'a>(&'a mut self, session: &'a SessionHandle, message: Message) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            if self.charge(session, &message).await {
                self.handler.message(session, message).await;
            }
        })
    }

    fn ended<'a>(&'a mut self, session: &'a SessionHandle, disconnect: &'a Disconnect) -> BoxFuture<'a, ()> {
        Box::pin(async move { self.handler.ended(session, disconnect).await })
    }
}
