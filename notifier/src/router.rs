//! Which gateway a message takes.
//!
//! Among the gateways of its channel that are well and not paused: the first in the order of the settings while all
//! weights are equal, else one by chance according to the weights. One that returns from failures, or that is slow, gets
//! a part of its share only, see [`crate::health`]. Health is this process's own opinion, a pause is everybody's.

use std::sync::Arc;
use std::time::Duration;

use mashang_config::GatewaySettings;
use mashang_domain::delivery::{Channel, NumberCaps};
use tokio::time::Instant;

use crate::bulkhead::tasks_per_gateway;
use crate::drill::DrillGateway;
use crate::gateway::{Gateway, caps};
use crate::health::Admission;
use crate::road::{Road, Usage};

const DEFAULT_TIMEOUT: Duration = Duration::from_millis(4_000);

/// What a message wants of its gateway.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    pub channel: Channel,
    pub template: &'a str,
    pub drill: bool,
    /// Gateways that it must not take: they refused it in this claim, or have no room.
    pub not: &'a [String],
}

/// Where a message goes.
#[derive(Debug, Clone)]
pub enum Choice {
    Road(Arc<Road>),
    /// One message, as the probe of a gateway that was shut.
    Probe(Arc<Road>),
    /// Every gateway of the channel is shut for so long; the first one is named for those who cannot wait.
    Shut(Arc<Road>, Duration),
    /// An operator has paused every gateway of the channel that is left.
    Paused,
    /// There is no (other) gateway of this channel.
    None,
}

/// How many gateways are paused now that were not, and the other way round.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Changed {
    pub paused: usize,
    pub resumed: usize,
}

/// What all roads keep to.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// No call is expected to take longer, or a lease would never suffice for it.
    pub longest: Duration,
    /// Tasks that may work for alerts at once.
    pub workers: usize,
}

/// All roads of this process.
#[derive(Debug)]
pub struct Router {
    roads: Vec<Arc<Road>>,
    drill: Vec<Arc<Road>>,
}

impl Router {
    /// `settings` gives weights and time-outs by name; a gateway that stands in none of them gets the defaults.
    pub fn new(gateways: Vec<Arc<dyn Gateway>>, settings: &[GatewaySettings], bounds: Bounds) -> Self {
        let Bounds { longest, workers } = bounds;
        let tasks = tasks_per_gateway(workers, gateways.len());
        let roads = gateways.into_iter().map(|gateway| {
            let table = settings.iter().find(|s| s.name == gateway.name());
            let timeout = table.map_or(DEFAULT_TIMEOUT, |s| Duration::from_millis(s.timeout_ms));
            let usage = Usage {
                weight: table.map_or(1, |s| s.weight),
                timeout: timeout.min(longest),
                tasks,
                caps: table.map(caps::of).unwrap_or_default(),
            };
            Road::new(gateway, usage)
        });
        let stub = |channel| -> Arc<dyn Gateway> { Arc::new(DrillGateway::new(channel)) };
        let caps = NumberCaps::default();
        let usage = Usage { weight: 1, timeout: DEFAULT_TIMEOUT.min(longest), tasks: workers.max(1), caps };
        let drill = Channel::ALL.iter().map(|channel| Road::new(stub(*channel), usage));
        Self { roads: roads.collect(), drill: drill.collect() }
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
        all.filter(|road| road.gateway.terms().idempotent).map(|road| road.name().to_owned()).collect()
    }

    /// Whether some provider caps what one number may get.
    pub fn caps_numbers(&self) -> bool {
        self.roads.iter().any(|road| !road.caps.is_none())
    }

    /// Pauses exactly these gateways.
    pub fn pause_only(&self, names: &[String]) -> Changed {
        let mut changes = Changed::default();
        for road in &self.roads {
            let paused = names.iter().any(|name| name == road.name());
            if road.pause(paused) {
                tracing::info!(gateway = road.name(), paused, "an operator changed the use of a gateway");
                *(if paused { &mut changes.paused } else { &mut changes.resumed }) += 1;
            }
        }
        changes
    }

    /// Chooses by `random` in 0..1.
    pub fn choose(&self, wanted: &Wanted<'_>, random: f64) -> Choice {
        let now = Instant::now();
        let all = if wanted.drill { &self.drill } else { &self.roads };
        let fits = |road: &&Arc<Road>| {
            road.gateway.channel() == wanted.channel && !wanted.not.iter().any(|name| name == road.name())
        };
        let mut some = false;
        let (mut open, mut soonest) = (Vec::new(), None::<(Instant, &Arc<Road>)>);
        for road in all.iter().filter(fits) {
            some = true;
            if road.is_paused() {
                continue;
            }
            match road.admission(wanted.template, now) {
                Admission::Open(share) => open.push((road, share)),
                // The probe is worth one message, whoever is well beside it.
                Admission::Probe if road.take_probe(now) => return Choice::Probe(Arc::clone(road)),
                Admission::Probe => {}
                Admission::Shut(until) => {
                    if soonest.is_none_or(|(end, _)| until < end) {
                        soonest = Some((until, road));
                    }
                }
            }
        }
        match (pick(&open, random), soonest) {
            (Some(road), _) => Choice::Road(Arc::clone(road)),
            (None, Some((until, road))) => {
                Choice::Shut(Arc::clone(road), until.saturating_duration_since(now))
            }
            (None, None) if some => Choice::Paused,
            (None, None) => Choice::None,
        }
    }
}

/// One of the open roads; the shares lie in 0..=1.
fn pick<'a>(roads: &[(&'a Arc<Road>, f64)], random: f64) -> Option<&'a Arc<Road>> {
    let (first, _) = roads.first()?;
    if roads.iter().all(|(road, _)| road.weight == first.weight) {
        return in_order(roads, random);
    }
    let part = |(road, share): &(&Arc<Road>, f64)| f64::from(road.weight) * share;
    let mut left = random * roads.iter().map(part).sum::<f64>();
    for road in roads {
        left -= part(road);
        if left < 0.0 {
            return Some(road.0);
        }
    }
    roads.last().map(|(road, _)| *road)
}

/// The first one takes all but what its share leaves, and so on; when nobody takes it, who has the largest share.
fn in_order<'a>(roads: &[(&'a Arc<Road>, f64)], random: f64) -> Option<&'a Arc<Road>> {
    let mut left = random;
    for (road, share) in roads {
        if left < *share {
            return Some(road);
        }
        left = (left - share) / (1.0 - share).max(f64::EPSILON);
    }
    roads.iter().rev().max_by(|a, b| a.1.total_cmp(&b.1)).map(|(road, _)| *road)
}

#[cfg(test)]
mod tests {
    use mashang_domain::delivery::{ErrorClass, Outcome};

    use super::*;
    use crate::health::{FAILURE_PAUSE, FAILURES, REFUSED_PAUSE, RETURN};

    const BOUNDS: Bounds = Bounds { longest: DEFAULT_TIMEOUT, workers: 8 };

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
        Router::new(settings.iter().map(gateway).collect(), &settings, BOUNDS)
    }

    fn chosen(router: &Router, not: &[String], random: f64) -> String {
        let wanted = Wanted { channel: Channel::Sms, template: "alert_1", drill: false, not };
        match router.choose(&wanted, random) {
            Choice::Road(road) => road.name().to_owned(),
            Choice::Probe(road) => format!("probe:{}", road.name()),
            Choice::Shut(road, _) => format!("shut:{}", road.name()),
            Choice::Paused => "paused".to_owned(),
            Choice::None => "none".to_owned(),
        }
    }

    fn fail(road: &Road) {
        for _ in 0..FAILURES {
            road.observe("alert_1", &[Outcome::unknown("timeout")], Duration::ZERO);
        }
    }

    fn take(road: &Road) {
        road.observe("alert_1", &[Outcome::Accepted { provider_id: "p".into() }], Duration::ZERO);
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
        let (a, b) = (&router.roads()[0], &router.roads()[1]);
        a.observe("alert_2", &refused(ErrorClass::Configuration), Duration::ZERO);
        assert_eq!(chosen(&router, &[], 0.0), "a", "another template was refused");
        a.observe("alert_1", &refused(ErrorClass::Account), Duration::ZERO);
        assert_eq!(chosen(&router, &[], 0.0), "b");
        fail(b);
        assert_eq!(chosen(&router, &[], 0.0), "shut:b", "it is open before the other one");
        tokio::time::advance(FAILURE_PAUSE).await;
        assert_eq!(chosen(&router, &[], 0.0), "probe:b");
        assert_eq!(chosen(&router, &[], 0.0), "shut:b", "one probe, and no second beside it");
        take(b);
        assert_eq!(chosen(&router, &[], 0.0), "b");
        tokio::time::advance(REFUSED_PAUSE).await;
        assert_eq!(chosen(&router, &[], 0.0), "probe:a");
    }

    #[tokio::test(start_paused = true)]
    async fn traffic_fails_over_and_comes_back_by_and_by() {
        let router = router(&[("a", 1), ("b", 1)]);
        let a = &router.roads()[0];
        let part_of_a = || {
            let all = (0_u32..100).map(|n| chosen(&router, &[], f64::from(n) / 100.0));
            all.filter(|name| name == "a").count()
        };
        assert_eq!(part_of_a(), 100);
        fail(a);
        assert_eq!(part_of_a(), 0);
        tokio::time::advance(FAILURE_PAUSE).await;
        assert_eq!(chosen(&router, &[], 0.5), "probe:a");
        assert_eq!(part_of_a(), 0, "until the probe is answered");
        take(a);
        let mut seen = Vec::new();
        for _ in 0..=4 {
            seen.push(part_of_a());
            tokio::time::advance(RETURN / 4).await;
        }
        assert!(seen[0] <= 11 && seen[4] == 100, "{seen:?}");
        assert!(seen.is_sorted(), "{seen:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn weights_count_with_their_shares() {
        let router = router(&[("a", 3), ("b", 1)]);
        let a = &router.roads()[0];
        fail(a);
        tokio::time::advance(FAILURE_PAUSE).await;
        assert_eq!(chosen(&router, &[], 0.0), "probe:a");
        take(a);
        // Three parts, of which a tenth is back, against one.
        let of: Vec<_> = [0.2, 0.25].iter().map(|r| chosen(&router, &[], *r)).collect();
        assert_eq!(of, ["a", "b"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_holds_for_everything_until_it_ends() {
        let router = router(&[("a", 1), ("b", 1)]);
        assert_eq!(router.pause_only(&["a".into(), "c".into()]), Changed { paused: 1, resumed: 0 });
        assert_eq!(chosen(&router, &[], 0.0), "b");
        fail(&router.roads()[1]);
        assert_eq!(chosen(&router, &[], 0.0), "shut:b");
        assert_eq!(chosen(&router, &["b".into()], 0.0), "paused");
        assert_eq!(router.pause_only(&["a".into(), "b".into()]), Changed { paused: 1, resumed: 0 });
        assert_eq!(chosen(&router, &[], 0.0), "paused");
        assert_eq!(router.pause_only(&[]), Changed { paused: 0, resumed: 2 });
        assert_eq!(chosen(&router, &[], 0.0), "a");
    }

    #[tokio::test(start_paused = true)]
    async fn drills_have_their_own_roads() {
        let router = router(&[("a", 1)]);
        let wanted = Wanted { channel: Channel::Voice, template: "alert_3", drill: true, not: &[] };
        let Choice::Road(road) = router.choose(&wanted, 0.0) else { panic!("a road") };
        assert_eq!(road.name(), "drill-voice");
    }
}
