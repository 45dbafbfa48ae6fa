//! The people and venues of a campaign, written into a fresh database by the product's own stores.

use std::path::Path;

use mashang_config::Database;
use mashang_domain::person::Phone;
use mashang_domain::time::DAY;
use mashang_domain::venue::{Category, VenueState};
use mashang_entity::{person, session, venue};
use mashang_infra::clock::Clock;
use mashang_infra::db::Db;
use mashang_infra::keys::{Field, KeyRing, token_hash};
use mashang_infra::store::venue_code::{Door, issue};
use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};
use sea_orm::{EntityTrait, IntoActiveModel};
use uuid::Uuid;

/// Enough that nobody scans often, however long a campaign overloads: the writer reads a person's whole day for each of
/// their scans.
const PEOPLE: u32 = 60_000;
const VENUES: usize = 40;

/// A signed-in person.
pub struct Person {
    pub id: Uuid,
    pub token: String,
}

/// Who scans, and what.
pub struct Crowd {
    pub people: Vec<Person>,
    pub codes: Vec<String>,
}

impl Crowd {
    /// The bytes of one scan by one person.
    pub fn scan(&self, person: usize, code: usize, key: &str) -> Vec<u8> {
        let body = format!(r#"{{"venue_code":"{}","client_scan_id":"{key}"}}"#, self.codes[code]);
        let (token, length) = (&self.people[person].token, body.len());
        format!(
            "POST /api/v1/scans HTTP/1.1\r\nHost: mashang\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        )
        .into_bytes()
    }

    /// A person and a code, by chance.
    pub fn draw(&self, chance: &mut impl Rng) -> (usize, usize) {
        (chance.random_range(0..self.people.len()), chance.random_range(0..self.codes.len()))
    }

    /// Writes a crowd into a migrated database.
    pub async fn settle(database: &Database, keys: &Path, seed: u64) -> anyhow::Result<Self> {
        let keys = KeyRing::open(keys, true)?;
        let db = Db::connect(database).await?;
        let (mut chance, now) = (StdRng::seed_from_u64(seed), Clock::system().now());
        let (mut people, mut persons, mut sessions) = (Vec::new(), Vec::new(), Vec::new());
        for n in 0..PEOPLE {
            let (id, token) = (Uuid::now_v7(), format!("faults-{:032x}", chance.random::<u128>()));
            let phone = Phone::parse(&format!("154{:08}", 20_000_000 + n))?;
            let model = person::Model {
                id,
                phone_hash: keys.phone_hash(&phone),
                phone_sealed: keys.seal_phone(Field::PersonPhone, id, &phone)?,
                key_version: keys.current_version(),
                created_at: now,
            };
            persons.push(model.into_active_model());
            // Longer than any clock of a scenario is moved.
            let session = session::Model {
                token_hash: token_hash(&token),
                person_id: Some(id),
                staff_id: None,
                created_at: now,
                expires_at: now + 60 * DAY,
                last_seen_at: now,
                revoked_at: None,
            };
            sessions.push(session.into_active_model());
            people.push(Person { id, token });
        }
        // Sealing so many numbers takes longer than a transaction may idle.
        let tx = db.begin_write().await?;
        for (persons, sessions) in persons.chunks(1_000).zip(sessions.chunks(1_000)) {
            person::Entity::insert_many(persons.to_vec()).exec_without_returning(&*tx).await?;
            session::Entity::insert_many(sessions.to_vec()).exec_without_returning(&*tx).await?;
        }
        let venues: Vec<venue::Model> = (0..VENUES).map(|n| shop(n, now)).collect();
        let doors: Vec<_> = venues.iter().map(|v| (Door { venue_id: v.id, zone_id: None }, 1)).collect();
        venue::Entity::insert_many(venues.into_iter().map(IntoActiveModel::into_active_model))
            .exec_without_returning(&*tx)
            .await?;
        let codes = issue(&*tx, &doors, now).await?.iter().map(|c| keys.venue_token(c.number)).collect();
        tx.commit().await?;
        // Nothing is left in a log beside the file, which will be copied.
        db.rebuild().await?;
        db.unbounded().close().await?;
        Ok(Self { people, codes })
    }
}

pub fn shop(n: usize, now: mashang_domain::time::Timestamp) -> venue::Model {
    venue::Model {
        id: Uuid::now_v7(),
        external_ref: None,
        name: format!("超市 {n}"),
        category: Category::Supermarket,
        division_code: "530102".to_owned(),
        address: "翠湖南路 1 号".to_owned(),
        contact_sealed: None,
        key_version: 1,
        lat: None,
        lon: None,
        indoor: Some(true),
        state: VenueState::Approved,
        manager_id: None,
        decided_by: None,
        decided_at: None,
        decided_reason: None,
        created_at: now,
        updated_at: now,
    }
}
