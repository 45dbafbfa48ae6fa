//! How much a process asks of a platform: so many codes a minute, so many calls at once.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, SemaphorePermit};

use super::Failure;

/// Calls to one platform that may be in work at once.
const AT_ONCE: usize = 64;

const MINUTE: Duration = Duration::from_secs(60);

pub(super) struct Pace {
    calls: Semaphore,
    per_minute: u32,
    /// When the running minute began, and what was taken of it.
    minute: Mutex<(Instant, u32)>,
}

impl Pace {
    pub(super) fn new(per_minute: u32) -> Self {
        Self { calls: Semaphore::new(AT_ONCE), per_minute, minute: Mutex::new((Instant::now(), 0)) }
    }

    /// A place for one call; nobody waits for one.
    pub(super) fn enter(&self) -> Result<SemaphorePermit<'_>, Failure> {
        self.calls.try_acquire().map_err(|_| Failure::Overloaded)
    }

    /// Takes one code of this minute.
    pub(super) fn take_code(&self) -> Result<(), Failure> {
        self.take_code_at(Instant::now())
    }

    fn take_code_at(&self, now: Instant) -> Result<(), Failure> {
        let mut minute = self.minute.lock().unwrap_or_else(PoisonError::into_inner);
        if now.duration_since(minute.0) >= MINUTE {
            *minute = (now, 0);
        }
        if minute.1 >= self.per_minute {
            return Err(Failure::TooOften("codes_per_minute".to_owned()));
        }
        minute.1 += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_has_so_many_codes_and_the_next_one_again() {
        let (pace, now) = (Pace::new(2), Instant::now());
        let taken = |seconds| pace.take_code_at(now + Duration::from_secs(seconds)).is_ok();
        assert_eq!([0, 30, 59, 60, 61, 62].map(taken), [true, true, false, true, true, false]);
    }

    #[test]
    fn nobody_waits_for_a_place() {
        let pace = Pace::new(1);
        let held: Vec<_> = (0..AT_ONCE).map(|_| pace.enter().expect("a place")).collect();
        assert_eq!(pace.enter().err(), Some(Failure::Overloaded));
        drop(held);
        assert!(pace.enter().is_ok());
    }
}
