//! People with health codes, written as declarations write them, and the codes their phones show.

use std::collections::BTreeSet;
use std::sync::Arc;

use anyhow::Context;
use mashang_code_verify::{Colour, Payload, Purpose, Token, TokenId};
use mashang_domain::health::{Event, RuleSet};
use mashang_domain::person::{Actor, IdentityKind, IdentityNumber};
use mashang_domain::time::Timestamp;
use mashang_entity::declaration;
use mashang_infra::clock::Clock;
use mashang_infra::db::Db;
use mashang_infra::health::issuer::Issuer;
use mashang_infra::health::statement::Statement;
use mashang_infra::health::{Happening, apply};
use mashang_infra::keys::KeyRing;
use mashang_infra::store::declaration as declarations;
use mashang_tests::health::resident_number_of;
use sea_orm::EntityTrait;
use uuid::Uuid;

use crate::population::Person;

/// People in one transaction.
const BATCH: usize = 500;
/// Seconds that the codes of a measurement are good for.
const LIFE: u32 = 300;

/// The number of a resident identity card; no two of a hundred thousand alike.
pub fn number(n: usize) -> String {
    resident_number_of(&format!("{}0101", 1900 + n / 1_000), u32::try_from(n % 1_000).unwrap_or(0))
}

/// Declares for all of them: green codes.
pub async fn declare(db: &Db, keys: &KeyRing, people: &[Person], now: Timestamp) -> anyhow::Result<()> {
    let rules = RuleSet::shipped();
    for (batch, some) in people.chunks(BATCH).enumerate() {
        let tx = db.begin_write().await?;
        let mut happenings = Vec::with_capacity(some.len());
        for (n, person) in some.iter().enumerate() {
            let row = row(keys, person.id, &number(batch * BATCH + n), now)?;
            let event = Event::Declared { facts: BTreeSet::new(), declaration: row.id };
            declarations::insert(&*tx, row).await?;
            let actor = Actor::Citizen(person.id);
            happenings.push(Happening { person: person.id, division: "330106".to_owned(), event, actor });
        }
        apply(&*tx, &rules, &happenings, now).await?;
        tx.commit().await?;
    }
    Ok(())
}

fn row(keys: &KeyRing, person: Uuid, number: &str, now: Timestamp) -> anyhow::Result<declaration::Model> {
    let identity = IdentityNumber::parse(IdentityKind::Resident, number, now.shanghai_day())?;
    let statement = Statement {
        name: "张三丰".to_owned(),
        id_type: IdentityKind::Resident,
        id_number: number.to_owned(),
        birth_date: None,
        address: None,
        arrival: None,
        contact_with_case: false,
        from_key_area: false,
        symptoms: BTreeSet::new(),
        temperature: None,
        guardian: None,
    };
    let id = Uuid::now_v7();
    Ok(declaration::Model {
        id,
        person_id: person,
        division_code: "330106".to_owned(),
        identity_hash: keys.identity_hash(&identity),
        sealed: statement.seal(keys, id)?,
        key_version: keys.current_version(),
        notice_version: "2020-02-11".to_owned(),
        guardian: false,
        created_at: now,
    })
}

/// A code for everybody, as phones get them, good for five minutes.
pub async fn codes(db: &Db, keys: &Arc<KeyRing>) -> anyhow::Result<Vec<String>> {
    let now = Clock::system().now();
    let issuer = Issuer::new(db, keys, 7);
    issuer.refresh(now).await?;
    let rows = mashang_entity::health::Entity::find().all(db.conn()).await?;
    rows.iter()
        .map(|row| {
            let issued_at = u32::try_from(now.secs())?;
            let token = Token {
                purpose: Purpose::HealthCode,
                issued_at,
                expires_at: issued_at + LIFE,
                id: TokenId(keys.code_id(row.code_ref)?),
                colour: Some(Colour::Green),
                payload: Payload::default(),
            };
            let signed = issuer.with_key(now, |key| key.sign(&token)).context("a key that signs")?;
            Ok(signed?)
        })
        .collect()
}
