//! One group of new scans, in one transaction: each is recorded, or answered like the scan it repeats.
//!
//! The steps are statements over the whole group: take the people's turns, claim the keys, read the neighbourhood, write
//! the scans; and, where there is something to them, look up keys that were used before, correct keys and marks. A scan
//! that the two-minute rule swallows is kept as a row marked `repeat`, because an older scan that arrives later may turn
//! it back into a recorded one.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use mashang_domain::time::Timestamp;
use mashang_domain::venue::plausibility::{Coordinates, PlausibilityRules, Sighting, Verdict};
use mashang_domain::venue::{Direction, ScanPoint, ScanSource, SuspectReason};
use mashang_entity::{scan as scan_row, scan_key};
use sea_orm::{ConnectionTrait, DbErr};
use uuid::Uuid;

use super::scan_chain::{Chain, chains_with};
use super::scan_key::{key_of, known};
use super::scan_tx::ScanTx;
use crate::bugs::{self, Bug};
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

/// Records a group; the answers are in its order. When it returns, the group is committed.
pub(crate) async fn record_group(
    db: &Db,
    scans: &[NewScan],
    rules: &PlausibilityRules,
    now: Timestamp,
) -> Result<Vec<Recorded>, DbErr> {
    let keys: Vec<Uuid> = scans.iter().map(|s| key_of(s.person_id, &s.client_scan_id)).collect();
    let people: Vec<Uuid> = scans.iter().map(|s| s.person_id).collect();
    let mut tx = ScanTx::begin(db, &people).await?;
    // After the turns are ours: of two scans of one second the one with the smaller id counts, and an id made while
    // waiting would come before that of a scan which has been answered meanwhile.
    let mut group = Group::of(scans, &keys);
    let fresh = tx.claim(&group.claims(scans)).await?;
    let fresh = if bugs::has(Bug::NoScanKey) { group.ids.keys().copied().collect() } else { fresh };
    let used: Vec<Uuid> = group.ids.keys().filter(|key| !fresh.contains(key)).copied().collect();
    let mut answers = HashMap::with_capacity(scans.len());
    if !used.is_empty() {
        answers.extend(tx.known(&used).await?.iter().map(|(key, scan)| (*key, again(scan))));
    }
    group.ids.retain(|key, _| !answers.contains_key(key));
    let chains = chains_with(&mut tx, group.sightings(scans), now, rules).await?;
    let mut written = Written::default();
    for (key, (id, at)) in &group.ids {
        let scan = &scans[*at];
        let Some(chain) = chains.get(&scan.person_id) else { continue };
        let answer = written.add(scan, *id, chain, now);
        if answer.scan_id != *id || !fresh.contains(key) {
            written.keys.push(scan_key::Model { key: *key, scan_id: answer.scan_id, at: answer.at });
        }
        answers.insert(*key, answer);
    }
    let changes: Vec<(Uuid, Timestamp, Verdict)> = chains.values().flat_map(Chain::changes).collect();
    write(&mut tx, &written, &changes).await?;
    if bugs::has(Bug::AnswerBeforeCommit) {
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(100)).await;
            tx.commit().await
        });
        return Ok(answered(&keys, answers));
    }
    tx.commit().await?;
    Ok(answered(&keys, answers))
}

async fn write(
    tx: &mut ScanTx,
    written: &Written,
    changes: &[(Uuid, Timestamp, Verdict)],
) -> Result<(), DbErr> {
    if !written.rows.is_empty() {
        tx.insert(&written.rows).await?;
    }
    if !written.keys.is_empty() {
        tx.redirect(&written.keys).await?;
    }
    if !changes.is_empty() {
        tx.mark(changes).await?;
    }
    Ok(())
}

/// New scans by key: the id that each gets, and where it stands among those given. The first of a key counts.
struct Group {
    ids: HashMap<Uuid, (Uuid, usize)>,
}

impl Group {
    fn of(scans: &[NewScan], keys: &[Uuid]) -> Self {
        let mut ids = HashMap::with_capacity(scans.len());
        for (at, key) in keys.iter().enumerate() {
            ids.entry(*key).or_insert_with(|| (Uuid::now_v7(), at));
        }
        Self { ids }
    }

    /// Keys for the scans that they most likely will stand for.
    fn claims(&self, scans: &[NewScan]) -> Vec<scan_key::Model> {
        let claim = |(key, (id, at)): (&Uuid, &(Uuid, usize))| scan_key::Model {
            key: *key,
            scan_id: *id,
            at: scans[*at].at.floor_to_second(),
        };
        self.ids.iter().map(claim).collect()
    }

    fn sightings(&self, scans: &[NewScan]) -> HashMap<Uuid, Vec<Sighting>> {
        let mut people: HashMap<Uuid, Vec<Sighting>> = HashMap::with_capacity(self.ids.len());
        for (id, at) in self.ids.values() {
            let scan = &scans[*at];
            people.entry(scan.person_id).or_default().push(sighting(scan, *id));
        }
        people
    }
}

fn sighting(scan: &NewScan, id: Uuid) -> Sighting {
    let point = ScanPoint {
        id,
        venue_id: scan.venue_id,
        zone_id: scan.zone_id,
        venue_ref: Arc::clone(&scan.venue_ref),
        direction: scan.direction,
        at: scan.at.floor_to_second(),
        suspect: false,
    };
    Sighting { point, place: scan.place, venue_open: scan.venue_open }
}

/// What the group writes.
#[derive(Default)]
struct Written {
    rows: Vec<scan_row::Model>,
    /// Keys that stand for another scan than the one they were claimed for.
    keys: Vec<scan_key::Model>,
}

impl Written {
    fn add(&mut self, scan: &NewScan, id: Uuid, chain: &Chain, now: Timestamp) -> Recorded {
        let position = chain.position(id);
        let verdict = position.map_or(Verdict { repeat: false, suspect: None }, |i| chain.verdicts[i]);
        self.rows.push(row(scan, id, verdict, now));
        let earlier = position.filter(|_| verdict.repeat).and_then(|i| chain.repeated(i));
        match earlier {
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
        }
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
    let known = known(db, &keys).await?;
    Ok(client_scan_ids
        .iter()
        .zip(&keys)
        .filter_map(|(id, key)| Some((*id, again(known.get(key)?))))
        .collect())
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
