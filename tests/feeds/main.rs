//! Feeds: their bytes, and what those see who read them, over real sockets.

#[path = "../support/mod.rs"]
mod support;

mod endings;
mod format;
mod identity;
mod polls;
mod requests;
mod sse;
mod stage;
mod streams;

use std::future::Future;
use std::time::Duration;

/// Everything here waits for what it expects; this is for what never comes.
async fn in_time<T>(behaviour: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(30), behaviour).await.expect("everything that is waited for comes")
}
