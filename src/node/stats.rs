//! What a node has done and is doing, in numbers.

use crate::model::{Disconnect, Transport};
use crate::session::Traffic;
use parking_lot::Mutex;
use std::collections::BTreeMap;

/// Counters since the node began, and gauges of now. Endings and refusals are counted by label.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stats {
    /// Sessions opened, by transport.
    pub opened: BTreeMap<&'static str, u64>,
    /// Sessions that are open or closing, by transport.
    pub current: BTreeMap<&'static str, u64>,
    /// Sessions ended, by [`Disconnect::label`].
    pub ended: BTreeMap<&'static str, u64>,
    /// Requests refused before there was a session, by reason.
    pub refused: BTreeMap<&'static str, u64>,
    /// How often each limit on what clients may send said no, by its name
    /// ([`RateLimits::hits`](crate::policy::RateLimits::hits)), and as `connect_failures` how often a client was not heard,
    /// since too many of its address had failed to show who they are, and as `presence` how often somebody was not present,
    /// since too many were. Empty where no limits are asked.
    pub limit_hits: BTreeMap<&'static str, u64>,
    /// How often a client failed to show who it is.
    pub connect_failures: u64,
    /// Publications to topics and queues that the broker took, from clients and from the application.
    pub published: u64,
    /// Messages of work queues that are gone for good, since no consumer took them and no queue takes them as dead letters, by
    /// [`DeadLetterReason::name`](crate::broker::DeadLetterReason::name).
    pub queue_losses: BTreeMap<&'static str, u64>,
    /// What was carried, by all sessions together.
    pub traffic: Traffic,
    /// Messages that wait in outbound queues now.
    pub queued_messages: u64,
    /// Their bytes. A message that waits in several queues counts in each.
    pub queued_bytes: u64,
    /// How many bytes of `limits.burst_bytes` are taken now. Here a message counts once.
    pub burst_bytes: u64,
}

/// Opening and ending are rare beside messages, so one lock serves; traffic is summed up when somebody asks.
#[derive(Debug, Default)]
pub(super) struct Counters(Mutex<Stats>);

impl Counters {
    pub(super) fn opened(&self, transport: Transport) {
        let mut stats = self.0.lock();
        *stats.opened.entry(transport.name()).or_default() += 1;
        *stats.current.entry(transport.name()).or_default() += 1;
    }

    pub(super) fn ended(&self, disconnect: &Disconnect) {
        *self.0.lock().ended.entry(disconnect.label()).or_default() += 1;
    }

    /// Takes over what a session carried; `forget` takes the session off those whose traffic is still their own.
    pub(super) fn gone(&self, transport: Transport, traffic: Traffic, forget: impl FnOnce()) {
        let mut stats = self.0.lock();
        forget();
        stats.traffic.add(traffic);
        if let Some(current) = stats.current.get_mut(transport.name()) {
            *current -= 1;
        }
    }

    pub(super) fn refused(&self, reason: &'static str) {
        *self.0.lock().refused.entry(reason).or_default() += 1;
    }

    /// The counters, and from the same moment the sessions whose traffic is not in them.
    pub(super) fn snapshot<T>(&self, sessions: impl FnOnce() -> T) -> (Stats, T) {
        let stats = self.0.lock();
        (stats.clone(), sessions())
    }
}

impl Traffic {
    /// Adds another session's.
    pub fn add(&mut self, other: Self) {
        self.messages_in += other.messages_in;
        self.bytes_in += other.bytes_in;
        self.messages_out += other.messages_out;
        self.bytes_out += other.bytes_out;
        self.dropped += other.dropped;
        self.conflated += other.conflated;
    }
}
