//! From claimed rows to batches: numbers are opened, texts are filled, gateways are chosen. No I/O happens here, so that
//! it can stand between the claim and the attempt in one transaction.

mod call;
mod item;
mod route;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use data_encoding::BASE32_NOPAD;
use mashang_config::Settings;
use mashang_domain::delivery::{Channel, DeliveryState};
use mashang_domain::protection::audit::Purpose;
use mashang_domain::time::Timestamp;
use mashang_entity::{delivery, login_code, person, platform_account, staff};
use mashang_infra::keys::KeyRing;
use mashang_infra::store::delivery::{Settled, Unanswered};
use uuid::Uuid;

pub(crate) use item::{Item, Planned};
pub(crate) use route::{GATEWAYS_FULL, GATEWAYS_PAUSED};

use crate::router::Router;

/// What was read for a claim.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    pub(crate) people: HashMap<Uuid, person::Model>,
    /// The WeChat accounts of people who are written to there, by person.
    pub(crate) accounts: HashMap<Uuid, platform_account::Model>,
    pub(crate) logins: HashMap<Uuid, login_code::Model>,
    /// Officials who are written to.
    pub(crate) staff: HashMap<Uuid, staff::Model>,
    pub(crate) unanswered: HashMap<Uuid, Unanswered>,
    pub(crate) decided: HashMap<Uuid, Option<Timestamp>>,
    /// Alerts that were cancelled.
    pub(crate) cancelled: HashSet<Uuid>,
    pub(crate) sent: Sent,
    /// Those whose earlier attempt was accepted after all.
    pub(crate) told: HashSet<Uuid>,
}

/// What numbers got in the last day, by their keyed hash: gateways and times.
pub(crate) type Sent = HashMap<Vec<u8>, Vec<(String, Timestamp)>>;

/// What a claim leads to.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(crate) batches: Vec<Planned>,
    /// Deliveries that need no call.
    pub(crate) settled: Vec<Settled>,
    /// Deliveries whose numbers were opened, and that found no gateway now.
    pub(crate) held: Vec<(Purpose, u64)>,
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
        let mut sent = facts.sent.clone();
        let mut items = Vec::with_capacity(rows.len());
        for row in rows {
            match self.item(row, facts) {
                Ok(mut item) => {
                    self.cap(&mut item, &mut sent);
                    items.push(item);
                }
                Err(settled) => plan.settled.push(*settled),
            }
        }
        let purposes = [Purpose::Notify, Purpose::SignIn];
        let opened = purposes.map(|purpose| count(&items, purpose));
        let routed = self.route(items, &Arc::default());
        for (purpose, opened) in purposes.into_iter().zip(opened) {
            let sent: u64 = routed.batches.iter().map(|b| count(&b.items, purpose)).sum();
            plan.held.push((purpose, opened.saturating_sub(sent)));
        }
        plan.batches = routed.batches;
        plan.settled.extend(routed.settled);
        plan
    }
}

fn count(items: &[Item], purpose: Purpose) -> u64 {
    items.iter().filter(|item| item.purpose() == purpose).map(|_| 1).sum()
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
        found_by_id: false,
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
