//! Arithmetic of one limit: the generic cell rate algorithm.
//!
//! A bucket is one number: when it would be full again. It needs no timer, and may wait for ever. governor has the same
//! arithmetic but can only ask and take in one step, and cannot give back: a message has to pass several limits, and
//! what the first ones took must go back when the last one says no, or else whoever asks again is charged again.

use std::time::Duration;

/// So much in a period, and so much at once.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rate {
    /// How long one period of `count` takes, in nanoseconds.
    period: u64,
    count: u64,
    /// What a full bucket holds, in nanoseconds of refilling.
    capacity: u64,
}

/// When a bucket is full again, in nanoseconds of its limiter's time. One that nobody used is full.
pub(super) type Level = u64;

impl Rate {
    /// `count` in a `period`, and at most `burst` at once. Neither may be 0.
    pub fn new(count: u64, period: Duration, burst: u64) -> Self {
        let period = u64::try_from(period.as_nanos()).unwrap_or(u64::MAX);
        let mut rate = Self { period, count, capacity: 0 };
        rate.capacity = rate.nanos(burst);
        rate
    }

    /// Takes `units`, or says after how many nanoseconds they are there. What is more than the bucket can hold passes when
    /// the bucket is full, and is paid for afterwards.
    pub fn take(&self, level: &mut Level, now: u64, units: u64) -> Result<(), u64> {
        self.wait(*level, now, units).map_or(Ok(()), Err)?;
        *level = now.max(*level).saturating_add(self.nanos(units));
        Ok(())
    }

    /// After how many nanoseconds `units` are there, if they are not there now.
    pub fn wait(&self, level: Level, now: u64, units: u64) -> Option<u64> {
        let wanted = self.nanos(units).min(self.capacity);
        let missing = level.saturating_sub(now).saturating_add(wanted);
        missing.checked_sub(self.capacity).filter(|wait| *wait > 0)
    }

    /// Takes `units` whether they are there or not; what is not there is not owed.
    pub fn drain(&self, level: &mut Level, now: u64, units: u64) {
        let full = now.max(*level).saturating_add(self.nanos(units));
        *level = full.min(now.saturating_add(self.capacity));
    }

    /// Undoes a [`take`](Self::take).
    pub fn give_back(&self, level: &mut Level, units: u64) {
        *level = level.saturating_sub(self.nanos(units));
    }

    /// How long it takes to earn `units`.
    fn nanos(&self, units: u64) -> u64 {
        let nanos = u128::from(units) * u128::from(self.period) / u128::from(self.count);
        u64::try_from(nanos).unwrap_or(u64::MAX)
    }
}
