//! Buckets for whoever comes, in bounded memory.

use super::limit::Buckets;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, RandomState};

/// Buckets by key, each of which takes at most 64 bytes. Whoever comes when there are as many as may be shares one with
/// all others who do.
///
/// A key is remembered as a keyed hash of 64 bits. Two that have the same, which nobody can bring about, share a bucket.
#[derive(Debug)]
pub(super) struct Keyed {
    shards: [Mutex<HashMap<u64, Buckets>>; SHARDS],
    shard_limit: usize,
    overflow: Buckets,
    hasher: RandomState,
}

/// So that threads seldom meet at a lock.
const SHARDS: usize = 16;

impl Keyed {
    /// Buckets for about `limit` keys.
    pub fn new(limit: usize) -> Self {
        Self {
            shards: std::array::from_fn(|_| Mutex::default()),
            shard_limit: limit.div_ceil(SHARDS),
            overflow: Buckets::default(),
            hasher: RandomState::new(),
        }
    }

    /// Uses the buckets of a key.
    pub fn with<R>(&self, key: impl Hash, f: impl FnOnce(&Buckets) -> R) -> R {
        let (hash, shard) = self.place(key);
        let mut shard = shard.lock();
        if let Some(buckets) = shard.get(&hash) {
            return f(buckets);
        }
        if shard.len() < self.shard_limit {
            return f(shard.entry(hash).or_default());
        }
        drop(shard);
        f(&self.overflow)
    }

    /// Looks at a key's buckets as they are, without making any.
    pub fn peek<R>(&self, key: impl Hash, f: impl FnOnce(&Buckets) -> R) -> R {
        let (hash, shard) = self.place(key);
        let shard = shard.lock();
        match shard.get(&hash) {
            Some(buckets) => f(buckets),
            None if shard.len() < self.shard_limit => f(&Buckets::default()),
            None => f(&self.overflow),
        }
    }

    /// Forgets the buckets that are full again, as if nobody had used them; frees their memory.
    pub fn tidy(&self, now: u64) {
        for shard in &self.shards {
            let mut shard = shard.lock();
            shard.retain(|_, buckets| !buckets.are_full(now));
            shard.shrink_to_fit();
        }
    }

    fn place(&self, key: impl Hash) -> (u64, &Mutex<HashMap<u64, Buckets>>) {
        let hash = self.hasher.hash_one(key);
        (hash, &self.shards[(hash % SHARDS as u64) as usize])
    }

    /// How many keys are remembered.
    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().len()).sum()
    }

    /// What the tables take in bytes: an entry and a byte of control for each slot, one slot in eight kept free.
    #[cfg(test)]
    pub fn bytes(&self) -> usize {
        let slots: usize = self.shards.iter().map(|shard| shard.lock().capacity() * 8 / 7).sum();
        slots * (size_of::<(u64, Buckets)>() + 1)
    }
}
