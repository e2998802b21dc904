//! How many connections there are, in total and for each client.

use crate::policy::{AddressKey, TrustedProxies};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use tokio::sync::Notify;

/// Counts connections and refuses those over a limit.
pub(super) struct Admission {
    max: usize,
    max_per_ip: usize,
    exempt: TrustedProxies,
    open: Mutex<Open>,
    closed: Notify,
    counts: Arc<Connections>,
}

/// A server's TCP connections in numbers, upgraded ones included.
#[derive(Debug, Default)]
pub struct Connections {
    open: AtomicUsize,
    refused: AtomicU64,
}

impl Connections {
    /// How many are open.
    pub fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// How many were refused because a limit was reached.
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }
}

#[derive(Default)]
struct Open {
    total: usize,
    by_ip: HashMap<AddressKey, usize>,
}

/// One admitted connection; dropping it makes room.
pub(super) struct Permit {
    admission: Arc<Admission>,
    key: AddressKey,
}

impl Admission {
    pub(super) fn new(max: usize, max_per_ip: usize, exempt: TrustedProxies, counts: Arc<Connections>) -> Arc<Self> {
        Arc::new(Self { max, max_per_ip, exempt, open: Mutex::default(), closed: Notify::new(), counts })
    }

    /// Lets a connection in, or not.
    pub(super) fn admit(self: &Arc<Self>, peer: IpAddr) -> Option<Permit> {
        let key = AddressKey::from(peer);
        let mut open = self.open.lock();
        let of_ip = open.by_ip.get(&key).copied().unwrap_or_default();
        if open.total >= self.max || (of_ip >= self.max_per_ip && !self.exempt.contains(peer)) {
            self.counts.refused.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        open.total += 1;
        self.counts.open.store(open.total, Ordering::Relaxed);
        open.by_ip.insert(key, of_ip + 1);
        Some(Permit { admission: Arc::clone(self), key })
    }

    /// How many connections are open.
    pub(super) fn open(&self) -> usize {
        self.open.lock().total
    }

    /// Waits until none is open.
    pub(super) async fn wait_until_empty(&self) {
        loop {
            let closed = self.closed.notified();
            if self.open() == 0 {
                return;
            }
            closed.await;
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut open = self.admission.open.lock();
        open.total -= 1;
        self.admission.counts.open.store(open.total, Ordering::Relaxed);
        if let Some(of_ip) = open.by_ip.get_mut(&self.key) {
            *of_ip -= 1;
            if *of_ip == 0 {
                open.by_ip.remove(&self.key);
            }
        }
        drop(open);
        self.admission.closed.notify_waiters();
    }
}
