//! What an application does with sessions.

use super::SessionHandle;
use super::byway::Node;
use super::feed::Feeds;
use super::stats::Stats;
use crate::model::{Disconnect, Message, Principal, Secret};
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

/// Messages as they come: they go to the application.
pub(super) struct Raw<H>(Arc<H>);

impl<H> Raw<H> {
    pub(super) fn new(handler: H) -> Self {
        Self(Arc::new(handler))
    }
}

impl<H: Handler> Language for Raw<H> {
    fn speaker(&self, _: &SessionHandle, _: Option<Secret>) -> Box<dyn Speaker> {
        Box::new(Self(Arc::clone(&self.0)))
    }
}

/// The blocks matter: a handler may panic before it has returned its future, and only what is polled is caught.
impl<H: Handler> Speaker for Raw<H> {
    fn opened<'a>(&'a mut self, session: &'a SessionHandle) -> BoxFuture<'a, ()> {
        Box::pin(async move { self.0.opened(session).await })
    }

    fn message<'a>(&'a mut self, session: &'a SessionHandle, message: Message) -> BoxFuture<'a, ()> {
        Box::pin(async move { self.0.message(session, message).await })
    }

    fn ended<'a>(&'a mut self, session: &'a SessionHandle, disconnect: &'a Disconnect) -> BoxFuture<'a, ()> {
        Box::pin(async move { self.0.ended(session, disconnect).await })
    }
}
