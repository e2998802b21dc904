use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Bits of a value that are kept: a quantile is at most one part in 128 over the truth.
const BITS: u32 = 7;
const STEPS: usize = 1 << BITS;

/// Counts durations in buckets that grow with them. All sessions share it, without a lock.
pub struct Histogram {
    buckets: Vec<AtomicU64>,
    max: AtomicU64,
}

impl Histogram {
    /// Takes 58 KiB.
    pub fn new() -> Self {
        let buckets = (64 - BITS as usize + 1) * STEPS;
        Self { buckets: (0..buckets).map(|_| AtomicU64::new(0)).collect(), max: AtomicU64::new(0) }
    }

    pub fn record(&self, nanoseconds: u64) {
        self.buckets[bucket(nanoseconds)].fetch_add(1, Ordering::Relaxed);
        self.max.fetch_max(nanoseconds, Ordering::Relaxed);
    }

    /// How many were recorded.
    pub fn count(&self) -> u64 {
        self.buckets.iter().map(|bucket| bucket.load(Ordering::Relaxed)).sum()
    }

    /// The duration that this part of all (0 to 1) does not exceed; zero where there is none.
    pub fn quantile(&self, part: f64) -> Duration {
        let rank = (self.count() as f64 * part).ceil().max(1.0) as u64;
        let mut counted = 0;
        for (at, bucket) in self.buckets.iter().enumerate() {
            counted += bucket.load(Ordering::Relaxed);
            if counted >= rank {
                return Duration::from_nanos(highest(at)).min(self.max());
            }
        }
        Duration::ZERO
    }

    pub fn max(&self) -> Duration {
        Duration::from_nanos(self.max.load(Ordering::Relaxed))
    }
}

fn bucket(value: u64) -> usize {
    let exponent = (u64::BITS - value.leading_zeros()).saturating_sub(BITS + 1);
    (exponent as usize) * STEPS + (value >> exponent) as usize
}

/// The highest value in a bucket.
fn highest(bucket: usize) -> u64 {
    let exponent = (bucket / STEPS).saturating_sub(1);
    let lowest = (bucket - exponent * STEPS) as u64;
    ((lowest + 1) << exponent).wrapping_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_exact_where_values_are_small_and_near_where_they_are_large() {
        let histogram = Histogram::new();
        (1..=100).for_each(|value| histogram.record(value));
        for (part, expected) in [(0.0, 1), (0.5, 50), (0.9, 90), (0.99, 99), (1.0, 100)] {
            assert_eq!(histogram.quantile(part), Duration::from_nanos(expected), "{part}");
        }
        let histogram = Histogram::new();
        (1..=1000).for_each(|value| histogram.record(value * 1_000_003));
        let median = histogram.quantile(0.5).as_nanos() as f64;
        assert!((500.0e6..=500.0e6 * (1.0 + 1.0 / 128.0) + 2000.0).contains(&median), "{median}");
        assert_eq!(histogram.max(), Duration::from_nanos(1_000_003_000));
        assert_eq!(Histogram::new().quantile(0.5), Duration::ZERO);
    }

    #[test]
    fn every_value_has_a_bucket_that_holds_it() {
        let mut before = 0;
        for shift in 0..64 {
            for value in [1_u64 << shift, (1 << shift) - 1, (1 << shift) | 1, u64::MAX >> shift] {
                let high = highest(bucket(value));
                assert!(high >= value && high - value <= value / 128, "{value} {high}");
            }
            assert!(bucket(1 << shift) >= before);
            before = bucket(1 << shift);
        }
        assert!(bucket(u64::MAX) < Histogram::new().buckets.len());
    }
}
