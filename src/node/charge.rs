//! What a client may send in a time, on sessions of every kind.

use super::now;
use crate::policy::{RateKeys, RateLimits, Stage, Verdict};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::runtime::Handle;

/// A client is over a limit.
pub(in crate::node) struct Excess {
    /// The limit's name.
    pub(in crate::node) limit: &'static str,
    /// When another message may pass; `None` where the session has to end.
    pub(in crate::node) retry_after: Option<Duration>,
}

/// Charges a message to all whose limits it counts for. Where these say that it has to wait, it waits here.
pub(in crate::node) async fn charge(rates: &RateLimits, keys: &RateKeys<'_>, bytes: usize) -> Result<(), Excess> {
    let mut stage = Stage::START;
    loop {
        match rates.check(keys, bytes, stage, now()) {
            Verdict::Pass => return Ok(()),
            Verdict::Wait { time, then } => {
                stage = then;
                tokio::time::sleep(time).await;
            }
            Verdict::Refuse { limit, retry_after } => return Err(Excess { limit, retry_after: Some(retry_after) }),
            Verdict::Close { limit } => return Err(Excess { limit, retry_after: None }),
        }
    }
}

/// How often those who sent nothing for a while are forgotten.
const TIDY_EVERY: Duration = Duration::from_secs(60);

/// Forgets them for as long as the limits are there, once it is known where tasks run.
#[derive(Default)]
pub(super) struct Tidied(AtomicBool);

impl Tidied {
    pub(super) fn keep(&self, rates: &Arc<RateLimits>, runtime: &Handle) {
        if rates.are_off() || self.0.swap(true, Ordering::Relaxed) {
            return;
        }
        let rates = Arc::downgrade(rates);
        runtime.spawn(tidy(rates));
    }
}

async fn tidy(rates: Weak<RateLimits>) {
    loop {
        tokio::time::sleep(TIDY_EVERY).await;
        let Some(rates) = rates.upgrade() else { return };
        rates.tidy(now());
    }
}
