//! How fast one gateway may be called.
//!
//! Calls are spaced evenly. A login code does not wait behind alerts: it goes at the rate of login codes alone and pushes
//! the alerts' next turn back, so that the sum keeps to the rate.
//!
//! The rate finds the provider's own limit: a request to slow down halves it, and leaves the gateway alone for the time
//! it names; every second with an acceptance adds a fixed part of the rate of the settings, which is never exceeded. A
//! gateway that comes back after failures begins with a small part of it.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// The turns of one gateway.
#[derive(Debug)]
pub struct Pace {
    /// The rate of the settings, in calls a second.
    most: f64,
    turns: Mutex<Turns>,
}

#[derive(Debug)]
struct Turns {
    login: Instant,
    any: Instant,
    not_before: Instant,
    /// Calls a second at present.
    rate: f64,
    /// When the rate was last cut or raised.
    changed: Instant,
    /// When it was last cut.
    cut: Option<Instant>,
}

/// Turns that may be made up for after a lull.
const BURST: u32 = 2;
/// Part of the rate of the settings that one second with an acceptance adds.
const RAISE: f64 = 0.02;
/// Part of the rate that is kept at each cut, and the least part of the rate of the settings.
const CUT: f64 = 0.5;
const LEAST: f64 = 0.02;
/// Part of the rate of the settings with which a gateway comes back.
const RETURN: f64 = 0.1;
/// Refusals of calls that were under way together are one request to slow down.
const CUT_EVERY: Duration = Duration::from_secs(1);

impl Pace {
    pub fn new(per_second: u32) -> Self {
        let now = Instant::now();
        let most = f64::from(per_second.max(1));
        let turns = Turns { login: now, any: now, not_before: now, rate: most, changed: now, cut: None };
        Self { most, turns: Mutex::new(turns) }
    }

    /// The instant of the next call, when it lies before `latest`; `None` takes no turn.
    pub fn reserve(&self, login: bool, latest: Instant) -> Option<Instant> {
        let mut turns = self.turns();
        let (now, interval) = (Instant::now(), turns.interval());
        let lull = now.checked_sub(interval * BURST).unwrap_or(now);
        let turn = if login { turns.login } else { turns.any };
        let at = turn.max(lull).max(turns.not_before);
        if at > latest {
            return None;
        }
        turns.any = turns.any.max(lull) + interval;
        if login {
            turns.login = at + interval;
        }
        Some(at)
    }

    /// No call for so long, and fewer after that.
    pub fn slow_down(&self, pause: Duration) {
        let mut turns = self.turns();
        let now = Instant::now();
        turns.not_before = turns.not_before.max(now + pause);
        if turns.cut.is_none_or(|cut| now.saturating_duration_since(cut) >= CUT_EVERY) {
            turns.rate = (turns.rate * CUT).max(self.most * LEAST);
            (turns.cut, turns.changed) = (Some(now), now);
        }
    }

    /// A call was accepted: the rate may grow.
    pub fn accepted(&self) {
        let mut turns = self.turns();
        let now = Instant::now();
        let since = now.saturating_duration_since(turns.changed).as_secs_f64().min(1.0);
        turns.rate = (turns.rate + self.most * RAISE * since).min(self.most);
        turns.changed = now;
    }

    /// The gateway is back after failures.
    pub fn begin_again(&self) {
        let mut turns = self.turns();
        turns.rate = turns.rate.min(self.most * RETURN);
        turns.changed = Instant::now();
    }

    /// How long alerts would wait now.
    pub fn backlog(&self) -> Duration {
        let turns = self.turns();
        turns.any.max(turns.not_before).saturating_duration_since(Instant::now())
    }

    /// Calls a second at present.
    pub fn rate(&self) -> f64 {
        self.turns().rate
    }

    fn turns(&self) -> MutexGuard<'_, Turns> {
        self.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turns {
    fn interval(&self) -> Duration {
        Duration::from_secs_f64(1.0 / self.rate)
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
    #[tokio::test(start_paused = true)]
    async fn requests_to_slow_down_halve_the_rate_and_acceptances_raise_it() {
        let pace = Pace::new(100);
        for _ in 0..20 {
            pace.slow_down(Duration::from_millis(100));
        }
        assert!(
            (pace.rate() - 50.0).abs() < 0.1,
            "calls under way together are refused together: {}",
            pace.rate()
        );
        for expected in [25.0, 12.5, 6.25, 3.125, 2.0, 2.0] {
            tokio::time::advance(CUT_EVERY).await;
            pace.slow_down(Duration::from_millis(100));
            assert!((pace.rate() - expected).abs() < 0.1, "{} for {expected}", pace.rate());
        }
        for _ in 0..100 {
            pace.accepted();
        }
        assert!(pace.rate() < 2.1, "many acceptances at once are not many seconds");
        for second in 1..=49 {
            tokio::time::advance(Duration::from_secs(1)).await;
            pace.accepted();
            let expected = (2.0 + 2.0 * f64::from(second)).min(100.0);
            assert!((pace.rate() - expected).abs() < 0.1, "{} for {expected}", pace.rate());
        }
        tokio::time::advance(Duration::from_secs(9)).await;
        pace.accepted();
        assert!(pace.rate() <= 100.0, "never above the settings");
    }

    #[tokio::test(start_paused = true)]
    async fn the_rate_settles_below_what_the_provider_allows() {
        let (pace, allowed) = (Pace::new(100), 40.0);
        let (mut sent, mut refused) = (0.0, 0);
        let begun = Instant::now();
        let mut second = (Instant::now(), 0.0);
        while begun.elapsed() < Duration::from_secs(300) {
            let Some(at) = pace.reserve(false, Instant::now() + Duration::from_secs(60)) else { break };
            tokio::time::sleep_until(at).await;
            if second.0.elapsed() >= Duration::from_secs(1) {
                second = (Instant::now(), 0.0);
            }
            second.1 += 1.0;
            if second.1 > allowed {
                refused += 1;
                pace.slow_down(Duration::from_millis(200));
            } else {
                sent += 1.0;
                pace.accepted();
            }
        }
        let rate = sent / 300.0;
        assert!(rate > 0.6 * allowed, "{rate}/s of {allowed}/s");
        assert!(refused < 100, "{refused} refusals in five minutes");
    }

    #[tokio::test(start_paused = true)]
    async fn a_gateway_comes_back_with_a_tenth() {
        let pace = Pace::new(50);
        pace.begin_again();
        assert!((pace.rate() - 5.0).abs() < 0.01);
        let start = Instant::now();
        let far = start + Duration::from_secs(60);
        let turns: Vec<_> =
            (0..3).filter_map(|_| pace.reserve(false, far)).map(|t| (t - start).as_millis()).collect();
        assert_eq!(turns, [0, 200, 400]);
    }
}
