//! Which gateway each message takes, and which share a call.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use mashang_domain::delivery::DeliveryState;
use mashang_domain::time::HOUR;
use mashang_infra::store::delivery::{NewAttempt, Settled};

use super::{Item, Plan, Planned, Planner, call, ended};
use crate::bulkhead::{Berths, FULL_PAUSE};
use crate::gateway::{Batch, TemplateKey};
use crate::road::Road;
use crate::router::{Choice, Wanted};

/// Why a delivery waits, in its `code`.
pub(crate) const GATEWAYS_SHUT: &str = "gateways_closed";
pub(crate) const GATEWAYS_PAUSED: &str = "gateways_paused";
pub(crate) const GATEWAYS_FULL: &str = "gateways_full";
const NUMBER_CAPPED: &str = "number_capped";
/// How long a message waits for a place in the provider's count of its number; above, it is given up.
const CAP_WAIT: i64 = HOUR;
/// How long a warning waits at a time whose gateways are paused; the end of the pause wakes it.
pub(crate) const PAUSED_WAIT: Duration = Duration::from_secs(60);
/// How long a login code does.
const LOGIN_PAUSE: Duration = Duration::from_secs(2);

impl Planner<'_> {
    /// Groups items that one call may carry and chooses a gateway for each call.
    pub(crate) fn route(&self, items: Vec<Item>, berths: &Arc<Berths>) -> Plan {
        let mut groups: BTreeMap<_, Vec<Item>> = BTreeMap::new();
        for item in items {
            let key = (
                !item.is_login(),
                !item.row.urgent,
                item.row.channel,
                item.row.template_key.clone(),
                item.row.drill,
                item.tried.clone(),
                item.pinned.clone(),
                item.capped.clone(),
            );
            groups.entry(key).or_default().push(item);
        }
        let mut plan = Plan::default();
        let mut places = Places { berths: Arc::clone(berths), full: Vec::new() };
        for group in groups.into_values() {
            self.route_group(call::sorted(group), &mut places, &mut plan);
        }
        plan
    }

    fn route_group(&self, mut group: VecDeque<Item>, places: &mut Places, plan: &mut Plan) {
        while let Some(first) = group.front() {
            let (road, most, all_the_same) = match self.choice(first, &places.full) {
                Choice::Road(road) => {
                    let most = road.gateway.terms().max_batch.max(1);
                    (road, most, first.is_pinned())
                }
                Choice::Probe(road) => (road, 1, true),
                Choice::Shut(road, _) if first.is_login() => (road, 1, true),
                Choice::Paused if first.is_login() => {
                    return self.put_all_off(group, LOGIN_PAUSE, GATEWAYS_PAUSED, plan);
                }
                // One that is in order has room again in a moment, whatever keeps the others.
                Choice::Shut(..) | Choice::Paused | Choice::None if self.is_full(first, &places.full) => {
                    return self.put_all_off(group, FULL_PAUSE, GATEWAYS_FULL, plan);
                }
                Choice::Shut(_, pause) => return self.put_all_off(group, pause, GATEWAYS_SHUT, plan),
                Choice::Paused => return self.put_all_off(group, PAUSED_WAIT, GATEWAYS_PAUSED, plan),
                Choice::None => {
                    return plan.settled.extend(group.drain(..).map(|item| self.without_gateway(&item)));
                }
            };
            let berth = if first.is_login() { None } else { places.berths.enter(road.name(), &road.walls) };
            if berth.is_none() && !first.is_login() {
                places.full.push(road.name().to_owned());
                continue;
            }
            let most = if first.is_login() { 1 } else { most };
            let count = call::size(&group, most, road.gateway.terms().per_recipient_variables);
            let items: Vec<Item> = group.drain(..count).collect();
            let berths = Arc::clone(&places.berths);
            plan.batches.push(Planned { _berth: berth, berths, all_the_same, ..planned(road, items) });
        }
    }

    /// The gateway of an item, but for those that have no room.
    fn choice(&self, item: &Item, full: &[String]) -> Choice {
        let pinned = item.pinned.as_deref().and_then(|name| self.router.by_name(name));
        match pinned {
            Some(road) if road.is_paused() => return Choice::Paused,
            Some(road) if full.iter().any(|name| name == road.name()) => return Choice::None,
            Some(road) => return Choice::Road(Arc::clone(road)),
            None => {}
        }
        let full = if item.is_login() { &[] } else { full };
        let not = [&item.tried, &item.capped, full].concat();
        let wanted = Wanted {
            channel: item.row.channel,
            template: &item.row.template_key,
            drill: item.row.drill,
            not: &not,
        };
        self.router.choose(&wanted, rand::random())
    }

    /// Whether a gateway that this item could take has no room just now.
    fn is_full(&self, item: &Item, full: &[String]) -> bool {
        let channel = |name: &String| self.router.by_name(name).map(|road| road.gateway.channel());
        full.iter().any(|name| channel(name) == Some(item.row.channel))
    }

    /// Waits for a place in the provider's count of its number when that comes soon; otherwise the ladder goes on.
    fn without_gateway(&self, item: &Item) -> Settled {
        match item.free_at {
            Some(at) if at - self.now <= CAP_WAIT && at < item.row.expires_at => {
                Settled { due_at: at, ..*ended(&item.row, DeliveryState::Pending, NUMBER_CAPPED) }
            }
            Some(_) => *ended(&item.row, DeliveryState::Failed, NUMBER_CAPPED),
            None => *ended(&item.row, DeliveryState::Failed, "no_gateway"),
        }
    }

    fn put_all_off(&self, group: VecDeque<Item>, pause: Duration, why: &str, plan: &mut Plan) {
        let pause = i64::try_from(pause.as_millis()).unwrap_or(i64::MAX).max(1);
        plan.settled.extend(group.into_iter().map(|item| Settled {
            due_at: self.now + pause,
            ..*ended(&item.row, DeliveryState::Pending, why)
        }));
    }
}

/// The places of a task, and the gateways at which it gets none in this plan.
struct Places {
    berths: Arc<Berths>,
    full: Vec<String>,
}

fn planned(road: Arc<Road>, items: Vec<Item>) -> Planned {
    let template = TemplateKey::new(items.first().map_or("", |i| i.row.template_key.as_str()));
    let batch = Batch { template, recipients: items.iter().map(|i| i.recipient.clone()).collect() };
    let sent = road.gateway.sent_references(&batch);
    let attempt = |(item, sent): (&Item, String)| NewAttempt {
        reference: item.recipient.reference.clone(),
        delivery_id: item.row.id,
        epoch: item.row.epoch,
        gateway: road.name().to_owned(),
        batch: sent,
    };
    let attempts = items.iter().zip(sent).map(attempt).collect();
    Planned { road, batch, items, attempts, _berth: None, berths: Arc::default(), all_the_same: false }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use mashang_config::Settings;
    use mashang_domain::delivery::{Channel, Outcome, RungKind};
    use mashang_domain::person::Phone;
    use mashang_domain::time::Timestamp;
    use mashang_entity::delivery;
    use mashang_infra::keys::{KeyFileSecrets, KeyRing};
    use uuid::Uuid;

    use super::*;
    use crate::gateway::{Gateway, LogGateway, Recipient};
    use crate::health::FAILURES;
    use crate::router::{Bounds, Router};

    const NOW: Timestamp = Timestamp(1_581_480_000_000);

    fn settings() -> Settings {
        mashang_config::load_with(None, Vec::new()).expect("the defaults")
    }

    fn keys() -> KeyRing {
        let folder = tempfile::tempdir().expect("a folder");
        KeyRing::from_secrets(&KeyFileSecrets::create(&folder.path().join("keys.toml")).expect("made"))
    }

    /// Gateways of one task each, at most.
    fn router(names: &[&str]) -> Router {
        let now: crate::gateway::Now = Arc::new(|| NOW);
        let gateway = |name: &&str| -> Arc<dyn Gateway> {
            let table = serde_json::json!({ "name": name, "kind": "log" });
            let table = serde_json::from_value(table).expect("a table");
            Arc::new(LogGateway::new(&table, Channel::Sms, Arc::clone(&now)).expect("made"))
        };
        let bounds = Bounds { longest: Duration::from_secs(4), workers: 2 };
        Router::new(names.iter().map(gateway).collect(), &[], bounds)
    }

    fn item(n: usize, kind: RungKind) -> Item {
        let template = if kind == RungKind::Login { "login" } else { "alert_1" };
        let row = delivery::Model {
            id: Uuid::from_u128(n as u128),
            alert_id: None,
            notice_id: None,
            login_id: None,
            person_id: None,
            staff_id: None,
            level: 1,
            rung: 0,
            rung_kind: kind,
            channel: Channel::Sms,
            template_key: template.to_owned(),
            variables: serde_json::json!({}),
            urgent: false,
            drill: false,
            state: DeliveryState::Sending,
            due_at: NOW,
            expires_at: NOW + HOUR,
            tries: 0,
            epoch: 1,
            lease_owner: None,
            lease_until: None,
            gateway: None,
            provider_id: None,
            code: None,
            possible_duplicates: 0,
            created_at: NOW,
            accepted_at: None,
            settled_at: None,
        };
        let recipient = Recipient {
            to: Phone::parse(&format!("154{n:08}")).expect("parses").into(),
            reference: format!("r{n}"),
            variables: Vec::new(),
            text: String::new(),
        };
        Item {
            row,
            recipient,
            decided_at: None,
            tried: Vec::new(),
            pinned: None,
            capped: Vec::new(),
            free_at: None,
        }
    }

    fn shut(road: &Road) {
        for _ in 0..FAILURES {
            road.observe("alert_1", &[Outcome::unknown("timeout")], Duration::ZERO);
        }
    }

    /// Why messages wait, and for how many milliseconds.
    type Waits = Vec<(String, i64)>;
    /// Gateways, and the messages that their calls carry.
    type Calls = Vec<(String, usize)>;

    /// What three warnings and a login code come to.
    fn routed(router: &Router) -> (Waits, Calls) {
        let (settings, keys) = (settings(), keys());
        let planner = Planner { settings: &settings, keys: &keys, router, now: NOW };
        let items = [RungKind::Sms, RungKind::Sms, RungKind::Sms, RungKind::Login];
        let items = items.into_iter().enumerate().map(|(n, kind)| item(n, kind)).collect();
        let plan = planner.route(items, &Arc::default());
        let waits = plan.settled.into_iter().map(|s| (s.code.unwrap_or_default(), s.due_at - NOW)).collect();
        let calls = plan.batches.iter().map(|b| (b.road.name().to_owned(), b.items.len())).collect();
        (waits, calls)
    }

    #[tokio::test(start_paused = true)]
    async fn messages_wait_for_the_full_gateway_and_not_for_the_shut_one() {
        let full = i64::try_from(FULL_PAUSE.as_millis()).expect("fits");
        let router = router(&["a", "b"]);
        let (a, b) = (&router.roads()[0], &router.roads()[1]);
        shut(a);
        let (waits, calls) = routed(&router);
        assert_eq!((waits, calls), (vec![], vec![("b".to_owned(), 1), ("b".to_owned(), 3)]));
        // Calls that wait for their turn keep their tasks in: one that is at its limit is full.
        let berth = b.walls.enter();
        let (waits, calls) = routed(&router);
        assert_eq!(waits, vec![(GATEWAYS_FULL.to_owned(), full); 3], "ten seconds for the shut one");
        assert_eq!(calls, [("b".to_owned(), 1)], "a login code needs no place");
        drop(berth);
        assert_eq!(routed(&router).0, vec![]);
        shut(b);
        let (waits, _) = routed(&router);
        assert!(waits.iter().all(|(code, wait)| code == GATEWAYS_SHUT && *wait > full), "{waits:?}");
        assert_eq!(waits.len(), 3);
    }
}
