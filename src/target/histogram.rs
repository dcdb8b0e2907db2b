//! How long calls took: counts in buckets that grow with the time, four to each doubling.
//!
//! A value is known to 25 % by its bucket, from a nanosecond to hours, in half a kilobyte.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// Four to each doubling, up to 2^40 ns, which is 18 minutes; the last holds all beyond.
const BUCKETS: usize = 4 * 39;

/// Written by one thread, read by any.
#[derive(Debug)]
pub(super) struct Histogram([AtomicU32; BUCKETS]);

impl Default for Histogram {
    fn default() -> Histogram {
        Histogram([const { AtomicU32::new(0) }; BUCKETS])
    }
}

impl Histogram {
    /// Counts `weight` calls that took `ns`. By the one writer.
    pub(super) fn add(&self, ns: u64, weight: u32) {
        let count = &self.0[bucket(ns)];
        // ORDERING: Relaxed, a count stands for itself, and has one writer.
        count.store(count.load(Ordering::Relaxed).saturating_add(weight), Ordering::Relaxed);
    }

    /// Begins anew, while nobody counts.
    pub(super) fn clear(&self) {
        // ORDERING: Relaxed, as in `add`.
        self.0.iter().for_each(|count| count.store(0, Ordering::Relaxed));
    }
}

/// The sum of several histograms.
#[derive(Clone, Debug)]
pub(super) struct Sum([u64; BUCKETS]);

impl Default for Sum {
    fn default() -> Sum {
        Sum([0; BUCKETS])
    }
}

impl Sum {
    pub(super) fn add(&mut self, histogram: &Histogram) {
        for (sum, count) in self.0.iter_mut().zip(&histogram.0) {
            // ORDERING: Relaxed, as in `Histogram::add`.
            *sum += u64::from(count.load(Ordering::Relaxed));
        }
    }

    pub(super) fn merge(&mut self, other: &Sum) {
        self.0.iter_mut().zip(&other.0).for_each(|(sum, more)| *sum += more);
    }

    /// The time that `part` of all calls did not exceed: the upper edge of its bucket. Zero of none.
    pub(super) fn quantile(&self, part: f64) -> Duration {
        let all: u64 = self.0.iter().sum();
        let rank = ((all as f64 * part).ceil() as u64).max(1);
        let mut below = 0;
        let bucket = self.0.iter().position(|count| {
            below += count;
            below >= rank
        });
        bucket.map_or(Duration::ZERO, |bucket| Duration::from_nanos(lower_edge(bucket + 1)))
    }
}

/// The bucket of a time: its highest bit, and the two bits below that.
fn bucket(ns: u64) -> usize {
    let ns = ns.max(4);
    let doubling = ns.ilog2() as usize;
    let quarter = (ns >> (doubling - 2)) as usize & 3;
    (4 * (doubling - 2) + quarter).min(BUCKETS - 1)
}

/// The least time of a bucket.
fn lower_edge(bucket: usize) -> u64 {
    let (doubling, quarter) = (bucket / 4, bucket as u64 % 4);
    (4 + quarter) << doubling
}

#[cfg(test)]
mod tests {
    use super::{BUCKETS, Histogram, Sum, bucket, lower_edge};

    #[test]
    fn a_bucket_holds_its_edges() {
        assert_eq!(bucket(0), 0);
        for index in 0..BUCKETS - 1 {
            let (low, next) = (lower_edge(index), lower_edge(index + 1));
            assert_eq!(bucket(low), index);
            assert_eq!(bucket(next - 1), index);
            assert!(next <= low + low / 4 + 1, "{low} to {next} is a quarter at most");
        }
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn quantiles_are_those_of_the_values() {
        let histogram = Histogram::default();
        (0..98).for_each(|_| histogram.add(1_000, 1));
        histogram.add(1_000_000, 2);
        let mut sum = Sum::default();
        assert_eq!(sum.quantile(0.5).as_nanos(), 0);
        sum.add(&histogram);
        let near = |part, ns: f64| {
            let found = sum.quantile(part).as_nanos() as f64;
            assert!((found / ns - 1.0).abs() < 0.25, "{part}: {found}, expected about {ns}");
        };
        near(0.5, 1_000.0);
        near(0.98, 1_000.0);
        near(0.99, 1_000_000.0);
        near(1.0, 1_000_000.0);
    }
}
