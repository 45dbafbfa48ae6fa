//! Both sides of what happened: what the providers took, and what the database says of it.

use std::collections::HashMap;
use std::path::Path;

use mashang_domain::delivery::DeliveryState;
use mashang_domain::person::Phone;
use mashang_entity::{attempt, delivery, notice, person, work_item};
use mashang_infra::keys::KeyRing;
use mashang_tests::fake_provider::Accepted;
use sea_orm::{DatabaseConnection, EntityTrait};
use uuid::Uuid;

/// Everything the checker compares.
pub(super) struct Told {
    /// Messages by number (E.164), without login codes.
    pub(super) messages: HashMap<String, Vec<Accepted>>,
    pub(super) deliveries: Vec<delivery::Model>,
    pub(super) attempts: HashMap<Uuid, Vec<attempt::Model>>,
    pub(super) notices: Vec<notice::Model>,
    pub(super) listed: Vec<work_item::Model>,
    /// Who a number belongs to, of those that are still known.
    pub(super) people: HashMap<String, Uuid>,
}

impl Told {
    pub(super) async fn read(
        db: &DatabaseConnection,
        keys: &Path,
        exposed: &[String],
        accepted: Vec<Accepted>,
    ) -> anyhow::Result<Self> {
        let keys = KeyRing::open(keys, false)?;
        let by_hash: HashMap<Vec<u8>, Uuid> =
            person::Entity::find().all(db).await?.into_iter().map(|p| (p.phone_hash, p.id)).collect();
        let mut people = HashMap::new();
        for phone in exposed {
            if let Some(id) = by_hash.get(&keys.phone_hash(&Phone::parse(phone)?)) {
                people.insert(e164(phone), *id);
            }
        }
        let mut messages: HashMap<String, Vec<Accepted>> = HashMap::new();
        for message in accepted.into_iter().filter(|m| m.template != "T_LOGIN") {
            messages.entry(message.phone.clone()).or_default().push(message);
        }
        let mut attempts: HashMap<Uuid, Vec<attempt::Model>> = HashMap::new();
        for attempt in attempt::Entity::find().all(db).await? {
            attempts.entry(attempt.delivery_id).or_default().push(attempt);
        }
        Ok(Self {
            messages,
            deliveries: delivery::Entity::find().all(db).await?,
            attempts,
            notices: notice::Entity::find().all(db).await?,
            listed: work_item::Entity::find().all(db).await?,
            people,
        })
    }

    /// Messages or calls to a number by one channel.
    pub(super) fn count(&self, phone: &str, voice: bool) -> usize {
        let is_call = |m: &&Accepted| {
            matches!(m.api.as_str(), "SingleCallByTts" | "SendTtsVoice" | "Calls" | "webhook/voice")
        };
        self.messages.get(phone).map_or(0, |all| all.iter().filter(|m| is_call(m) == voice).count())
    }

    /// Messages that were sent once more because an answer was lost.
    pub(super) fn resent(&self) -> i64 {
        self.deliveries.iter().map(|d| i64::from(d.possible_duplicates)).sum()
    }

    pub(super) fn in_state(&self, of: impl Fn(DeliveryState) -> bool) -> usize {
        self.deliveries.iter().filter(|d| of(d.state)).count()
    }
}

pub(super) fn e164(phone: &str) -> String {
    format!("+86{phone}")
}
