//! How a request's connection becomes a WebSocket's.

use crate::node::{Io, Upgraded};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use poem::Request;

/// Ready once the 101 is on the wire; `None` when the connection broke off before.
type Upgrade = BoxFuture<'static, Option<Upgraded>>;

/// Gives the endpoint the connection itself, where Byway's own server accepted it: the hub then writes straight to the
/// socket. Without it (inside a `poem::Server`) the endpoint takes the stream that poem offers, and works all the same.
#[derive(Clone)]
pub(crate) struct RawUpgrade(std::sync::Arc<Mutex<Option<Upgrade>>>);

impl RawUpgrade {
    pub(crate) fn new(upgraded: Upgrade) -> Self {
        Self(std::sync::Arc::new(Mutex::new(Some(upgraded))))
    }

    fn take(&self) -> Option<Upgrade> {
        self.0.lock().take()
    }
}

/// The request's upgrade; `None` when the connection cannot be upgraded.
pub(super) fn take(request: &Request) -> Option<Upgrade> {
    if let Some(raw) = request.data::<RawUpgrade>() {
        return raw.take();
    }
    let upgrade = request.take_upgrade().ok()?;
    Some(Box::pin(async move {
        let stream = upgrade.await.ok()?;
        Some(Upgraded { io: Io::Stream(Box::new(stream)), early: Bytes::new(), permit: None })
    }))
}
