use super::bucket::Rate;
use super::keyed::Keyed;
use crate::policy::AddressKey;
use std::time::{Duration, Instant};

/// How often clients of one address failed to show who they are. It makes guessing slow. Time is an argument.
#[derive(Debug)]
pub struct ConnectFailures {
    start: Instant,
    rate: Rate,
    pub(super) keyed: Keyed,
}

/// How many addresses are told apart.
const MAX_KEYS: usize = 250_000;

impl ConnectFailures {
    /// At most `per_minute` failures at once, and in a minute in the long run; at least 1.
    pub fn new(per_minute: u32, start: Instant) -> Self {
        let count = u64::from(per_minute.max(1));
        Self { start, rate: Rate::new(count, Duration::from_secs(60), count), keyed: Keyed::new(MAX_KEYS) }
    }

    /// Whether this address may try; otherwise, after how long. Ask before anything of its credentials is looked at:
    /// [`Disconnect::TOO_MANY_FAILURES`](crate::model::Disconnect::TOO_MANY_FAILURES).
    pub fn check(&self, address: AddressKey, now: Instant) -> Result<(), Duration> {
        let wait = self.rate.wait(self.keyed.peek(address).messages, self.nanos(now), 1);
        wait.map_or(Ok(()), |nanos| Err(Duration::from_nanos(nanos)))
    }

    /// Counts a failure. One that is temporary ([`AuthError::is_temporary`](crate::policy::AuthError::is_temporary)) is
    /// none.
    pub fn failed(&self, address: AddressKey, now: Instant) {
        self.keyed.with(address, |buckets| self.rate.drain(&mut buckets.messages, self.nanos(now), 1));
    }

    /// Forgets addresses that did not fail for a minute; frees the memory. Call it every minute.
    pub fn tidy(&self, now: Instant) {
        self.keyed.tidy(self.nanos(now));
    }

    fn nanos(&self, now: Instant) -> u64 {
        u64::try_from(now.saturating_duration_since(self.start).as_nanos()).unwrap_or(u64::MAX)
    }
}
