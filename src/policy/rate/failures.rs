use super::bucket::{Rate, nanos};
use super::keyed::Keyed;
use crate::policy::AddressKey;
use governor::Quota;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How often clients of one address failed to show who they are. It makes guessing slow. Time is an argument.
#[derive(Debug)]
pub struct ConnectFailures {
    start: Instant,
    rate: Rate,
    pub(super) keyed: Keyed,
    failures: AtomicU64,
    hits: AtomicU64,
}

/// How many addresses are told apart.
const MAX_KEYS: usize = 250_000;

impl ConnectFailures {
    /// At most `per_minute` failures at once, and in a minute in the long run; at least 1.
    pub fn new(per_minute: u32, start: Instant) -> Self {
        let per_minute = NonZeroU32::new(per_minute).unwrap_or(NonZeroU32::MIN);
        let (failures, hits) = Default::default();
        Self { start, rate: Rate(Quota::per_minute(per_minute)), keyed: Keyed::new(MAX_KEYS), failures, hits }
    }

    /// Whether this address may try; otherwise, after how long. Who shows a secret that nobody can guess may all the same,
    /// if it is the right one: look at such before ([`Authenticator::recognize`](crate::policy::Authenticator::recognize)).
    /// Whoever may not is told [`Disconnect::TOO_MANY_FAILURES`](crate::model::Disconnect::TOO_MANY_FAILURES), and
    /// [counted](Self::turned_away).
    pub fn check(&self, address: AddressKey, now: Instant) -> Result<(), Duration> {
        self.keyed.peek(address, |buckets| self.rate.wait(&buckets.messages, self.nanos(now)))
    }

    /// Counts somebody who was not allowed to try.
    pub fn turned_away(&self) {
        self.hits.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a failure: a wrong secret ([`AuthError::may_be_a_guess`](crate::policy::AuthError::may_be_a_guess)). Those that were under way when the last was counted are not owed.
    pub fn failed(&self, address: AddressKey, now: Instant) {
        self.failures.fetch_add(1, Ordering::Relaxed);
        self.keyed.with(address, |buckets| self.rate.take(&buckets.messages, self.nanos(now), NonZeroU32::MIN).ok());
    }

    /// How many failures there were.
    pub fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }

    /// How often an address was not allowed to try.
    pub fn hits(&self) -> u64 {
        self.hits.load(Ordering::Relaxed)
    }

    /// Forgets addresses that did not fail for a minute; frees the memory. Call it every minute.
    pub fn tidy(&self, now: Instant) {
        self.keyed.tidy(self.nanos(now));
    }

    fn nanos(&self, now: Instant) -> u64 {
        nanos(now.saturating_duration_since(self.start))
    }
}
