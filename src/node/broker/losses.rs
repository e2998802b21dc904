//! Messages of queues that are gone for good.

use crate::broker::DeadLetterReason;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Counts them for the metrics, and says when the log is to tell of them: what clients can bring about as often as they like
/// must not fill a disk.
#[derive(Default)]
pub(super) struct Losses(Mutex<Counted>);

#[derive(Default)]
struct Counted {
    by_reason: BTreeMap<&'static str, u64>,
    untold: u64,
    told: Option<Instant>,
}

/// How often the log tells of them at the most.
const TELL_EVERY: Duration = Duration::from_secs(1);

impl Losses {
    /// Counts one. Answers how many there were since the log was told last, when it is to be told now.
    pub(super) fn count(&self, reason: DeadLetterReason, now: Instant) -> Option<u64> {
        let mut counted = self.0.lock();
        *counted.by_reason.entry(reason.name()).or_default() += 1;
        counted.untold += 1;
        if counted.told.is_some_and(|told| now.saturating_duration_since(told) < TELL_EVERY) {
            return None;
        }
        counted.told = Some(now);
        Some(std::mem::take(&mut counted.untold))
    }

    /// How many there were, by reason.
    pub(super) fn by_reason(&self) -> BTreeMap<&'static str, u64> {
        self.0.lock().by_reason.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_is_told_of_losses_once_a_second_and_of_how_many() {
        let (losses, start) = (Losses::default(), Instant::now());
        let after = |milliseconds| start + Duration::from_millis(milliseconds);
        assert_eq!(losses.count(DeadLetterReason::Rejected, start), Some(1));
        assert_eq!(losses.count(DeadLetterReason::Rejected, after(1)), None);
        assert_eq!(losses.count(DeadLetterReason::Expired, after(999)), None);
        assert_eq!(losses.count(DeadLetterReason::Expired, after(1000)), Some(3));
        assert_eq!(losses.count(DeadLetterReason::Expired, after(1001)), None);
        assert_eq!(losses.by_reason(), BTreeMap::from([("rejected", 2), ("expired", 3)]));
    }
}
