//! Who is present, as those see it who watch: over STOMP and over feeds, through sockets.

#[path = "../support/mod.rs"]
mod support;

mod comings;
mod feeds;
mod limits;
mod rules;
mod stage;

use std::future::Future;
use std::time::Duration;

/// Everything here waits for what it expects; this is for what never comes.
async fn in_time<T>(behaviour: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(30), behaviour).await.expect("everything that is waited for comes")
}
