//! Figures out of a journal: rates and latencies from the intended start, so that a server that stalls cannot hide it by
//! stalling its clients too.

use hdrhistogram::Histogram;

use crate::journal::{End, Entry};

/// More than any client waits.
const LONGEST_US: u64 = 120_000_000;

/// Entries within a span of time, looked at from several sides.
pub struct Figures<'a> {
    entries: Vec<&'a Entry>,
    seconds: f64,
}

impl<'a> Figures<'a> {
    /// Of everything that should have been sent in `[from, to)`, in microseconds since the campaign began.
    pub fn between(entries: &'a [Entry], from: u64, to: u64) -> Self {
        let within = entries.iter().filter(|e| (from..to).contains(&e.intended)).collect();
        Self { entries: within, seconds: (to - from) as f64 / 1e6 }
    }

    pub fn count(&self, of: impl Fn(&Entry) -> bool) -> usize {
        self.entries.iter().filter(|e| of(e)).count()
    }

    /// Acknowledged scans a second.
    pub fn goodput(&self) -> f64 {
        self.count(Entry::is_2xx) as f64 / self.seconds
    }

    /// A percentile of the time to the 2xx, from the intended start, in milliseconds.
    pub fn latency_ms(&self, percentile: f64) -> f64 {
        self.percentile(percentile, Entry::is_2xx, |e| e.done - e.intended)
    }

    /// A percentile of the time to a 503, from when it was really sent, in milliseconds.
    pub fn refusal_ms(&self, percentile: f64) -> f64 {
        self.percentile(percentile, |e| e.end == End::Status(503), |e| e.done - e.sent)
    }

    fn percentile(&self, percentile: f64, of: impl Fn(&Entry) -> bool, time: impl Fn(&Entry) -> u64) -> f64 {
        let Ok(mut histogram) = Histogram::<u64>::new_with_max(LONGEST_US, 3) else { return f64::NAN };
        for entry in self.entries.iter().filter(|e| of(e)) {
            histogram.saturating_record(time(entry).max(1));
        }
        histogram.value_at_percentile(percentile) as f64 / 1e3
    }
}
