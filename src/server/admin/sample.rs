//! Numbers of everything, from time to time.

use super::Admin;
use super::live::STATS;
use crate::node::{OpenError, Stats};
use crate::server::{Connections, Mounted};
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::runtime::Handle;

/// How often while somebody looks.
const EVERY: Duration = Duration::from_secs(1);

/// How often while nobody does: so that a page that opens has something to show, and costs next to nothing before.
const SELDOM: Duration = Duration::from_secs(5);

/// What is told: counters since the process began, and gauges of now. The reader knows what to make of two of them.
#[derive(Debug, Serialize)]
struct Sample<'a> {
    /// Milliseconds since 1970.
    time: u64,
    connections: ConnectionsNow,
    endpoints: BTreeMap<&'a str, EndpointNow>,
}

#[derive(Debug, Serialize)]
struct ConnectionsNow {
    open: usize,
    refused: u64,
}

/// One endpoint's [`Stats`].
#[derive(Debug, Serialize)]
struct EndpointNow {
    sessions: BTreeMap<&'static str, u64>,
    opened: BTreeMap<&'static str, u64>,
    ended: BTreeMap<&'static str, u64>,
    refused: BTreeMap<&'static str, u64>,
    limit_hits: BTreeMap<&'static str, u64>,
    connect_failures: u64,
    published: u64,
    received: Amount,
    sent: Amount,
    queue: Amount,
    dropped: u64,
    conflated: u64,
}

#[derive(Debug, Serialize)]
struct Amount {
    messages: u64,
    bytes: u64,
}

/// Publishes numbers until the page's endpoint is drained.
pub(super) fn keep_sampling(admin: &Admin, connections: Arc<Connections>) {
    let Ok(runtime) = Handle::try_current() else { return };
    let admin = admin.clone();
    runtime.spawn(async move {
        while admin.byway.0.is_full_or_draining() != Err(OpenError::Draining) {
            // Numbers that cannot be told are told next time.
            admin.messenger.send(STATS, &sample(&admin.endpoints, &connections)).ok();
            admin.pause().await;
        }
    });
}

impl Admin {
    /// Whoever begins to look does not wait for the end of a long pause; but of two samples that are close together, the
    /// rates that a reader makes would be chance.
    async fn pause(&self) {
        tokio::time::sleep(EVERY).await;
        if self.byway.sessions().is_empty() {
            tokio::time::timeout(SELDOM - EVERY, self.watches.somebody_came()).await.ok();
        }
    }
}

fn sample<'a>(endpoints: &'a [Mounted], connections: &Connections) -> Sample<'a> {
    let time = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_millis();
    let connections = ConnectionsNow { open: connections.open(), refused: connections.refused() };
    let endpoints = endpoints.iter().map(|endpoint| (endpoint.name.as_str(), endpoint.byway.stats().into())).collect();
    Sample { time: u64::try_from(time).unwrap_or(u64::MAX), connections, endpoints }
}

impl From<Stats> for EndpointNow {
    fn from(stats: Stats) -> Self {
        let Stats { traffic, .. } = stats;
        Self {
            sessions: counted(stats.current),
            opened: counted(stats.opened),
            ended: counted(stats.ended),
            refused: counted(stats.refused),
            limit_hits: counted(stats.limit_hits),
            connect_failures: stats.connect_failures,
            published: stats.published,
            received: Amount { messages: traffic.messages_in, bytes: traffic.bytes_in },
            sent: Amount { messages: traffic.messages_out, bytes: traffic.bytes_out },
            queue: Amount { messages: stats.queued_messages, bytes: stats.queued_bytes },
            dropped: traffic.dropped,
            conflated: traffic.conflated,
        }
    }
}

/// Zeros go without saying.
fn counted(mut counts: BTreeMap<&'static str, u64>) -> BTreeMap<&'static str, u64> {
    counts.retain(|_, count| *count > 0);
    counts
}
