//! People who are signed in, and venues with codes, in numbers: written by the stores of the product, as sign-in and
//! registration write them.

use std::path::Path;

use anyhow::Context;
use data_encoding::BASE64URL_NOPAD;
use mashang_domain::person::Phone;
use mashang_domain::time::{DAY, Timestamp};
use mashang_domain::venue::{Address, Category, DivisionCode, VenueName, VenueState};
use mashang_entity::{person, session};
use mashang_infra::keys::{Field, KeyRing, token_hash};
use mashang_infra::store::venue::{self, NewVenue};
use mashang_infra::store::venue_code::{self, Door};
use sea_orm::{ActiveValue::Set, DatabaseConnection, EntityTrait, TransactionTrait};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// Rows of one statement.
const ROWS: usize = 2_000;

/// A person and the token of their session.
#[derive(Debug, Clone)]
pub struct Person {
    pub id: Uuid,
    pub token: String,
}

/// A venue and the tokens of its two posters.
#[derive(Debug, Clone)]
pub struct Place {
    pub id: Uuid,
    pub code_in: String,
    pub code_out: String,
}

/// The keys of a product that has been started once.
pub fn keys(file: &Path) -> anyhow::Result<KeyRing> {
    KeyRing::open(file, false).context("the key ring of the product")
}

/// So many people, numbered from `first`, each with a session.
pub async fn people(
    db: &DatabaseConnection,
    keys: &KeyRing,
    numbers: std::ops::Range<u32>,
    now: Timestamp,
) -> anyhow::Result<Vec<Person>> {
    let tx = db.begin().await?;
    let mut people = Vec::with_capacity(numbers.len());
    for some in numbers.collect::<Vec<_>>().chunks(ROWS) {
        let (mut rows, mut sessions) = (Vec::with_capacity(ROWS), Vec::with_capacity(ROWS));
        for number in some {
            let phone = Phone::parse(&format!("154{number:08}"))?;
            let id = Uuid::now_v7();
            let token = BASE64URL_NOPAD.encode(&Sha256::digest(id.as_bytes()));
            rows.push(person::ActiveModel {
                id: Set(id),
                phone_hash: Set(keys.phone_hash(&phone)),
                phone_sealed: Set(keys.seal_phone(Field::PersonPhone, id, &phone)?),
                key_version: Set(keys.current_version()),
                created_at: Set(now),
            });
            sessions.push(session::ActiveModel {
                token_hash: Set(token_hash(&token)),
                person_id: Set(Some(id)),
                staff_id: Set(None),
                created_at: Set(now),
                expires_at: Set(now + 30 * DAY),
                last_seen_at: Set(now),
                revoked_at: Set(None),
            });
            people.push(Person { id, token });
        }
        person::Entity::insert_many(rows).exec_without_returning(&tx).await?;
        session::Entity::insert_many(sessions).exec_without_returning(&tx).await?;
    }
    tx.commit().await?;
    Ok(people)
}

/// So many open venues in Kunming, each with a poster for coming and one for leaving.
pub async fn places(
    db: &DatabaseConnection,
    keys: &KeyRing,
    count: usize,
    now: Timestamp,
) -> anyhow::Result<Vec<Place>> {
    let tx = db.begin().await?;
    let venues: Vec<NewVenue> = (0..count).map(venue_number).collect::<anyhow::Result<_>>()?;
    let doors: Vec<(Door, i32)> =
        venues.iter().map(|v| (Door { venue_id: v.id, zone_id: None }, 1)).collect();
    venue::insert(&tx, keys, venues, now).await?;
    let codes = venue_code::issue(&tx, &doors, now).await?;
    tx.commit().await?;
    let place = |of_venue: &[mashang_entity::venue_code::Model]| Place {
        id: of_venue[0].venue_id,
        code_in: keys.venue_token(of_venue[0].number),
        code_out: keys.venue_token(of_venue[1].number),
    };
    Ok(codes.chunks(2).map(place).collect())
}

fn venue_number(number: usize) -> anyhow::Result<NewVenue> {
    // A grid of about 20 km.
    let away = |n: usize| (n % 100) as f64 * 0.002;
    Ok(NewVenue {
        id: Uuid::now_v7(),
        external_ref: None,
        name: VenueName::parse(&format!("翠湖餐厅 {number} 号"))?,
        category: Category::Restaurant,
        division_code: DivisionCode::parse("530102")?,
        address: Address::parse("翠湖南路 1 号")?,
        contact: None,
        position: Some((24.95 + away(number), 102.60 + away(number / 100))),
        indoor: None,
        state: VenueState::Approved,
        manager_id: None,
        decided_by: None,
    })
}
