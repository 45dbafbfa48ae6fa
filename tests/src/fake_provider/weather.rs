//! How a provider does of itself: how long it takes, how much it takes, and how often something goes wrong by chance.

use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::Fault;

/// Everything is fine unless something is set.
#[derive(Debug, Clone, Copy, Default)]
pub struct Weather {
    /// Replays the chances.
    pub seed: u64,
    /// From taking a call to its answer.
    pub latency: Duration,
    /// Calls of a thousand whose message goes out and whose answer is lost.
    pub lost: u32,
    /// Calls of a thousand that are answered later than anybody waits.
    pub late: u32,
    /// Calls of a thousand that are refused with status 500.
    pub errors: u32,
    /// Calls a second above which the provider asks to slow down.
    pub per_second: Option<u32>,
    /// How old a message is before a question about it finds it.
    pub visible_after: Duration,
}

/// The weather, and what it has come to so far.
pub(super) struct Sky {
    pub(super) weather: Weather,
    chance: StdRng,
    second: (Instant, u32),
}

impl Default for Sky {
    fn default() -> Self {
        Self::new(Weather::default())
    }
}

impl Sky {
    pub(super) fn new(weather: Weather) -> Self {
        Self { weather, chance: StdRng::seed_from_u64(weather.seed), second: (Instant::now(), 0) }
    }

    /// What befalls the next call.
    pub(super) fn fault(&mut self) -> Option<Fault> {
        let w = &self.weather;
        if let Some(most) = w.per_second {
            if self.second.0.elapsed() >= Duration::from_secs(1) {
                self.second = (Instant::now(), 0);
            }
            self.second.1 += 1;
            if self.second.1 > most {
                return Some(Fault::Throttled);
            }
        }
        if w.lost + w.late + w.errors == 0 {
            return None;
        }
        let drawn = self.chance.random_range(0..1_000);
        match drawn {
            n if n < w.lost => Some(Fault::LostAnswer),
            n if n < w.lost + w.late => Some(Fault::LateAnswer),
            n if n < w.lost + w.late + w.errors => Some(Fault::ServerError),
            _ => None,
        }
    }
}
