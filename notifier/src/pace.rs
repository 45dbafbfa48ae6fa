//! How fast one gateway may be called.
//!
//! Calls are spaced evenly. A login code does not wait behind alerts: it goes at the rate of login codes alone and pushes
//! the alerts' next turn back, so that the sum keeps to the rate. A gateway that asks to slow down is left alone for the
//! time it names.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// The turns of one gateway.
#[derive(Debug)]
pub struct Pace {
    interval: Duration,
    turns: Mutex<Turns>,
}

#[derive(Debug)]
struct Turns {
    login: Instant,
    any: Instant,
    not_before: Instant,
}

/// Turns that may be made up for after a lull.
const BURST: u32 = 2;

impl Pace {
    pub fn new(per_second: u32) -> Self {
        let now = Instant::now();
        let turns = Turns { login: now, any: now, not_before: now };
        Self { interval: Duration::from_secs(1) / per_second.max(1), turns: Mutex::new(turns) }
    }

    /// The instant of the next call, when it lies before `latest`; `None` takes no turn.
    pub fn reserve(&self, login: bool, latest: Instant) -> Option<Instant> {
        let mut turns = self.turns();
        let now = Instant::now();
        let lull = now.checked_sub(self.interval * BURST).unwrap_or(now);
        let turn = if login { turns.login } else { turns.any };
        let at = turn.max(lull).max(turns.not_before);
        if at > latest {
            return None;
        }
        turns.any = turns.any.max(lull) + self.interval;
        if login {
            turns.login = at + self.interval;
        }
        Some(at)
    }

    /// No call for so long.
    pub fn slow_down(&self, pause: Duration) {
        let mut turns = self.turns();
        turns.not_before = turns.not_before.max(Instant::now() + pause);
    }

    /// How long alerts would wait now.
    pub fn backlog(&self) -> Duration {
        let turns = self.turns();
        turns.any.max(turns.not_before).saturating_duration_since(Instant::now())
    }

    fn turns(&self) -> MutexGuard<'_, Turns> {
        self.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn calls_are_spaced_and_logins_overtake() {
        let pace = Pace::new(10);
        let start = Instant::now();
        let far = start + Duration::from_secs(60);
        let at = |login| pace.reserve(login, far).map(|at| at.saturating_duration_since(start).as_millis());
        let first: Vec<_> = (0..4).map(|_| at(false)).collect();
        assert_eq!(first, [Some(0), Some(100), Some(200), Some(300)]);
        assert_eq!(at(true), Some(0), "a login code does not wait behind alerts");
        assert_eq!(at(false), Some(500), "and alerts make room for it");
        assert_eq!(pace.reserve(false, start + Duration::from_millis(100)), None);
        pace.slow_down(Duration::from_secs(2));
        assert_eq!((at(true), pace.backlog().as_millis()), (Some(2_000), 2_000));
    }
}
