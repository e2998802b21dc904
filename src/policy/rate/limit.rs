//! One limit: what of whom it counts, and what it says when that is too much.

use super::bucket::{Bucket, Rate};
use super::{Excess, RateLimits, ScopeSettings, Sent, Stage, Verdict};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Whose messages a limit counts.
#[derive(Debug, Clone, Copy)]
pub(super) enum Scope {
    Session,
    User,
    Address,
    Destination,
}

/// What of a message a limit counts.
#[derive(Debug, Clone, Copy)]
pub(super) enum Unit {
    Message,
    Byte,
}

/// What one key has of the limits of a scope.
#[derive(Debug, Default)]
pub(super) struct Buckets {
    pub messages: Bucket,
    pub bytes: Bucket,
}

impl Buckets {
    pub fn are_full(&self, now: u64) -> bool {
        self.messages.is_full(now) && self.bytes.is_full(now)
    }
}

#[derive(Debug)]
pub(super) struct Limit {
    pub name: &'static str,
    pub scope: Scope,
    unit: Unit,
    /// None limits nothing.
    rate: Option<Rate>,
    excess: Excess,
    hits: AtomicU64,
}

impl Limit {
    pub fn new(name: &'static str, scope: Scope, unit: Unit, settings: &ScopeSettings) -> Self {
        let rate = match unit {
            Unit::Message => settings.messages(),
            Unit::Byte => settings.bytes(),
        };
        Self { name, scope, unit, rate, excess: settings.excess, hits: AtomicU64::new(0) }
    }

    /// Whether it counts this of an address's.
    pub fn is_for(&self, sent: Sent<'_>) -> bool {
        matches!(self.unit, Unit::Byte) || !matches!(sent, Sent::Request)
    }

    pub fn is_off(&self) -> bool {
        self.rate.is_none()
    }

    /// How often it said no.
    pub fn hits(&self) -> u64 {
        self.hits.load(Ordering::Relaxed)
    }

    /// Takes what a message of so many bytes costs, or says after how long that is there.
    pub fn take(&self, buckets: &Buckets, bytes: u32, now: u64) -> Result<(), Duration> {
        let (bucket, units) = match self.unit {
            Unit::Message => (&buckets.messages, 1),
            Unit::Byte => (&buckets.bytes, bytes),
        };
        let (Some(rate), Some(units)) = (&self.rate, NonZeroU32::new(units)) else { return Ok(()) };
        rate.take(bucket, now, units).inspect_err(|_| {
            self.hits.fetch_add(1, Ordering::Relaxed);
        })
    }

    /// What becomes of a message that would have to wait so long, and would go on at `stage`.
    pub fn verdict(&self, wait: Duration, stage: Stage, now: Instant) -> Verdict {
        let give_up_at = stage.give_up_at.unwrap_or(now + RateLimits::MAX_WAIT);
        let has_time = wait <= give_up_at.saturating_duration_since(now);
        match self.excess {
            Excess::SlowDown if has_time => {
                Verdict::Wait { time: wait, then: Stage { give_up_at: Some(give_up_at), ..stage } }
            }
            Excess::SlowDown | Excess::Refuse => Verdict::Refuse { limit: self.name, retry_after: wait },
            Excess::Close => Verdict::Close { limit: self.name },
        }
    }
}
