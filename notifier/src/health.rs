//! How well one gateway does, as this process sees it.
//!
//! Calls of the last half minute are counted: how many failed, how many were slow. One that fails too often is shut for a
//! while, longer each time; after that **one** call is its probe. A probe that succeeds does not bring back everything at
//! once: the gateway's share grows over a minute. A slow one stays in use with a small share while others are quicker.
//!
//! An account refusal shuts the gateway as well, a refused template only that template.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use mashang_domain::delivery::{ErrorClass, Outcome};
use tokio::time::Instant;

/// How long an account refusal shuts a gateway, and a configuration refusal one of its templates.
pub const REFUSED_PAUSE: Duration = Duration::from_secs(60);
/// Failed calls in a row that shut a gateway.
pub const FAILURES: u32 = 5;
/// How long it is shut the first time; doubled each time its probe fails, up to [`LONGEST_PAUSE`].
pub const FAILURE_PAUSE: Duration = Duration::from_secs(10);
pub const LONGEST_PAUSE: Duration = Duration::from_secs(120);
/// How long calls count.
const WINDOW: Duration = Duration::from_secs(30);
/// Calls in the window from which on its shares mean something.
const ENOUGH: u32 = 20;
/// Share of failed calls that shuts a gateway, and of slow calls that makes it a slow one.
const TOO_MANY: f64 = 0.5;
/// The share of a slow gateway, and the one with which a gateway returns.
const SMALL_SHARE: f64 = 0.1;
/// How long the return to the full share takes.
pub const RETURN: Duration = Duration::from_secs(60);
/// How long a probe may take before another call may be one.
const PROBE: Duration = Duration::from_secs(10);

/// Whether a gateway may be called.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Admission {
    /// With this share of what it would get otherwise, above 0 up to 1.
    Open(f64),
    /// By one call, which shows whether it is back.
    Probe,
    /// Not before this instant.
    Shut(Instant),
}

#[derive(Debug, Clone, Copy)]
enum Gate {
    Well,
    Shut { since: Instant, until: Instant },
    Probing { until: Instant },
    Returning { since: Instant },
}

/// What one call tells of its gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    Good,
    Failed,
    /// It says nothing: a request to slow down, an empty answer.
    None,
}

/// What a change of the gate means for the rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    None,
    /// A probe succeeded.
    Returned,
}

#[derive(Debug, Clone, Copy)]
struct Call {
    at: Instant,
    failed: bool,
    slow: bool,
}

/// What is known of one gateway.
#[derive(Debug)]
pub struct Health {
    slow_after: Duration,
    gate: Gate,
    in_a_row: u32,
    /// Times it was shut without a success in between.
    shut: u32,
    /// Oldest first.
    calls: VecDeque<Call>,
    /// How many of them failed, and were slow.
    counts: Counts,
    templates: HashMap<String, Instant>,
}

impl Health {
    /// A call that takes longer than `slow_after` is a slow one.
    pub fn new(slow_after: Duration) -> Self {
        Self {
            slow_after,
            gate: Gate::Well,
            in_a_row: 0,
            shut: 0,
            calls: VecDeque::new(),
            counts: Counts::default(),
            templates: HashMap::new(),
        }
    }

    /// Whether this template may be sent here now.
    pub fn admission(&self, template: &str, now: Instant) -> Admission {
        let refused = self.templates.get(template).copied().filter(|end| *end > now);
        let gate = match self.gate {
            Gate::Well => Admission::Open(if self.is_slow(now) { SMALL_SHARE } else { 1.0 }),
            Gate::Shut { until, .. } | Gate::Probing { until } if until > now => Admission::Shut(until),
            Gate::Shut { .. } | Gate::Probing { .. } => Admission::Probe,
            Gate::Returning { since } => Admission::Open(returned(now.saturating_duration_since(since))),
        };
        match (refused, gate) {
            (None, gate) => gate,
            (Some(end), Admission::Shut(until)) => Admission::Shut(end.max(until)),
            (Some(end), Admission::Open(_) | Admission::Probe) => Admission::Shut(end),
        }
    }

    /// Takes the probe; false when somebody else has it.
    pub fn take_probe(&mut self, now: Instant) -> bool {
        match self.gate {
            Gate::Shut { until, .. } | Gate::Probing { until } if until <= now => {
                self.gate = Gate::Probing { until: now + PROBE };
                true
            }
            Gate::Well | Gate::Shut { .. } | Gate::Probing { .. } | Gate::Returning { .. } => false,
        }
    }

    /// Learns from a call that took `took` and ended now.
    pub fn observe(&mut self, template: &str, outcomes: &[Outcome], took: Duration, now: Instant) -> Turn {
        let mut account = false;
        for outcome in outcomes {
            match outcome {
                Outcome::Accepted { .. } | Outcome::Unknown { .. } => {}
                Outcome::Rejected { class, .. } => match class {
                    ErrorClass::Account => account = true,
                    ErrorClass::Configuration => {
                        self.templates.insert(template.to_owned(), now + REFUSED_PAUSE);
                    }
                    ErrorClass::Retry
                    | ErrorClass::Throttled
                    | ErrorClass::NumberInvalid
                    | ErrorClass::FrequencyLimited => {}
                },
            }
        }
        let sign = sign(outcomes);
        self.note(sign, took, now);
        if account {
            self.gate = Gate::Shut { since: now, until: now + REFUSED_PAUSE };
            return Turn::None;
        }
        match sign {
            Sign::Good => self.well(took, now),
            Sign::Failed => self.failed(now),
            Sign::None => Turn::None,
        }
    }

    /// The share it has now: 0 while it is shut.
    pub fn share(&self, now: Instant) -> f64 {
        match self.admission("", now) {
            Admission::Open(share) => share,
            Admission::Probe | Admission::Shut(_) => 0.0,
        }
    }

    fn well(&mut self, took: Duration, now: Instant) -> Turn {
        self.in_a_row = 0;
        match self.gate {
            // A call of before the failures says nothing of after.
            Gate::Shut { since, .. } if now.checked_sub(took).is_none_or(|begun| begun < since) => Turn::None,
            Gate::Shut { .. } | Gate::Probing { .. } => {
                self.gate = Gate::Returning { since: now };
                self.calls.clear();
                self.counts = Counts::default();
                Turn::Returned
            }
            Gate::Returning { since } => {
                if now.saturating_duration_since(since) >= RETURN {
                    (self.gate, self.shut) = (Gate::Well, 0);
                }
                Turn::None
            }
            Gate::Well => Turn::None,
        }
    }

    fn failed(&mut self, now: Instant) -> Turn {
        self.in_a_row += 1;
        let shut = match self.gate {
            Gate::Probing { .. } => true,
            Gate::Shut { .. } => false,
            Gate::Well | Gate::Returning { .. } => {
                self.in_a_row >= FAILURES || exceeds(self.recent(now), ENOUGH, |n| n.failed)
            }
        };
        if shut {
            let pause = FAILURE_PAUSE.saturating_mul(1 << self.shut.min(8)).min(LONGEST_PAUSE);
            self.gate = Gate::Shut { since: now, until: now + pause };
            self.shut += 1;
        }
        Turn::None
    }

    fn note(&mut self, sign: Sign, took: Duration, now: Instant) {
        if sign != Sign::None {
            let call = Call { at: now, failed: sign == Sign::Failed, slow: took > self.slow_after };
            self.counts = self.counts.with(&call);
            self.calls.push_back(call);
        }
        // A bound for gateways of many calls; the newest say enough.
        while self.calls.len() > 2_000 || self.calls.front().is_some_and(|c| !recent(c, now)) {
            if let Some(old) = self.calls.pop_front() {
                self.counts = self.counts.without(&old);
            }
        }
    }

    fn is_slow(&self, now: Instant) -> bool {
        exceeds(self.recent(now), ENOUGH / 2, |n| n.slow)
    }

    /// The counts of the window: of all that is kept, less what has become too old since.
    fn recent(&self, now: Instant) -> Counts {
        let old = self.calls.iter().take_while(|call| !recent(call, now));
        old.fold(self.counts, |counts, call| counts.without(call))
    }
}

/// Calls, counted.
#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    all: u32,
    failed: u32,
    slow: u32,
}

impl Counts {
    fn with(self, call: &Call) -> Self {
        Self {
            all: self.all + 1,
            failed: self.failed + u32::from(call.failed),
            slow: self.slow + u32::from(call.slow),
        }
    }

    fn without(self, call: &Call) -> Self {
        Self {
            all: self.all.saturating_sub(1),
            failed: self.failed.saturating_sub(u32::from(call.failed)),
            slow: self.slow.saturating_sub(u32::from(call.slow)),
        }
    }
}

/// Whether there are `enough` calls and too many of them are so.
fn exceeds(counts: Counts, enough: u32, so: impl Fn(Counts) -> u32) -> bool {
    counts.all >= enough && f64::from(so(counts)) >= TOO_MANY * f64::from(counts.all)
}

fn recent(call: &Call, now: Instant) -> bool {
    now.saturating_duration_since(call.at) <= WINDOW
}

fn returned(since: Duration) -> f64 {
    (SMALL_SHARE + (1.0 - SMALL_SHARE) * since.as_secs_f64() / RETURN.as_secs_f64()).min(1.0)
}

/// A call failed when none of its messages was judged: by an acceptance, or by a refusal that is about the number.
fn sign(outcomes: &[Outcome]) -> Sign {
    let mut sign = if outcomes.is_empty() { Sign::None } else { Sign::Failed };
    for outcome in outcomes {
        match outcome {
            Outcome::Accepted { .. } => return Sign::Good,
            Outcome::Unknown { .. } => {}
            Outcome::Rejected { class, .. } => match class {
                ErrorClass::NumberInvalid | ErrorClass::FrequencyLimited => return Sign::Good,
                ErrorClass::Throttled | ErrorClass::Account | ErrorClass::Configuration => sign = Sign::None,
                ErrorClass::Retry => {}
            },
        }
    }
    sign
}

#[cfg(test)]
mod tests;
