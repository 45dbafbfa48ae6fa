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
mod tests {
    use tokio::time::advance;

    use super::*;

    const QUICK: Duration = Duration::from_millis(50);
    const SLOW: Duration = Duration::from_secs(3);

    fn health() -> Health {
        Health::new(Duration::from_secs(2))
    }

    fn good() -> [Outcome; 1] {
        [Outcome::Accepted { provider_id: "p".into() }]
    }

    fn lost() -> [Outcome; 1] {
        [Outcome::unknown("timeout")]
    }

    fn see(health: &mut Health, outcomes: &[Outcome], took: Duration) -> Turn {
        health.observe("alert_1", outcomes, took, Instant::now())
    }

    fn admission(health: &Health) -> Admission {
        health.admission("alert_1", Instant::now())
    }

    fn shut_for(health: &Health) -> u64 {
        match admission(health) {
            Admission::Shut(until) => until.saturating_duration_since(Instant::now()).as_secs(),
            Admission::Open(_) | Admission::Probe => 0,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn failures_in_a_row_shut_it_and_one_probe_opens_it() {
        let mut health = health();
        for _ in 0..FAILURES {
            assert_eq!(admission(&health), Admission::Open(1.0));
            see(&mut health, &lost(), QUICK);
        }
        assert_eq!(shut_for(&health), 10);
        assert!(!health.take_probe(Instant::now()), "not before its time");
        advance(FAILURE_PAUSE).await;
        assert_eq!(admission(&health), Admission::Probe);
        assert!(health.take_probe(Instant::now()));
        assert!(!health.take_probe(Instant::now()), "one probe at a time");
        assert_eq!(shut_for(&health), 10, "for all others it is shut while the probe is under way");
        assert_eq!(see(&mut health, &good(), QUICK), Turn::Returned);
        assert!(matches!(admission(&health), Admission::Open(share) if share < 0.11));
    }

    #[tokio::test(start_paused = true)]
    async fn the_return_is_gradual() {
        let mut health = health();
        for _ in 0..FAILURES {
            see(&mut health, &lost(), QUICK);
        }
        advance(FAILURE_PAUSE).await;
        assert!(health.take_probe(Instant::now()));
        see(&mut health, &good(), QUICK);
        let mut before = 0.0;
        for _ in 0..6 {
            let share = health.share(Instant::now());
            assert!(share > before && share < 1.0, "{share} after {before}");
            before = share;
            advance(RETURN / 6).await;
        }
        see(&mut health, &good(), QUICK);
        assert_eq!(admission(&health), Admission::Open(1.0));
    }

    #[tokio::test(start_paused = true)]
    async fn each_failed_probe_doubles_the_pause() {
        let mut health = health();
        for _ in 0..FAILURES {
            see(&mut health, &lost(), QUICK);
        }
        for seconds in [10, 20, 40, 80, 120, 120] {
            assert_eq!(shut_for(&health), seconds);
            advance(Duration::from_secs(seconds)).await;
            assert!(health.take_probe(Instant::now()));
            see(&mut health, &lost(), QUICK);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_probe_that_never_comes_back_does_not_shut_it_for_ever() {
        let mut health = health();
        for _ in 0..FAILURES {
            see(&mut health, &lost(), QUICK);
        }
        advance(FAILURE_PAUSE).await;
        assert!(health.take_probe(Instant::now()));
        advance(PROBE).await;
        assert!(health.take_probe(Instant::now()));
    }

    #[tokio::test(start_paused = true)]
    async fn every_second_failure_is_too_many_and_old_ones_are_forgotten() {
        let mut health = health();
        for n in 0..ENOUGH / 2 {
            assert_eq!(shut_for(&health), 0, "after {n}");
            see(&mut health, &good(), QUICK);
            see(&mut health, &lost(), QUICK);
        }
        assert_eq!(shut_for(&health), 10, "half of twenty failed");
        let mut health = self::health();
        for _ in 0..ENOUGH {
            see(&mut health, &good(), QUICK);
            see(&mut health, &good(), QUICK);
            see(&mut health, &lost(), QUICK);
        }
        assert_eq!(shut_for(&health), 0, "a third does not");
        advance(WINDOW + QUICK).await;
        see(&mut health, &good(), QUICK);
        for _ in 0..FAILURES - 1 {
            see(&mut health, &lost(), QUICK);
        }
        assert_eq!(
            shut_for(&health),
            0,
            "the old ones are forgotten, and five calls are too few to judge by shares"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_one_keeps_a_small_share_until_it_is_quick_again() {
        let mut health = health();
        for _ in 0..ENOUGH {
            see(&mut health, &good(), SLOW);
        }
        assert_eq!(admission(&health), Admission::Open(SMALL_SHARE));
        advance(WINDOW + QUICK).await;
        assert_eq!(admission(&health), Admission::Open(1.0), "it gets another chance");
    }

    #[tokio::test(start_paused = true)]
    async fn accounts_shut_the_gateway_and_templates_themselves() {
        let mut health = health();
        see(&mut health, &[Outcome::rejected(ErrorClass::Configuration, "x")], QUICK);
        assert_eq!(shut_for(&health), 60);
        assert_eq!(health.admission("alert_2", Instant::now()), Admission::Open(1.0));
        see(&mut health, &[Outcome::rejected(ErrorClass::Account, "x")], QUICK);
        assert!(matches!(health.admission("alert_2", Instant::now()), Admission::Shut(_)));
        see(&mut health, &good(), SLOW);
        assert_eq!(shut_for(&health), 60, "a call that began before does not open it");
        advance(REFUSED_PAUSE).await;
        assert_eq!(admission(&health), Admission::Probe);
    }

    #[test]
    fn what_a_call_says() {
        use ErrorClass::{Account, FrequencyLimited, NumberInvalid, Retry, Throttled};
        let of = |class| Outcome::rejected(class, "x");
        assert_eq!(sign(&[]), Sign::None);
        assert_eq!(sign(&[Outcome::unknown("x"), of(Retry)]), Sign::Failed);
        assert_eq!(sign(&[Outcome::unknown("x"), of(NumberInvalid)]), Sign::Good);
        assert_eq!(sign(&[of(FrequencyLimited)]), Sign::Good);
        assert_eq!((sign(&[of(Throttled)]), sign(&[of(Account)])), (Sign::None, Sign::None));
    }
}
