//! Room beyond the limits of queues.
//!
//! A queue's limits say how much may wait for a client that does not read. Whoever reads can have more waiting for a
//! while: when much is published at once, before its session's task has had a turn; or over a thin line. What is beyond the
//! limits takes from the headroom, and time tells who is slow.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How much may wait beyond the limits of queues, for all sessions that share it.
///
/// It is divided as switches divide the buffer that their ports share, by *dynamic thresholds* (Choudhury and Hahne, 1998): a
/// session may have as much waiting as is left. One that takes nothing so gets half of it at the most, and `n` of them one
/// part in `n + 1` each; as much is left for those who come next.
#[derive(Debug)]
pub struct Headroom {
    limit: usize,
    used: AtomicUsize,
}

impl Headroom {
    /// Headroom of so many bytes. With 0, whoever is over the limits of its queue is slow at once.
    pub fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { limit, used: AtomicUsize::new(0) })
    }

    /// How many bytes are taken. A message that waits for many is counted once, and its place in each queue.
    pub fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// How many bytes are left, which is also how many may wait for one session.
    pub fn left(&self) -> usize {
        self.limit.saturating_sub(self.used())
    }
}

/// What somebody has of the headroom; given back when dropped.
#[derive(Debug)]
pub(super) struct Claim {
    of: Arc<Headroom>,
    bytes: usize,
}

impl Claim {
    pub(super) fn new(of: &Arc<Headroom>, bytes: usize) -> Self {
        let mut claim = Self { of: Arc::clone(of), bytes: 0 };
        claim.grow(bytes);
        claim
    }

    pub(super) fn grow(&mut self, bytes: usize) {
        self.bytes += bytes;
        self.of.used.fetch_add(bytes, Ordering::Relaxed);
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.of.used.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}
