//! When a refused delivery is tried again, and when it is given up.
//!
//! The random number is a parameter, so the same call gives the same instant. A gateway that names a delay of its own
//! knows better than the schedule; a gateway that asks to slow down has not judged the message, so that is no try.

use super::ErrorClass;
use crate::time::{HOUR, MINUTE, Timestamp};

/// The waits between tries and the number of tries.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    /// Milliseconds before the second, third, .. try; the last one repeats. Not empty.
    pub waits: Vec<i64>,
    /// Tries after which a delivery is given up.
    pub max_tries: i32,
    /// Share by which a wait may grow, 0 to 1.
    pub jitter: f64,
}

/// Wait after a refusal for too many messages to one person, when the provider names none: its smallest window that
/// matters is the hour.
pub const FREQUENCY_WAIT: i64 = HOUR;
/// Wait after an account or configuration refusal that no other gateway could make good: a person has to act.
pub const OPERATOR_WAIT: i64 = 5 * MINUTE;
/// Wait after a request to slow down that names no delay.
pub const THROTTLE_WAIT: i64 = 1_000;

/// A definite refusal of one try.
#[derive(Debug, Clone, Copy)]
pub struct Refusal {
    pub class: ErrorClass,
    /// The delay the provider asked for, in milliseconds.
    pub retry_after_ms: Option<i64>,
}

/// Where the delivery stands when it is refused.
#[derive(Debug, Clone, Copy)]
pub struct Standing {
    /// Tries that were counted before this one.
    pub tries: i32,
    pub expires_at: Timestamp,
}

/// What becomes of a refused delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Pending again, due at `due_at`, with so many counted tries.
    Retry { due_at: Timestamp, tries: i32 },
    /// A dead letter, and why.
    GiveUp { reason: GiveUp, tries: i32 },
}

crate::macros::words! {
    /// Why a delivery is given up.
    GiveUp {
        /// The number does not exist or refuses messages.
        NumberInvalid = "number_invalid",
        /// As many tries as the schedule allows.
        TriesSpent = "tries_spent",
        /// The next try would come too late.
        TooLate = "too_late",
    }
}

impl Schedule {
    /// The wait in milliseconds before the try after `tries` counted ones. `random` lies in 0..1.
    pub fn wait(&self, tries: i32, random: f64) -> i64 {
        let last = self.waits.len().saturating_sub(1);
        let step = usize::try_from(tries.max(1) - 1).unwrap_or(0).min(last);
        stretched(self.waits.get(step).copied().unwrap_or(MINUTE), self.jitter, random)
    }

    /// What becomes of a delivery after `refusal` at `now`.
    pub fn after(&self, refusal: Refusal, at: Standing, now: Timestamp, random: f64) -> Next {
        let counted = at.tries.saturating_add(1);
        let (tries, usual) = match refusal.class {
            ErrorClass::NumberInvalid => {
                return Next::GiveUp { reason: GiveUp::NumberInvalid, tries: counted };
            }
            ErrorClass::Throttled => (at.tries, stretched(THROTTLE_WAIT, self.jitter, random)),
            ErrorClass::FrequencyLimited => (counted, stretched(FREQUENCY_WAIT, self.jitter, random)),
            ErrorClass::Account | ErrorClass::Configuration => {
                (counted, self.wait(counted, random).max(stretched(OPERATOR_WAIT, self.jitter, random)))
            }
            ErrorClass::Retry => (counted, self.wait(counted, random)),
        };
        if tries >= self.max_tries {
            return Next::GiveUp { reason: GiveUp::TriesSpent, tries };
        }
        let due_at = now + refusal.retry_after_ms.map_or(usual, |asked| asked.max(0));
        if due_at >= at.expires_at {
            return Next::GiveUp { reason: GiveUp::TooLate, tries };
        }
        Next::Retry { due_at, tries }
    }
}

/// `wait` and up to `jitter` of it more.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "waits are minutes, not ages"
)]
fn stretched(wait: i64, jitter: f64, random: f64) -> i64 {
    wait + (wait as f64 * jitter.clamp(0.0, 1.0) * random.clamp(0.0, 1.0)) as i64
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::time::SECOND;

    const NOW: Timestamp = Timestamp(1_000_000);

    fn schedule() -> Schedule {
        Schedule { waits: vec![5 * SECOND, 15 * SECOND, 60 * SECOND], max_tries: 4, jitter: 0.2 }
    }

    #[rstest]
    #[case::first(1, 0.0, 5_000)]
    #[case::second(2, 0.0, 15_000)]
    #[case::last(3, 0.0, 60_000)]
    #[case::last_repeats(9, 0.0, 60_000)]
    #[case::most_jitter(1, 1.0, 6_000)]
    #[case::nothing_yet(0, 0.0, 5_000)]
    fn waits_follow_the_schedule(#[case] tries: i32, #[case] random: f64, #[case] wait: i64) {
        assert_eq!(schedule().wait(tries, random), wait);
    }

    fn after(class: ErrorClass, asked: Option<i64>, tries: i32, left: i64) -> Next {
        let at = Standing { tries, expires_at: NOW + left };
        schedule().after(Refusal { class, retry_after_ms: asked }, at, NOW, 0.0)
    }

    fn retry(wait: i64, tries: i32) -> Next {
        Next::Retry { due_at: NOW + wait, tries }
    }

    #[test]
    fn refusals_lead_where_they_should() {
        use ErrorClass::{Account, FrequencyLimited, NumberInvalid, Retry, Throttled};
        let long = 1_000 * HOUR;
        assert_eq!(after(Retry, None, 0, long), retry(5_000, 1));
        assert_eq!(after(Retry, Some(40), 0, long), retry(40, 1), "the gateway's own delay wins");
        assert_eq!(after(Throttled, None, 3, long), retry(1_000, 3), "throttled is no try");
        assert_eq!(after(Throttled, Some(7_000), 3, long), retry(7_000, 3));
        assert_eq!(after(Retry, None, 2, long), retry(60_000, 3));
        let spent = Next::GiveUp { reason: GiveUp::TriesSpent, tries: 4 };
        assert_eq!(after(Retry, None, 3, long), spent);
        assert_eq!(after(FrequencyLimited, None, 0, long), retry(HOUR, 1));
        assert_eq!(after(Account, None, 0, long), retry(OPERATOR_WAIT, 1));
        let invalid = Next::GiveUp { reason: GiveUp::NumberInvalid, tries: 1 };
        assert_eq!(after(NumberInvalid, None, 0, long), invalid);
    }

    #[test]
    fn a_try_at_or_after_the_expiry_is_none() {
        let late = Next::GiveUp { reason: GiveUp::TooLate, tries: 1 };
        assert_eq!(after(ErrorClass::Retry, None, 0, 5_000), late);
        assert_eq!(after(ErrorClass::Retry, None, 0, 5_001), retry(5_000, 1));
    }
}
