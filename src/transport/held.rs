//! Answers that are long in coming.
//!
//! Byway's own server takes the connection of such an answer back from hyper, which would keep 16 KiB of buffers for it
//! meanwhile. To any other server the answer is one like others.

use futures_util::future::{BoxFuture, FutureExt};
use parking_lot::Mutex;
use poem::{Request, Response};
use std::future::Future;
use std::sync::Arc;

/// Data of a response whose body may be long in coming.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Held {
    /// The body goes on and on, and each piece is sent as it comes.
    Stream,
    /// The body comes in one piece, and the head with it, which announces its length.
    Whole,
}

/// Data of a held response, for whoever writes it: what to do when the client has taken nothing for too long, before it is
/// cut off. The body may have a last word for it, should it read again.
#[derive(Clone)]
pub(crate) struct Stalled(Arc<dyn Fn() + Send + Sync>);

impl Stalled {
    pub(super) fn new(tell: impl Fn() + Send + Sync + 'static) -> Self {
        Self(Arc::new(tell))
    }

    pub(crate) fn tell(&self) {
        (self.0)();
    }
}

/// Data of a request whose server waits for [`Coming`] answers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Waits;

/// Data of a response of which nothing is known yet but some fields: the rest, its status too, is to come.
#[derive(Clone)]
pub(crate) struct Coming(Arc<Mutex<Option<BoxFuture<'static, Response>>>>);

impl Coming {
    fn new(answer: BoxFuture<'static, Response>) -> Self {
        Self(Arc::new(Mutex::new(Some(answer))))
    }

    /// The rest; once.
    pub(crate) fn take(&self) -> Option<BoxFuture<'static, Response>> {
        self.0.lock().take()
    }
}

/// The answer, if it is here already or the server does not wait for it; otherwise one that is to come.
pub(super) async fn coming(request: &Request, answer: impl Future<Output = Response> + Send + 'static) -> Response {
    let mut answer = answer.boxed();
    match (answer.as_mut().now_or_never(), request.data::<Waits>()) {
        (Some(answer), _) => answer,
        (None, None) => answer.await,
        (None, Some(Waits)) => {
            let mut response = Response::builder().finish();
            response.set_data(Coming::new(answer));
            response
        }
    }
}
