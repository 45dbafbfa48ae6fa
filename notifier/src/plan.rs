//! From claimed rows to batches: numbers are opened, texts are filled, gateways are chosen. No I/O happens here, so that
//! it can stand between the claim and the attempt in one transaction.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use data_encoding::BASE32_NOPAD;
use mashang_config::Settings;
use mashang_domain::delivery::{Channel, DeliveryState, RungKind};
use mashang_domain::person::{Phone, login};
use mashang_domain::protection::audit::Purpose;
use mashang_domain::time::Timestamp;
use mashang_entity::{delivery, login_code, person};
use mashang_infra::keys::{Field, KeyRing};
use mashang_infra::store::delivery::{NewAttempt, Settled, Unanswered};
use uuid::Uuid;

use crate::bulkhead::{Berth, FULL_PAUSE};
use crate::gateway::{Batch, Recipient, TemplateKey};
use crate::road::Road;
use crate::router::{Choice, Router, Wanted};
use crate::text::{Text, text_of};

/// Why a delivery waits, in its `code`.
pub(crate) const GATEWAYS_SHUT: &str = "gateways_closed";
pub(crate) const GATEWAYS_PAUSED: &str = "gateways_paused";
const GATEWAYS_FULL: &str = "gateways_full";
/// How long a warning waits at a time whose gateways are paused; the end of the pause wakes it.
pub(crate) const PAUSED_WAIT: Duration = Duration::from_secs(60);
/// How long a login code does.
const LOGIN_PAUSE: Duration = Duration::from_secs(2);

/// One delivery with everything its gateway needs.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    pub(crate) row: delivery::Model,
    pub(crate) recipient: Recipient,
    /// When its alert was approved.
    pub(crate) decided_at: Option<Timestamp>,
    /// Gateways that refused it in this claim.
    pub(crate) tried: Vec<String>,
    /// The gateway that may have had it already, under the same reference.
    pinned: Option<String>,
}

impl Item {
    pub(crate) fn is_login(&self) -> bool {
        self.row.rung_kind == RungKind::Login
    }

    /// Lets it go to another gateway.
    pub(crate) fn unpin(&mut self) {
        self.pinned = None;
    }
}

/// A batch on its road. Its items and the recipients of its batch are in the same order.
#[derive(Debug)]
pub(crate) struct Planned {
    pub(crate) road: Arc<Road>,
    pub(crate) batch: Batch,
    pub(crate) items: Vec<Item>,
    pub(crate) attempts: Vec<NewAttempt>,
    /// The place of this task at the gateway; a login code needs none.
    pub(crate) _berth: Option<Berth>,
}

/// What was read for a claim.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    pub(crate) people: HashMap<Uuid, person::Model>,
    pub(crate) logins: HashMap<Uuid, login_code::Model>,
    pub(crate) unanswered: HashMap<Uuid, Unanswered>,
    pub(crate) decided: HashMap<Uuid, Option<Timestamp>>,
}

/// What a claim leads to.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(crate) batches: Vec<Planned>,
    /// Deliveries that need no call.
    pub(crate) settled: Vec<Settled>,
}

/// What planning needs beside the rows.
pub(crate) struct Planner<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) keys: &'a KeyRing,
    pub(crate) router: &'a Router,
    pub(crate) now: Timestamp,
}

impl Planner<'_> {
    pub(crate) fn plan(&self, rows: Vec<delivery::Model>, facts: &Facts) -> Plan {
        let mut plan = Plan::default();
        let mut items = Vec::with_capacity(rows.len());
        for row in rows {
            match self.item(row, facts) {
                Ok(item) => items.push(item),
                Err(settled) => plan.settled.push(*settled),
            }
        }
        let routed = self.route(items);
        plan.batches = routed.batches;
        plan.settled.extend(routed.settled);
        plan
    }

    /// Opens the number and fills the text of one row; one that cannot be sent does not stop the others.
    fn item(&self, row: delivery::Model, facts: &Facts) -> Result<Item, Box<Settled>> {
        let (phone, code) = match row.login_id {
            Some(id) => self.of_login(&row, facts.logins.get(&id))?,
            None => (self.of_person(&row, row.person_id.and_then(|id| facts.people.get(&id)))?, None),
        };
        let Text { variables, text } = text_of(self.settings, &row, code.as_deref()).map_err(|error| {
            tracing::error!(delivery.id = %row.id, %error, "a delivery has no text");
            ended(&row, DeliveryState::Failed, "template")
        })?;
        let before = facts.unanswered.get(&row.id).filter(|u| {
            row.epoch > 1 && self.router.by_name(&u.gateway).is_some_and(|road| road.gateway.idempotent())
        });
        let reference = before.map_or_else(new_reference, |u| u.reference.clone());
        Ok(Item {
            recipient: Recipient { phone, reference, variables, text },
            decided_at: row.alert_id.and_then(|id| facts.decided.get(&id).copied().flatten()),
            tried: Vec::new(),
            pinned: before.map(|u| u.gateway.clone()),
            row,
        })
    }

    fn of_person(
        &self,
        row: &delivery::Model,
        person: Option<&person::Model>,
    ) -> Result<Phone, Box<Settled>> {
        let person = person.ok_or_else(|| ended(row, DeliveryState::Unreachable, "no_person"))?;
        let (field, id) = (Field::PersonPhone, person.id);
        let opened =
            self.keys.open_phone(field, id, person.key_version, &person.phone_sealed, Purpose::Alert);
        opened.map_err(|error| {
            tracing::error!(delivery.id = %row.id, %error, "the number of a person does not open");
            ended(row, DeliveryState::Failed, "number_does_not_open")
        })
    }

    fn of_login(
        &self,
        row: &delivery::Model,
        login: Option<&login_code::Model>,
    ) -> Result<(Phone, Option<String>), Box<Settled>> {
        let wanted =
            |l: &&login_code::Model| l.used_at.is_none() && l.burnt_at.is_none() && l.expires_at > self.now;
        let request =
            login.filter(wanted).ok_or_else(|| ended(row, DeliveryState::Cancelled, "code_not_wanted"))?;
        let (field, id) = (Field::LoginPhone, request.id);
        let opened =
            self.keys.open_phone(field, id, request.key_version, &request.phone_sealed, Purpose::SignIn);
        let phone = opened.map_err(|error| {
            tracing::error!(delivery.id = %row.id, %error, "the number of a login code does not open");
            ended(row, DeliveryState::Failed, "number_does_not_open")
        })?;
        Ok((phone, Some(login::code_of(&self.keys.login_key(), request.id))))
    }

    /// Groups items that one call may carry and chooses a gateway for each call.
    pub(crate) fn route(&self, items: Vec<Item>) -> Plan {
        let mut groups: BTreeMap<_, VecDeque<Item>> = BTreeMap::new();
        for item in items {
            let key = (
                !item.is_login(),
                !item.row.urgent,
                item.row.channel,
                item.row.template_key.clone(),
                item.recipient.variables.clone(),
                item.row.drill,
                item.tried.clone(),
                item.pinned.clone(),
            );
            groups.entry(key).or_default().push_back(item);
        }
        let mut plan = Plan::default();
        let mut berths = Berths::default();
        for group in groups.into_values() {
            self.route_group(group, &mut berths, &mut plan);
        }
        plan
    }

    fn route_group(&self, mut group: VecDeque<Item>, berths: &mut Berths, plan: &mut Plan) {
        while let Some(first) = group.front() {
            let (road, most) = match self.choice(first, &berths.full) {
                Choice::Road(road) => {
                    let most = road.gateway.max_batch().max(1);
                    (road, most)
                }
                Choice::Probe(road) => (road, 1),
                Choice::Shut(road, _) if first.is_login() => (road, 1),
                Choice::Shut(_, pause) => return self.put_all_off(group, pause, GATEWAYS_SHUT, plan),
                Choice::Paused if first.is_login() => {
                    return self.put_all_off(group, LOGIN_PAUSE, GATEWAYS_PAUSED, plan);
                }
                Choice::Paused => return self.put_all_off(group, PAUSED_WAIT, GATEWAYS_PAUSED, plan),
                Choice::None if !berths.full.is_empty() => {
                    return self.put_all_off(group, FULL_PAUSE, GATEWAYS_FULL, plan);
                }
                Choice::None => {
                    let none = |item: Item| *ended(&item.row, DeliveryState::Failed, "no_gateway");
                    return plan.settled.extend(group.drain(..).map(none));
                }
            };
            let berth = if first.is_login() { None } else { berths.enter(&road) };
            if berth.is_none() && !first.is_login() {
                continue;
            }
            let most = if first.is_login() { 1 } else { most };
            let items: Vec<Item> = group.drain(..most.min(group.len())).collect();
            plan.batches.push(planned(road, items, berth));
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
        let not = if item.is_login() { item.tried.clone() } else { [&item.tried, full].concat() };
        let wanted = Wanted {
            channel: item.row.channel,
            template: &item.row.template_key,
            drill: item.row.drill,
            not: &not,
        };
        self.router.choose(&wanted, rand::random())
    }

    fn put_all_off(&self, group: VecDeque<Item>, pause: Duration, why: &str, plan: &mut Plan) {
        let pause = i64::try_from(pause.as_millis()).unwrap_or(i64::MAX).max(1);
        plan.settled.extend(group.into_iter().map(|item| Settled {
            due_at: self.now + pause,
            ..*ended(&item.row, DeliveryState::Pending, why)
        }));
    }
}

/// The places of one plan, one at each gateway.
#[derive(Default)]
struct Berths {
    taken: BTreeMap<String, Berth>,
    /// Gateways without room.
    full: Vec<String>,
}

impl Berths {
    fn enter(&mut self, road: &Road) -> Option<Berth> {
        if let Some(berth) = self.taken.get(road.name()) {
            return Some(berth.clone());
        }
        match road.walls.enter() {
            Some(berth) => {
                self.taken.insert(road.name().to_owned(), berth.clone());
                Some(berth)
            }
            None => {
                self.full.push(road.name().to_owned());
                None
            }
        }
    }
}

fn planned(road: Arc<Road>, items: Vec<Item>, berth: Option<Berth>) -> Planned {
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
    Planned { road, batch, items, attempts, _berth: berth }
}

/// The end of a delivery without a call.
fn ended(row: &delivery::Model, state: DeliveryState, code: &str) -> Box<Settled> {
    Box::new(Settled {
        id: row.id,
        epoch: row.epoch,
        reference: None,
        gateway: None,
        state,
        due_at: row.due_at,
        tries: row.tries,
        provider_id: None,
        code: Some(code.to_owned()),
        outcome: code.to_owned(),
    })
}

/// The id of an attempt: 64 random bits in 13 characters of base32, within what every provider takes.
pub(crate) fn new_reference() -> String {
    BASE32_NOPAD.encode(&rand::random::<u64>().to_be_bytes()).to_ascii_lowercase()
}

/// The channel of a delivery as a word, for metrics.
pub(crate) const fn channel_word(channel: Channel) -> &'static str {
    channel.as_str()
}
