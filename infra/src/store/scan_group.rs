//! One group of new scans, in one transaction: each is recorded, or answered like the scan it repeats.
//!
//! The steps are statements over the whole group: take the people's turns, look for keys that are known, read the
//! neighbourhood, write scans and keys, correct marks. A scan that the two-minute rule swallows is kept as a row marked
//! `repeat`, because an older scan that arrives later may turn it back into a recorded one.

use std::collections::HashMap;
use std::sync::Arc;

use mashang_domain::time::Timestamp;
use mashang_domain::venue::plausibility::{Coordinates, PlausibilityRules, Sighting, Verdict};
use mashang_domain::venue::{Direction, ScanPoint, ScanSource, SuspectReason};
use mashang_entity::{scan as scan_row, scan_key};
use sea_orm::sea_query::ArrayType;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, DbBackend, DbErr, EntityTrait, QueryFilter,
};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::scan::{self, array, postgres};
use super::scan_chain::{Chain, chains_with};
use crate::db::Db;

/// A scan that is to be recorded. Its venue code has been verified and its times decided.
#[derive(Debug, Clone)]
pub struct NewScan {
    pub person_id: Uuid,
    pub venue_id: Uuid,
    pub zone_id: Option<Uuid>,
    pub direction: Direction,
    /// The client's own name of this scan, unique for the person; at most 64 characters, checked at the edge.
    pub client_scan_id: String,
    /// In whole seconds; a fraction is cut.
    pub at: Timestamp,
    pub client_at: Option<Timestamp>,
    pub companions: i16,
    /// The venue's external reference, or its id as text.
    pub venue_ref: Arc<str>,
    pub place: Option<Coordinates>,
    /// Whether the venue was open; a scan of a closed one is recorded and doubted.
    pub venue_open: bool,
    pub source: ScanSource,
}

/// How a scan came to its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    New,
    /// The same `client_scan_id` again.
    SameKey,
    /// Swallowed by the two-minute rule; the answer is that of the scan it repeats.
    Repeat,
}

/// The answer to a scan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    pub scan_id: Uuid,
    pub venue_id: Uuid,
    pub zone_id: Option<Uuid>,
    pub direction: Direction,
    pub at: Timestamp,
    pub suspect: Option<SuspectReason>,
    pub outcome: Outcome,
}

/// The key that makes a scan idempotent: half of the SHA-256 over person and client id.
fn key_of(person_id: Uuid, client_scan_id: &str) -> Uuid {
    let digest = Sha256::new().chain_update(person_id).chain_update(client_scan_id).finalize();
    let mut half = [0; 16];
    half.copy_from_slice(&digest[..16]);
    Uuid::from_bytes(half)
}

/// Records a group; the answers are in its order. When it returns, the group is committed.
pub(crate) async fn record_group(
    db: &Db,
    scans: &[NewScan],
    rules: &PlausibilityRules,
    now: Timestamp,
) -> Result<Vec<Recorded>, DbErr> {
    let keys: Vec<Uuid> = scans.iter().map(|s| key_of(s.person_id, &s.client_scan_id)).collect();
    let people: Vec<Uuid> = scans.iter().map(|s| s.person_id).collect();
    let tx = db.begin_write().await?;
    scan::lock_people(&*tx, &people).await?;
    let mut answers = known(&*tx, &keys).await?;
    let mut group = Group::default();
    for (scan, key) in scans.iter().zip(&keys) {
        if !answers.contains_key(key) && !group.ids.contains_key(key) {
            group.add(scan, *key);
        }
    }
    let chains = chains_with(&*tx, group.sightings, now, rules).await?;
    let mut written = Written::default();
    for (scan, key) in scans.iter().zip(&keys) {
        let chain = chains.get(&scan.person_id);
        if let Some(((id, chain), None)) =
            group.ids.get(key).zip(chain).map(|found| (found, answers.get(key)))
        {
            answers.insert(*key, written.add(scan, *key, *id, chain, now));
        }
    }
    scan::insert(&*tx, &written.rows).await?;
    insert_keys(&*tx, &written.keys).await?;
    let changes: Vec<(Uuid, Timestamp, Verdict)> = chains.values().flat_map(Chain::changes).collect();
    scan::mark(&*tx, &changes).await?;
    tx.commit().await?;
    Ok(answered(&keys, answers))
}

/// New scans with their ids, by key, and by person.
#[derive(Default)]
struct Group {
    ids: HashMap<Uuid, Uuid>,
    sightings: HashMap<Uuid, Vec<Sighting>>,
}

impl Group {
    fn add(&mut self, scan: &NewScan, key: Uuid) {
        let id = Uuid::now_v7();
        self.ids.insert(key, id);
        let point = ScanPoint {
            id,
            venue_id: scan.venue_id,
            zone_id: scan.zone_id,
            venue_ref: Arc::clone(&scan.venue_ref),
            direction: scan.direction,
            at: scan.at.floor_to_second(),
            suspect: false,
        };
        let sighting = Sighting { point, place: scan.place, venue_open: scan.venue_open };
        self.sightings.entry(scan.person_id).or_default().push(sighting);
    }
}

/// What the group writes.
#[derive(Default)]
struct Written {
    rows: Vec<scan_row::Model>,
    keys: Vec<scan_key::Model>,
}

impl Written {
    fn add(&mut self, scan: &NewScan, key: Uuid, id: Uuid, chain: &Chain, now: Timestamp) -> Recorded {
        let position = chain.position(id);
        let verdict = position.map_or(Verdict { repeat: false, suspect: None }, |i| chain.verdicts[i]);
        self.rows.push(row(scan, id, verdict, now));
        let earlier = position.filter(|_| verdict.repeat).and_then(|i| chain.repeated(i));
        let answer = match earlier {
            Some(i) => told(&chain.sightings[i].point, chain.verdicts[i], Outcome::Repeat),
            None => Recorded {
                scan_id: id,
                venue_id: scan.venue_id,
                zone_id: scan.zone_id,
                direction: scan.direction,
                at: scan.at.floor_to_second(),
                suspect: verdict.suspect,
                outcome: Outcome::New,
            },
        };
        self.keys.push(scan_key::Model { key, scan_id: answer.scan_id, at: answer.at });
        answer
    }
}

fn row(scan: &NewScan, id: Uuid, verdict: Verdict, now: Timestamp) -> scan_row::Model {
    scan_row::Model {
        id,
        person_id: scan.person_id,
        venue_id: scan.venue_id,
        zone_id: scan.zone_id,
        direction: scan.direction,
        at: scan.at.floor_to_second(),
        client_at: scan.client_at,
        received_at: now,
        companions: scan.companions,
        suspect: verdict.suspect.is_some(),
        suspect_reason: verdict.suspect.map(|reason| reason.as_str().to_owned()),
        repeat: verdict.repeat,
        source: scan.source,
    }
}

fn told(point: &ScanPoint, verdict: Verdict, outcome: Outcome) -> Recorded {
    Recorded {
        scan_id: point.id,
        venue_id: point.venue_id,
        zone_id: point.zone_id,
        direction: point.direction,
        at: point.at,
        suspect: verdict.suspect,
        outcome,
    }
}

/// The first scan of a key has its own outcome, all others have the same key.
fn answered(keys: &[Uuid], mut answers: HashMap<Uuid, Recorded>) -> Vec<Recorded> {
    let mut told = Vec::with_capacity(keys.len());
    for key in keys {
        if let Some(answer) = answers.get_mut(key) {
            told.push(answer.clone());
            answer.outcome = Outcome::SameKey;
        }
    }
    told
}

/// The answers that a person's scans have had before, by `client_scan_id`.
pub async fn answers_of<'a>(
    db: &impl ConnectionTrait,
    person_id: Uuid,
    client_scan_ids: &[&'a str],
) -> Result<HashMap<&'a str, Recorded>, DbErr> {
    if client_scan_ids.is_empty() {
        return Ok(HashMap::new());
    }
    let keys: Vec<Uuid> = client_scan_ids.iter().map(|id| key_of(person_id, id)).collect();
    let mut known = known(db, &keys).await?;
    Ok(client_scan_ids.iter().zip(&keys).filter_map(|(id, key)| Some((*id, known.remove(key)?))).collect())
}

/// The answers to keys that are there already.
async fn known(tx: &impl ConnectionTrait, keys: &[Uuid]) -> Result<HashMap<Uuid, Recorded>, DbErr> {
    let rows = if tx.get_database_backend() == DbBackend::Postgres {
        let sql = "SELECT key, scan_id, at FROM scan_key WHERE key = ANY($1)";
        let statement = postgres(sql, [array(ArrayType::Uuid, keys.iter().copied())]);
        scan_key::Entity::find().from_raw_sql(statement).all(tx).await?
    } else {
        scan_key::Entity::find().filter(scan_key::Column::Key.is_in(keys.iter().copied())).all(tx).await?
    };
    if rows.is_empty() {
        return Ok(HashMap::new());
    }
    let scan_of = |k: &scan_key::Model| {
        Condition::all().add(scan_row::Column::Id.eq(k.scan_id)).add(scan_row::Column::At.eq(k.at))
    };
    let any = rows.iter().fold(Condition::any(), |any, k| any.add(scan_of(k)));
    let scans = scan_row::Entity::find().filter(any).all(tx).await?;
    let scans: HashMap<Uuid, scan_row::Model> = scans.into_iter().map(|s| (s.id, s)).collect();
    Ok(rows.iter().filter_map(|k| scans.get(&k.scan_id).map(|s| (k.key, again(s)))).collect())
}

fn again(scan: &scan_row::Model) -> Recorded {
    Recorded {
        scan_id: scan.id,
        venue_id: scan.venue_id,
        zone_id: scan.zone_id,
        direction: scan.direction,
        at: scan.at,
        suspect: scan.suspect_reason.as_deref().and_then(|word| word.parse().ok()),
        outcome: Outcome::SameKey,
    }
}

/// A key whose scan is gone (retention) gets the new one.
async fn insert_keys(tx: &impl ConnectionTrait, keys: &[scan_key::Model]) -> Result<(), DbErr> {
    const ON_CONFLICT: &str = "ON CONFLICT (key) DO UPDATE SET scan_id = excluded.scan_id, at = excluded.at";
    if keys.is_empty() {
        return Ok(());
    }
    if tx.get_database_backend() == DbBackend::Postgres {
        let sql = format!(
            "INSERT INTO scan_key (key, scan_id, at) SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::int8[]) {ON_CONFLICT}"
        );
        let values = [
            array(ArrayType::Uuid, keys.iter().map(|k| k.key)),
            array(ArrayType::Uuid, keys.iter().map(|k| k.scan_id)),
            array(ArrayType::BigInt, keys.iter().map(|k| k.at.millis())),
        ];
        return tx.execute_raw(postgres(&sql, values)).await.map(|_| ());
    }
    let active = |k: &scan_key::Model| scan_key::ActiveModel {
        key: Set(k.key),
        scan_id: Set(k.scan_id),
        at: Set(k.at),
    };
    let mut conflict = sea_orm::sea_query::OnConflict::column(scan_key::Column::Key);
    conflict.update_columns([scan_key::Column::ScanId, scan_key::Column::At]);
    scan_key::Entity::insert_many(keys.iter().map(active))
        .on_conflict(conflict)
        .exec_without_returning(tx)
        .await
        .map(|_| ())
}
