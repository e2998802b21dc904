//! One limit's arithmetic: governor's generic cell rate algorithm, with the time as an argument.
//!
//! A bucket is one number: when it would be full again. It needs no timer, and may wait for ever.
//!
//! A limiter of governor's has a clock, and its state. Here each question is a limiter of its own, on the stack, for which it
//! is always 0: the bucket gives it the time that is left. So the question brings the moment, all buckets share a quota,
//! and each is the 8 bytes of its state, wherever that lives.

use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::{InMemoryState, NotKeyed, StateStore};
use governor::{InsufficientCapacity, Quota, RateLimiter};
use std::num::NonZeroU32;
use std::time::Duration;

/// When it is full again, in nanoseconds of its limiter's time. One that nobody used is full.
#[derive(Debug, Default)]
pub(super) struct Bucket(InMemoryState);

/// So much in a time, and so much at once.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rate(pub Quota);

impl Rate {
    /// Takes `units`, or says after how long they are there. What is more than the bucket can hold passes when the bucket is
    /// full, and is paid for afterwards.
    pub fn take(&self, bucket: &Bucket, now: u64, units: NonZeroU32) -> Result<(), Duration> {
        let at_once = units.min(self.0.burst_size());
        let later = self.0.replenish_interval().saturating_mul(units.get() - at_once.get());
        ask(self.0, Moment { bucket, now, debt: nanos(later) }, at_once)
    }

    /// After how long one unit is there, if it is not there now.
    pub fn wait(&self, bucket: &Bucket, now: u64) -> Result<(), Duration> {
        ask(self.0, Glance(bucket.full_at().saturating_sub(now)), NonZeroU32::MIN)
    }
}

impl Bucket {
    /// Whether it is as if nobody had used it.
    pub fn is_full(&self, now: u64) -> bool {
        self.full_at() <= now
    }

    fn full_at(&self) -> u64 {
        let read: Result<(), Nanos> = self.0.measure_and_replace(&NotKeyed::NonKey, |at| Err(at.unwrap_or_default()));
        read.err().unwrap_or_default().into()
    }
}

/// In nanoseconds, of which 64 bits hold 584 years.
pub(super) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

fn ask(quota: Quota, state: impl StateStore<Key = NotKeyed>, units: NonZeroU32) -> Result<(), Duration> {
    let limiter: RateLimiter<_, _, _, NoOpMiddleware<Duration>> = RateLimiter::new(quota, state, Always);
    match limiter.check_n(units) {
        Ok(Ok(())) => Ok(()),
        Ok(Err(until)) => Err(until.wait_time_from(Always.now())),
        // More than a full bucket has; nobody asks for it.
        Err(InsufficientCapacity(_)) => Err(quota.burst_size_replenished_in()),
    }
}

/// A clock for which it is always now.
struct Always;

impl Clock for Always {
    type Instant = Duration;

    fn now(&self) -> Duration {
        Duration::ZERO
    }
}

/// A bucket at a moment. Whoever takes from it takes `debt` nanoseconds more.
///
/// governor adds without looking. Units and bursts have 32 bits and take a second at the most, so all that it adds up is below
/// 2^64 for as long as a process lives.
struct Moment<'a> {
    bucket: &'a Bucket,
    now: u64,
    debt: u64,
}

impl StateStore for Moment<'_> {
    type Key = NotKeyed;

    fn measure_and_replace<T, F, E>(&self, key: &NotKeyed, decide: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        self.bucket.0.measure_and_replace(key, |full_at| {
            let (answer, full_in) = decide(full_at.map(|at| at.saturating_sub(self.now.into())))?;
            let full_at = self.now.saturating_add(full_in.as_u64()).saturating_add(self.debt);
            Ok((answer, full_at.into()))
        })
    }
}

/// A bucket that is full in so many nanoseconds, from which nobody can take.
struct Glance(u64);

impl StateStore for Glance {
    type Key = NotKeyed;

    fn measure_and_replace<T, F, E>(&self, _: &NotKeyed, decide: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        decide(Some(self.0.into())).map(|(answer, _)| answer)
    }
}
