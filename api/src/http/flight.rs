//! How many requests are in work, and how many may be.
//!
//! A queue that is longer than clients wait serves nobody: everybody in it is answered too late. So no more are let in
//! than were served in the last second, above a floor that leaves room for a sudden crowd. The others are told at once
//! to come again, and what is served is served in about a second, however many come. The more there are, the later they
//! are asked to come, one after the other: a crowd that comes back as one is sent away as one.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

/// Let in however few were served.
const FLOOR: usize = 256;
/// Seconds after which nobody is asked to come later still.
const LATEST: usize = 10;
/// Milliseconds over which the rate is taken.
const WINDOW: u64 = 500;

static FLIGHTS: Flights = Flights {
    in_work: AtomicUsize::new(0),
    served: AtomicUsize::new(0),
    per_second: AtomicUsize::new(0),
    refused: AtomicUsize::new(0),
    spread: AtomicUsize::new(1),
    window: AtomicU64::new(0),
};

struct Flights {
    in_work: AtomicUsize,
    /// Since the window began.
    served: AtomicUsize,
    per_second: AtomicUsize,
    /// Since the window began.
    refused: AtomicUsize,
    /// The seconds over which those who are refused are spread.
    spread: AtomicUsize,
    /// When the window began, in milliseconds of the process.
    window: AtomicU64,
}

/// A request for as long as it lives.
pub(super) struct Flight;

impl Flight {
    /// Lets a request in; at most `limit` are in work at once.
    pub(super) fn begin(limit: usize) -> Option<Self> {
        FLIGHTS.look_at_the_clock(uptime());
        let room = bound(FLIGHTS.per_second.load(Ordering::Relaxed), limit);
        let flight = Flight;
        let before = FLIGHTS.in_work.fetch_add(1, Ordering::Relaxed);
        (before < room).then_some(flight)
    }

    /// When to come again, for one who was not let in, in seconds.
    pub(super) fn come_again() -> i64 {
        let turn = FLIGHTS.refused.fetch_add(1, Ordering::Relaxed);
        let seconds = 1 + turn % FLIGHTS.spread.load(Ordering::Relaxed).max(1);
        i64::try_from(seconds).unwrap_or(1)
    }

    /// It was answered, and not sent away.
    pub(super) fn served(&self) {
        FLIGHTS.served.fetch_add(1, Ordering::Relaxed);
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        FLIGHTS.in_work.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Flights {
    /// Closes the window when it is over. A rate that falls does so by half at most, so that a pause costs no room.
    fn look_at_the_clock(&self, now: u64) {
        let began = self.window.load(Ordering::Relaxed);
        let passed = now.saturating_sub(began);
        let over = passed >= WINDOW
            && self.window.compare_exchange(began, now, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        if over {
            let served = self.served.swap(0, Ordering::Relaxed);
            let refused = self.refused.swap(0, Ordering::Relaxed);
            if refused > 0 {
                tracing::warn!(
                    refused,
                    served,
                    milliseconds = passed,
                    "more requests came than can be served"
                );
            }
            self.spread.store((1 + refused / served.max(1)).min(LATEST), Ordering::Relaxed);
            let rate = usize::try_from(served as u64 * 1_000 / passed).unwrap_or(usize::MAX);
            let before = self.per_second.load(Ordering::Relaxed);
            self.per_second.store(rate.max(before / 2), Ordering::Relaxed);
        }
    }
}

fn bound(per_second: usize, limit: usize) -> usize {
    per_second.max(FLOOR).min(limit)
}

fn uptime() -> u64 {
    static BEGUN: OnceLock<Instant> = OnceLock::new();
    u64::try_from(BEGUN.get_or_init(Instant::now).elapsed().as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_what_was_served_in_a_second() {
        assert_eq!(bound(0, 4_096), FLOOR);
        assert_eq!(bound(1_000, 4_096), 1_000);
        assert_eq!(bound(9_000, 4_096), 4_096);
        assert_eq!(bound(1_000, 16), 16);
    }

    #[test]
    fn the_rate_rises_at_once_and_falls_by_half() {
        let zero = || AtomicUsize::new(0);
        let flights = Flights {
            in_work: zero(),
            served: AtomicUsize::new(600),
            per_second: zero(),
            refused: AtomicUsize::new(1_800),
            spread: AtomicUsize::new(1),
            window: AtomicU64::new(0),
        };
        let rate = |now| {
            flights.look_at_the_clock(now);
            flights.per_second.load(Ordering::Relaxed)
        };
        assert_eq!(rate(499), 0, "the window is open");
        assert_eq!(rate(500), 1_200);
        assert_eq!(
            flights.spread.load(Ordering::Relaxed),
            4,
            "three times as many as were served were refused"
        );
        assert_eq!((rate(1_000), rate(1_500)), (600, 300));
    }
}
