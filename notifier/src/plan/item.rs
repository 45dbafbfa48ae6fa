//! One delivery, with its number opened and its text filled.

use std::sync::Arc;

use mashang_domain::delivery::{Channel, DeliveryState, RungKind};
use mashang_domain::person::{Address, Email, OpenId, Phone, login};
use mashang_domain::protection::audit::Purpose;
use mashang_domain::time::Timestamp;
use mashang_entity::{delivery, login_code, person, platform_account, staff};
use mashang_infra::bugs::{self, Bug};
use mashang_infra::keys::Field;
use mashang_infra::store;
use mashang_infra::store::delivery::{NewAttempt, Settled};
use mashang_infra::store::summary::NO_ADDRESS;
use tokio::time::Instant;

use super::{Facts, Planner, Sent, ended, new_reference};
use crate::bulkhead::{Berth, Berths};
use crate::gateway::{Batch, Recipient};
use crate::health::Admission;
use crate::road::Road;
use crate::text::{Text, text_of};

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
    pub(super) pinned: Option<String>,
    /// Gateways whose provider would refuse another message to this number, and when the first of them would not.
    pub(super) capped: Vec<String>,
    pub(super) free_at: Option<Timestamp>,
}

impl Item {
    pub(crate) fn is_login(&self) -> bool {
        self.row.rung_kind == RungKind::Login
    }

    /// Why its number was opened.
    pub(super) fn purpose(&self) -> Purpose {
        if self.is_login() { Purpose::SignIn } else { Purpose::Notify }
    }

    /// Whether a gateway may have had it already.
    pub(crate) fn is_pinned(&self) -> bool {
        self.pinned.is_some()
    }

    /// Lets it go to another gateway.
    pub(crate) fn unpin(&mut self) {
        self.pinned = None;
    }
}

impl Planned {
    /// Counts its attempts, which have just been committed.
    pub(crate) fn count_attempts(&self) {
        if let Some(first) = self.items.first() {
            let n = u64::try_from(self.items.len()).unwrap_or(u64::MAX);
            metrics::counter!("mashang_attempts_total", "purpose" => first.purpose().as_str()).increment(n);
        }
    }

    /// Whether its gateway went out of use since it was planned.
    pub(crate) fn is_late(&self) -> bool {
        let shut = || {
            matches!(self.road.admission(self.batch.template.as_str(), Instant::now()), Admission::Shut(_))
        };
        self.road.is_paused() || !self.all_the_same && shut()
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
    pub(super) _berth: Option<Berth>,
    /// All places of this task.
    pub(crate) berths: Arc<Berths>,
    /// It is made although the gateway is shut: a probe, a resend under the same reference, a login code that has no other.
    pub(crate) all_the_same: bool,
}

impl Planner<'_> {
    /// Opens the number and fills the text of one row; one that cannot be sent does not stop the others.
    pub(super) fn item(&self, row: delivery::Model, facts: &Facts) -> Result<Item, Box<Settled>> {
        if row.alert_id.is_some_and(|id| facts.cancelled.contains(&id)) && !bugs::has(Bug::CancelIgnored) {
            return Err(ended(&row, DeliveryState::Cancelled, "alert_cancelled"));
        }
        if facts.told.contains(&row.id) {
            return Err(ended(&row, DeliveryState::Accepted, "accepted_before"));
        }
        let (to, code): (Address, Option<String>) = match (row.login_id, row.staff_id) {
            (Some(id), _) => {
                let (phone, code) = self.of_login(&row, facts.logins.get(&id))?;
                (phone.into(), code)
            }
            (None, Some(id)) => (self.of_staff(&row, facts.staff.get(&id))?.into(), None),
            (None, None) if row.channel == Channel::Subscribe => {
                let account = row.person_id.and_then(|id| facts.accounts.get(&id));
                (self.of_account(&row, account)?.into(), None)
            }
            (None, None) => {
                (self.of_person(&row, row.person_id.and_then(|id| facts.people.get(&id)))?.into(), None)
            }
        };
        let Text { variables, text } = text_of(self.settings, &row, code.as_deref()).map_err(|error| {
            tracing::error!(delivery.id = %row.id, %error, "a delivery has no text");
            ended(&row, DeliveryState::Failed, "template")
        })?;
        let before = facts.unanswered.get(&row.id).filter(|u| {
            row.epoch > 1
                && self.router.by_name(&u.gateway).is_some_and(|road| road.gateway.terms().idempotent)
        });
        let reference = before.map_or_else(new_reference, |u| u.reference.clone());
        Ok(Item {
            recipient: Recipient { to, reference, variables, text },
            decided_at: row.alert_id.and_then(|id| facts.decided.get(&id).copied().flatten()),
            tried: Vec::new(),
            capped: Vec::new(),
            free_at: None,
            pinned: before.map(|u| u.gateway.clone()),
            row,
        })
    }

    /// Finds out at which gateways the number of an item has had enough. Others of this claim count as sent.
    pub(super) fn cap(&self, item: &mut Item, sent: &mut Sent) {
        if item.row.drill || !self.router.caps_numbers() {
            return;
        }
        let Address::Phone(phone) = &item.recipient.to else { return };
        let number = self.keys.phone_hash(phone);
        let before = sent.entry(number).or_default();
        let roads = self.router.roads().iter().filter(|road| road.gateway.channel() == item.row.channel);
        for road in roads.clone() {
            let here: Vec<Timestamp> =
                before.iter().filter(|(gateway, _)| gateway == road.name()).map(|(_, at)| *at).collect();
            if let Some(at) = road.caps.free_at(&here, self.now) {
                item.capped.push(road.name().to_owned());
                item.free_at = Some(item.free_at.map_or(at, |first| first.min(at)));
            }
        }
        before.extend(roads.map(|road| (road.name().to_owned(), self.now)));
    }

    fn of_person(
        &self,
        row: &delivery::Model,
        person: Option<&person::Model>,
    ) -> Result<Phone, Box<Settled>> {
        let person = person.ok_or_else(|| ended(row, DeliveryState::Unreachable, "no_person"))?;
        let (field, id) = (Field::PersonPhone, person.id);
        let opened =
            self.keys.open_phone(field, id, person.key_version, &person.phone_sealed, Purpose::Notify);
        opened.map_err(|error| {
            tracing::error!(delivery.id = %row.id, %error, "the number of a person does not open");
            ended(row, DeliveryState::Failed, "number_does_not_open")
        })
    }

    fn of_account(
        &self,
        row: &delivery::Model,
        account: Option<&platform_account::Model>,
    ) -> Result<OpenId, Box<Settled>> {
        let account = account.ok_or_else(|| ended(row, DeliveryState::Unreachable, "no_account"))?;
        let opened = store::platform::account::open_id_of(self.keys, account, Purpose::Notify);
        opened.map_err(|error| {
            tracing::error!(delivery.id = %row.id, %error, "the account of a person does not open");
            ended(row, DeliveryState::Failed, "account_does_not_open")
        })
    }

    fn of_staff(&self, row: &delivery::Model, member: Option<&staff::Model>) -> Result<Email, Box<Settled>> {
        let missing = || ended(row, DeliveryState::Unreachable, NO_ADDRESS);
        let email = store::staff::email_of(self.keys, member.ok_or_else(missing)?, Purpose::Notify);
        let opened = email.map_err(|error| {
            tracing::error!(delivery.id = %row.id, %error, "the address of a member of staff does not open");
            ended(row, DeliveryState::Failed, "address_does_not_open")
        });
        opened?.ok_or_else(missing)
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
}
