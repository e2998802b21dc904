//! Numbers for those who watch.

use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::time::Duration;

/// What hooks have done since the process began, and what waits now.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct HookStats {
    /// By what was called: `connect`, `subscribe`, `send`, `app`, `events`.
    pub kinds: BTreeMap<&'static str, KindStats>,
    /// Events that wait to be delivered.
    pub events_queued: u64,
    /// Events that the backend took.
    pub events_delivered: u64,
    /// Events that were lost because too many waited.
    pub events_dropped: u64,
}

/// What hooks of one kind have done.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct KindStats {
    /// How calls ended: `answered`; `failed` (no connection, no answer that can be used); `timeout`; `open` (not made,
    /// because the breaker is open); `busy` (not made in time, because too many others were).
    pub outcomes: BTreeMap<&'static str, u64>,
    /// How long they took together, in seconds, with waiting and all attempts.
    pub seconds: f64,
    /// How many took at most [`BOUNDS`](Self::BOUNDS) of a second, each but for those before; the last counts all others.
    pub buckets: [u64; Self::BOUNDS.len() + 1],
    /// Whether calls are held back because too many failed.
    pub is_open: bool,
}

impl KindStats {
    /// The bounds of [`buckets`](Self::buckets) in seconds.
    pub const BOUNDS: [f64; 8] = [0.005, 0.01, 0.025, 0.1, 0.25, 0.5, 1.0, 2.5];

    fn count(&mut self, outcome: &'static str, took: Duration) {
        let seconds = took.as_secs_f64();
        let bucket = Self::BOUNDS.iter().position(|bound| seconds <= *bound).unwrap_or(Self::BOUNDS.len());
        *self.outcomes.entry(outcome).or_default() += 1;
        self.seconds += seconds;
        self.buckets[bucket] += 1;
    }
}

/// Counts calls; beside a call over HTTP a lock costs nothing.
#[derive(Default)]
pub(super) struct Counters(Mutex<BTreeMap<&'static str, KindStats>>);

impl Counters {
    /// Answers whether it is the first call of its kind.
    pub(super) fn count(&self, kind: &'static str, outcome: &'static str, took: Duration) -> bool {
        let mut kinds = self.0.lock();
        let calls = kinds.entry(kind).or_default();
        let is_first = calls.outcomes.is_empty();
        calls.count(outcome, took);
        is_first
    }

    pub(super) fn snapshot(&self) -> BTreeMap<&'static str, KindStats> {
        self.0.lock().clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_call_of_each_kind_is_told_from_others() {
        let counters = Counters::default();
        let count = |kind| counters.count(kind, "failed", Duration::ZERO);
        assert_eq!([count("app"), count("app"), count("send"), count("app")], [true, false, true, false]);
    }

    #[test]
    fn a_call_is_counted_in_the_first_bucket_that_it_fits() {
        let counters = Counters::default();
        for millis in [0, 5, 6, 2_500, 9_000] {
            counters.count("connect", "answered", Duration::from_millis(millis));
        }
        let stats = counters.snapshot().remove("connect").unwrap();
        assert_eq!(stats.buckets, [2, 1, 0, 0, 0, 0, 0, 1, 1]);
        assert_eq!((stats.outcomes["answered"], (stats.seconds * 1000.0).round() as u64), (5, 11_511));
    }
}
