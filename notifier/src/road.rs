//! A gateway with everything this process knows of it: its pace, its walls, its health, and whether it is paused.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mashang_domain::delivery::{ErrorClass, NumberCaps, Outcome};
use tokio::time::Instant;

use crate::bulkhead::Bulkhead;
use crate::gateway::Gateway;
use crate::health::{Admission, Health, Turn};
use crate::pace::Pace;

/// How long a gateway is left alone that asks to slow down and names no time.
const DEFAULT_PAUSE: Duration = Duration::from_secs(1);

/// How a gateway is used here, beside the terms that it states itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Usage {
    pub(crate) weight: u32,
    pub(crate) timeout: Duration,
    /// At most so many tasks wait for it at once.
    pub(crate) tasks: usize,
    pub(crate) caps: NumberCaps,
}

/// A gateway on which messages may go.
#[derive(Debug)]
pub struct Road {
    pub gateway: Arc<dyn Gateway>,
    /// The longest one call may take.
    pub timeout: Duration,
    pub pace: Pace,
    pub walls: Bulkhead,
    pub(crate) weight: u32,
    /// What its provider allows one number.
    pub caps: NumberCaps,
    paused: AtomicBool,
    health: Mutex<Health>,
}

impl Road {
    pub(crate) fn new(gateway: Arc<dyn Gateway>, usage: Usage) -> Arc<Self> {
        let pace = Pace::new(gateway.terms().rate_per_second);
        let Usage { weight, timeout, tasks, caps } = usage;
        gauges(gateway.name(), 1.0, pace.rate());
        Arc::new(Self {
            gateway,
            timeout,
            pace,
            walls: Bulkhead::new(tasks),
            weight: weight.max(1),
            caps,
            paused: AtomicBool::new(false),
            health: Mutex::new(Health::new(timeout / 2)),
        })
    }

    pub fn name(&self) -> &str {
        self.gateway.name()
    }

    /// Whether an operator has stopped its use.
    pub fn is_paused(&self) -> bool {
        self.paused.load(Ordering::Acquire)
    }

    /// True when this changes something.
    pub(crate) fn pause(&self, paused: bool) -> bool {
        metrics::gauge!("mashang_gateway_paused", "gateway" => self.name().to_owned())
            .set(f64::from(u8::from(paused)));
        self.paused.swap(paused, Ordering::AcqRel) != paused
    }

    /// Whether this template may be sent here now.
    pub fn admission(&self, template: &str, now: Instant) -> Admission {
        self.health().admission(template, now)
    }

    /// Takes the probe; false when somebody else has it.
    pub fn take_probe(&self, now: Instant) -> bool {
        self.health().take_probe(now)
    }

    /// Learns from one call that took `took` and has ended.
    pub fn observe(&self, template: &str, outcomes: &[Outcome], took: Duration) {
        let now = Instant::now();
        let (turn, share) = {
            let mut health = self.health();
            (health.observe(template, outcomes, took, now), health.share(now))
        };
        match turn {
            Turn::Returned => self.pace.begin_again(),
            Turn::None => {}
        }
        self.adapt(outcomes);
        gauges(self.name(), share, self.pace.rate());
    }

    fn adapt(&self, outcomes: &[Outcome]) {
        for outcome in outcomes {
            if let Outcome::Rejected { class: ErrorClass::Throttled, retry_after_ms, .. } = outcome {
                let asked = retry_after_ms.and_then(|ms| u64::try_from(ms).ok());
                return self.pace.slow_down(asked.map_or(DEFAULT_PAUSE, Duration::from_millis));
            }
        }
        if outcomes.iter().any(|outcome| matches!(outcome, Outcome::Accepted { .. })) {
            self.pace.accepted();
        }
    }

    fn health(&self) -> MutexGuard<'_, Health> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The part of its share that a gateway gets now, and its calls a second.
fn gauges(name: &str, share: f64, rate: f64) {
    let open = f64::from(u8::from(share > 0.0));
    metrics::gauge!("mashang_gateway_open", "gateway" => name.to_owned()).set(open);
    metrics::gauge!("mashang_gateway_share", "gateway" => name.to_owned()).set(share);
    metrics::gauge!("mashang_gateway_rate", "gateway" => name.to_owned()).set(rate);
}
