//! Which gateway a message takes.
//!
//! Among the healthy gateways of its channel: the first in the order of the settings while all weights are equal, else
//! one by chance according to the weights. A gateway whose account is refused, or that fails again and again, is left
//! alone for a while; a template that it refuses is left alone at that gateway. Health is this process's own opinion.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mashang_config::GatewaySettings;
use mashang_domain::delivery::{Channel, ErrorClass, Outcome};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::drill::DrillGateway;
use crate::gateway::Gateway;
use crate::pace::Pace;

/// How long an account refusal closes a gateway, and a configuration refusal one of its templates.
const REFUSED_PAUSE: Duration = Duration::from_secs(60);
/// Failed calls in a row that close a gateway, and for how long; the first call after that is the probe.
const FAILURES: u32 = 5;
const FAILURE_PAUSE: Duration = Duration::from_secs(10);
/// Calls that may be under way at one gateway, so that a slow one does not hold all workers.
const CALLS: usize = 128;
const DEFAULT_TIMEOUT: Duration = Duration::from_millis(4_000);
const DEFAULT_PAUSE: Duration = Duration::from_secs(1);

/// A gateway with what we know of it.
#[derive(Debug)]
pub struct Road {
    pub gateway: Arc<dyn Gateway>,
    /// The longest one call may take.
    pub timeout: Duration,
    pub pace: Pace,
    pub calls: Semaphore,
    weight: u32,
    paused: AtomicBool,
    health: Mutex<Health>,
}

#[derive(Debug, Default)]
struct Health {
    failures: u32,
    closed_until: Option<Instant>,
    templates: HashMap<String, Instant>,
}

impl Road {
    fn new(gateway: Arc<dyn Gateway>, weight: u32, timeout: Duration) -> Arc<Self> {
        let pace = Pace::new(gateway.rate_per_second());
        Arc::new(Self {
            gateway,
            timeout,
            pace,
            calls: Semaphore::new(CALLS),
            weight: weight.max(1),
            paused: AtomicBool::new(false),
            health: Mutex::default(),
        })
    }

    pub fn name(&self) -> &str {
        self.gateway.name()
    }

    /// When this template may be sent here; `None` = now.
    fn closed_until(&self, template: &str, now: Instant) -> Option<Instant> {
        if self.paused.load(Ordering::Acquire) {
            return Some(now + REFUSED_PAUSE);
        }
        let health = self.health();
        let ends = [health.closed_until, health.templates.get(template).copied()];
        ends.into_iter().flatten().filter(|end| *end > now).max()
    }

    /// Learns from the outcomes of one call.
    pub fn observe(&self, template: &str, outcomes: &[Outcome]) {
        let now = Instant::now();
        let mut health = self.health();
        let mut failed = !outcomes.is_empty();
        for outcome in outcomes {
            match outcome {
                Outcome::Accepted { .. } => failed = false,
                Outcome::Unknown { .. } => {}
                Outcome::Rejected { class, retry_after_ms, .. } => match class {
                    ErrorClass::Retry => {}
                    ErrorClass::NumberInvalid | ErrorClass::FrequencyLimited => failed = false,
                    ErrorClass::Throttled => {
                        failed = false;
                        let asked = retry_after_ms.and_then(|ms| u64::try_from(ms).ok());
                        self.pace.slow_down(asked.map_or(DEFAULT_PAUSE, Duration::from_millis));
                    }
                    ErrorClass::Account => health.closed_until = Some(now + REFUSED_PAUSE),
                    ErrorClass::Configuration => {
                        health.templates.insert(template.to_owned(), now + REFUSED_PAUSE);
                    }
                },
            }
        }
        health.failures = if failed { health.failures + 1 } else { 0 };
        if health.failures >= FAILURES {
            health.closed_until = health.closed_until.max(Some(now + FAILURE_PAUSE));
        }
        let open = f64::from(u8::from(health.closed_until.is_none_or(|end| end <= now)));
        metrics::gauge!("mashang_gateway_open", "gateway" => self.name().to_owned()).set(open);
    }

    fn health(&self) -> MutexGuard<'_, Health> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a message wants of its gateway.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    pub channel: Channel,
    pub template: &'a str,
    pub drill: bool,
    /// Gateways that refused it in this claim.
    pub tried: &'a [String],
}

/// Where a message goes.
#[derive(Debug, Clone)]
pub enum Choice {
    Road(Arc<Road>),
    /// Every gateway of the channel is closed for so long; the first one is named for those who cannot wait.
    Closed(Arc<Road>, Duration),
    /// There is no (other) gateway of this channel.
    None,
}

/// All roads of this process.
#[derive(Debug)]
pub struct Router {
    roads: Vec<Arc<Road>>,
    drill: Vec<Arc<Road>>,
}

impl Router {
    /// `settings` gives weights and time-outs by name; a gateway that stands in none of them gets the defaults. No call
    /// is expected to take longer than `longest`, or a lease would never suffice for it.
    pub fn new(gateways: Vec<Arc<dyn Gateway>>, settings: &[GatewaySettings], longest: Duration) -> Self {
        let roads = gateways.into_iter().map(|gateway| {
            let table = settings.iter().find(|s| s.name == gateway.name());
            let timeout = table.map_or(DEFAULT_TIMEOUT, |s| Duration::from_millis(s.timeout_ms));
            Road::new(gateway, table.map_or(1, |s| s.weight), timeout.min(longest))
        });
        let stub = |channel| -> Arc<dyn Gateway> { Arc::new(DrillGateway::new(channel)) };
        let drill =
            [Channel::Sms, Channel::Voice].map(|c| Road::new(stub(c), 1, DEFAULT_TIMEOUT.min(longest)));
        Self { roads: roads.collect(), drill: drill.to_vec() }
    }

    pub fn roads(&self) -> &[Arc<Road>] {
        &self.roads
    }

    pub fn by_name(&self, name: &str) -> Option<&Arc<Road>> {
        self.roads.iter().chain(&self.drill).find(|road| road.name() == name)
    }

    /// The gateways at which a resend under the same reference is harmless.
    pub fn idempotent(&self) -> Vec<String> {
        let all = self.roads.iter().chain(&self.drill);
        all.filter(|road| road.gateway.idempotent()).map(|road| road.name().to_owned()).collect()
    }

    /// Stops or resumes the use of a gateway by this process. False when there is none of this name.
    pub fn pause(&self, name: &str, paused: bool) -> bool {
        let road = self.roads.iter().find(|road| road.name() == name);
        road.inspect(|road| road.paused.store(paused, Ordering::Release)).is_some()
    }

    /// Chooses by `random` in 0..1.
    pub fn choose(&self, wanted: &Wanted<'_>, random: f64) -> Choice {
        let now = Instant::now();
        let all = if wanted.drill { &self.drill } else { &self.roads };
        let fits = |road: &&Arc<Road>| {
            road.gateway.channel() == wanted.channel && !wanted.tried.iter().any(|name| name == road.name())
        };
        let candidates: Vec<&Arc<Road>> = all.iter().filter(fits).collect();
        let (open, closed): (Vec<_>, Vec<_>) =
            candidates.into_iter().partition(|road| road.closed_until(wanted.template, now).is_none());
        if let Some(road) = pick(&open, random) {
            return Choice::Road(Arc::clone(road));
        }
        let soonest = closed.into_iter().min_by_key(|road| road.closed_until(wanted.template, now));
        soonest.map_or(Choice::None, |road| {
            let end = road.closed_until(wanted.template, now).unwrap_or(now);
            Choice::Closed(Arc::clone(road), end.saturating_duration_since(now))
        })
    }
}

fn pick<'a>(roads: &[&'a Arc<Road>], random: f64) -> Option<&'a Arc<Road>> {
    let first = roads.first()?;
    if roads.iter().all(|road| road.weight == first.weight) {
        return Some(first);
    }
    let mut left = random * roads.iter().map(|road| f64::from(road.weight)).sum::<f64>();
    for road in roads {
        left -= f64::from(road.weight);
        if left < 0.0 {
            return Some(road);
        }
    }
    roads.last().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(names: &[(&str, u32)]) -> Vec<GatewaySettings> {
        let table = |(name, weight): &(&str, u32)| {
            let table = serde_json::json!({ "name": name, "kind": "log", "weight": weight });
            serde_json::from_value(table).expect("a table")
        };
        names.iter().map(table).collect()
    }

    fn router(names: &[(&str, u32)]) -> Router {
        let now: crate::gateway::Now = Arc::new(|| mashang_domain::time::Timestamp(0));
        let settings = settings(names);
        let gateway = |s: &GatewaySettings| -> Arc<dyn Gateway> {
            Arc::new(crate::gateway::LogGateway::new(s, Channel::Sms, Arc::clone(&now)).expect("made"))
        };
        Router::new(settings.iter().map(gateway).collect(), &settings, DEFAULT_TIMEOUT)
    }

    fn chosen(router: &Router, tried: &[String], random: f64) -> String {
        let wanted = Wanted { channel: Channel::Sms, template: "alert_1", drill: false, tried };
        match router.choose(&wanted, random) {
            Choice::Road(road) => road.name().to_owned(),
            Choice::Closed(road, _) => format!("closed:{}", road.name()),
            Choice::None => "none".to_owned(),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn equal_weights_mean_order_and_others_shares() {
        let order = router(&[("a", 1), ("b", 1)]);
        assert_eq!((chosen(&order, &[], 0.9), chosen(&order, &["a".into()], 0.9)), ("a".into(), "b".into()));
        assert_eq!(chosen(&order, &["a".into(), "b".into()], 0.0), "none");
        let shares = router(&[("a", 3), ("b", 1)]);
        let of: Vec<_> = [0.0, 0.74, 0.76].iter().map(|r| chosen(&shares, &[], *r)).collect();
        assert_eq!(of, ["a", "a", "b"]);
    }

    #[tokio::test(start_paused = true)]
    async fn refused_accounts_and_failing_gateways_are_left_alone() {
        let router = router(&[("a", 1), ("b", 1)]);
        let refused = |class| [Outcome::rejected(class, "x")];
        router.roads()[0].observe("alert_2", &refused(ErrorClass::Configuration));
        assert_eq!(chosen(&router, &[], 0.0), "a", "another template was refused");
        router.roads()[0].observe("alert_1", &refused(ErrorClass::Account));
        assert_eq!(chosen(&router, &[], 0.0), "b");
        for _ in 0..FAILURES {
            router.roads()[1].observe("alert_1", &[Outcome::unknown("timeout")]);
        }
        assert_eq!(chosen(&router, &[], 0.0), "closed:b");
        tokio::time::advance(FAILURE_PAUSE).await;
        assert_eq!(chosen(&router, &[], 0.0), "b");
        tokio::time::advance(REFUSED_PAUSE).await;
        assert_eq!(chosen(&router, &[], 0.0), "a");
        assert!(router.pause("a", true) && !router.pause("c", true));
        assert_eq!(chosen(&router, &[], 0.0), "b");
    }

    #[tokio::test(start_paused = true)]
    async fn drills_have_their_own_roads() {
        let router = router(&[("a", 1)]);
        let wanted = Wanted { channel: Channel::Voice, template: "alert_3", drill: true, tried: &[] };
        let Choice::Road(road) = router.choose(&wanted, 0.0) else { panic!("a road") };
        assert_eq!(road.name(), "drill-voice");
    }
}
