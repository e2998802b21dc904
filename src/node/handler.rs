//! What an application does with sessions.

use super::SessionHandle;
use crate::model::{Disconnect, Message};
use futures_util::future::BoxFuture;
use std::future::Future;

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

/// [`Handler`] with its types erased, so that only the outermost layer is generic.
pub(super) trait DynHandler: Send + Sync {
    fn opened<'a>(&'a self, session: &'a SessionHandle) -> BoxFuture<'a, ()>;
    fn message<'a>(&'a self, session: &'a SessionHandle, message: Message) -> BoxFuture<'a, ()>;
    fn ended<'a>(&'a self, session: &'a SessionHandle, disconnect: &'a Disconnect) -> BoxFuture<'a, ()>;
}

/// The blocks matter: a handler may panic before it has returned its future, and only what is polled is caught.
impl<H: Handler> DynHandler for H {
    fn opened<'a>(&'a self, session: &'a SessionHandle) -> BoxFuture<'a, ()> {
        Box::pin(async move { Handler::opened(self, session).await })
    }

    fn message<'a>(&'a self, session: &'a SessionHandle, message: Message) -> BoxFuture<'a, ()> {
        Box::pin(async move { Handler::message(self, session, message).await })
    }

    fn ended<'a>(&'a self, session: &'a SessionHandle, disconnect: &'a Disconnect) -> BoxFuture<'a, ()> {
        Box::pin(async move { Handler::ended(self, session, disconnect).await })
    }
}
