//! A histogram of microseconds with three digits that count, in 60 kB whatever it holds.
//!
//! Each power of two is cut into 512 equal buckets, so a value is at most 0.2 % off. A library would do, were it not for
//! the features that it switches on in libraries of the product.

/// Buckets of one power of two.
const STEPS: u64 = 512;
const STEP_BITS: u32 = STEPS.trailing_zeros();
/// Values above 2^27 µs, two minutes, count as that.
const MAX: u64 = 1 << 27;

#[derive(Clone)]
pub struct Latency {
    counts: Vec<u64>,
    total: u64,
    max: u64,
}

impl Latency {
    pub fn new() -> Self {
        Self { counts: vec![0; index(MAX) + 1], total: 0, max: 0 }
    }

    pub fn record(&mut self, micros: u64) {
        self.counts[index(micros.min(MAX))] += 1;
        self.total += 1;
        self.max = self.max.max(micros);
    }

    pub fn max(&self) -> u64 {
        self.max
    }

    /// The value that this share of all lies at or below; 0 where there is none.
    pub fn at(&self, quantile: f64) -> u64 {
        let rank = ((self.total as f64 * quantile).ceil() as u64).clamp(1, self.total.max(1));
        let mut seen = 0;
        let reached = |count: &u64| {
            seen += count;
            seen >= rank
        };
        self.counts.iter().position(reached).map_or(0, |bucket| value(bucket).min(self.max))
    }
}

/// Below 512 a bucket a value; above, 512 buckets for each power of two.
fn index(value: u64) -> usize {
    let shift = (u64::BITS - value.leading_zeros()).saturating_sub(STEP_BITS + 1);
    (u64::from(shift) * STEPS + (value >> shift)) as usize
}

/// The largest value of a bucket.
fn value(index: usize) -> u64 {
    let index = index as u64;
    if index < 2 * STEPS {
        return index;
    }
    let shift = index / STEPS - 1;
    ((index - shift * STEPS + 1) << shift) - 1
}
