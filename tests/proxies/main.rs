//! Feeds and sessions through everything that proxies do to connections: nothing is lost, nothing comes twice, and whatever does
//! not get through gives way to what does.

#[path = "../support/mod.rs"]
mod support;

#[path = "../feeds/client.rs"]
#[allow(dead_code, reason = "these tests need only a part of it")]
mod client;
mod cuts;
mod feeds;
mod reader;
mod sessions;
#[path = "../feeds/sse.rs"]
#[allow(dead_code, reason = "these tests need only a part of it")]
mod sse;
#[path = "../feeds/stage.rs"]
#[allow(dead_code, reason = "these tests need only a part of it")]
mod stage;

use std::future::Future;
use std::time::Duration;

/// Everything here waits for what it expects; this is for what never comes.
async fn in_time<T>(behaviour: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(30), behaviour).await.expect("everything that is waited for comes")
}
