//! What the backend is told: put into the queue where it happens, delivered from there in batches.

mod queue;

use super::caller::Caller;
use super::{DeliverySettings, EventKind, HookStats};
use crate::messaging::Client;
use crate::model::{DestinationPattern, Disconnect, Principal, Transport};
use bytes::Bytes;
use parking_lot::Mutex;
use queue::{Batch, EventQueue, Next};
use serde::Serialize;
use std::net::IpAddr;
use std::time::SystemTime;
use tokio::sync::{Notify, futures::Notified};
use tokio::time::{Instant, sleep_until};

/// The events that the backend has not heard yet, and their delivery.
pub(super) struct Deliveries {
    queue: Mutex<EventQueue>,
    pushed: Notify,
    /// Two pumps would deliver everything twice.
    pumping: tokio::sync::Mutex<()>,
}

#[derive(Serialize)]
struct Event<'a, T> {
    id: String,
    #[serde(rename = "type")]
    kind: EventKind,
    /// When it happened, in milliseconds since 1970.
    time: u64,
    endpoint: &'a str,
    #[serde(flatten)]
    what: T,
}

#[derive(Serialize)]
struct Session<'a> {
    session: String,
    user: Option<&'a str>,
    transport: Transport,
    address: IpAddr,
    #[serde(flatten)]
    ending: Option<Ending<'a>>,
}

#[derive(Serialize)]
struct Ending<'a> {
    code: u16,
    reason: &'a str,
}

#[derive(Serialize)]
struct Place<'a> {
    destination: &'a str,
}

impl Deliveries {
    pub(super) fn new(settings: &DeliverySettings) -> Self {
        Self {
            queue: Mutex::new(EventQueue::new(settings.clone())),
            pushed: Notify::new(),
            pumping: tokio::sync::Mutex::default(),
        }
    }

    pub(super) fn connected(&self, caller: &Caller, endpoint: &str, client: &Client) {
        self.session(caller, endpoint, client, EventKind::Connected, None);
    }

    pub(super) fn disconnected(&self, caller: &Caller, endpoint: &str, client: &Client, disconnect: &Disconnect) {
        let ending = Ending { code: disconnect.code(), reason: disconnect.reason() };
        self.session(caller, endpoint, client, EventKind::Disconnected, Some(ending));
    }

    fn session(&self, caller: &Caller, endpoint: &str, client: &Client, kind: EventKind, ending: Option<Ending<'_>>) {
        let principal = client.principal();
        let user = principal.as_ref().map(Principal::name);
        let (session, transport, address) = (client.id().to_string(), client.transport(), client.remote_addr());
        self.push(caller, endpoint, kind, Session { session, user, transport, address, ending });
    }

    pub(super) fn occupancy(&self, caller: &Caller, endpoint: &str, destination: &DestinationPattern, kind: EventKind) {
        self.push(caller, endpoint, kind, Place { destination: destination.as_str() });
    }

    fn push(&self, caller: &Caller, endpoint: &str, kind: EventKind, what: impl Serialize) {
        let time = SystemTime::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_millis() as u64);
        let event = Event { id: caller.next_id(), kind, time, endpoint, what };
        let Ok(json) = serde_json::to_string(&event) else { return };
        let first_lost = self.queue.lock().push(json, Instant::now().into_std());
        if first_lost {
            tracing::warn!("events are lost: as many wait for the backend as may");
        }
        self.pushed.notify_one();
    }

    /// Delivers what waits, and what comes; in a hurry it waits for nothing, and ends when nothing is left.
    pub(super) async fn pump(&self, caller: &Caller, hurry: bool) {
        let _alone = self.pumping.lock().await;
        loop {
            let pushed = self.pushed.notified();
            let next = self.queue.lock().next(Instant::now().into_std(), hurry);
            match next {
                Next::Batch(batch) => self.deliver(caller, batch).await,
                Next::At(at) => wait(pushed, Some(at.into())).await,
                Next::Nothing if hurry => return,
                Next::Nothing => wait(pushed, None).await,
            }
        }
    }

    async fn deliver(&self, caller: &Caller, batch: Batch) {
        let id = batch.id.unwrap_or_else(|| caller.next_id());
        self.queue.lock().named(&id);
        let told = caller.tell(&id, &Bytes::from(batch.body)).await;
        let mut queue = self.queue.lock();
        match told {
            Ok(()) if queue.delivered() => tracing::info!("the backend takes events again"),
            Ok(()) => {}
            Err(why) if queue.failed(Instant::now().into_std()) => {
                tracing::warn!(%why, "events are not delivered; trying again");
            }
            Err(_) => {}
        }
    }

    pub(super) fn count(&self, stats: &mut HookStats) {
        let queue = self.queue.lock();
        let (queued, delivered, dropped) = queue.counts();
        (stats.events_queued, stats.events_delivered, stats.events_dropped) = (queued, delivered, dropped);
    }
}

/// Until something is pushed, or the time has come.
async fn wait(pushed: Notified<'_>, until: Option<Instant>) {
    match until {
        None => pushed.await,
        Some(until) => tokio::select! {
            () = pushed => {}
            () = sleep_until(until) => {}
        },
    }
}
