//! The one checker: compares what the clients were told with what the database holds, after every scenario.

use std::collections::{HashMap, HashSet};

use mashang_entity::{scan, scan_key};
use sea_orm::{ConnectionTrait, DatabaseConnection, EntityTrait, QuerySelect, Statement};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::crowd::Crowd;
use crate::journal::{End, Entry};
use crate::report::Report;

/// No request takes longer than the api's own limit and a little.
const LIMIT_US: u64 = 31_000_000;

/// What a scenario's fault excuses.
#[derive(Debug, Clone, Copy, Default)]
pub struct Excused {
    /// Connections to the api may break: it was killed, or the clients hung up.
    pub broken: bool,
    /// Clients may end without a 2xx: they were not stubborn.
    pub unanswered: bool,
}

/// Compares journal and database; one line an invariant.
pub async fn check(
    report: &mut Report,
    db: &DatabaseConnection,
    crowd: &Crowd,
    entries: &[Entry],
    excused: Excused,
) -> anyhow::Result<()> {
    let scans: HashSet<Uuid> = scan::Entity::find()
        .select_only()
        .column(scan::Column::Id)
        .into_tuple::<Uuid>()
        .all(db)
        .await?
        .into_iter()
        .collect();
    let keys: HashMap<Uuid, Uuid> =
        scan_key::Entity::find().all(db).await?.into_iter().map(|k| (k.key, k.scan_id)).collect();
    acknowledged(report, crowd, entries, &scans, &keys);
    once(report, crowd, entries, &scans, &keys);
    halves(report, db).await?;
    honest(report, entries, excused);
    answered(report, entries, excused);
    Ok(())
}

/// The product's key of a scan, computed here once more: half of the SHA-256 over person and client id.
fn key_of(crowd: &Crowd, entry: &Entry) -> Uuid {
    let id = crowd.people[entry.person].id;
    let digest = Sha256::new().chain_update(id.as_bytes()).chain_update(&entry.key).finalize();
    Uuid::from_slice(&digest[..16]).unwrap_or_default()
}

fn acknowledged(
    report: &mut Report,
    crowd: &Crowd,
    entries: &[Entry],
    scans: &HashSet<Uuid>,
    keys: &HashMap<Uuid, Uuid>,
) {
    let told: Vec<&Entry> = entries.iter().filter(|e| e.is_2xx()).collect();
    let is_there = |e: &&Entry| {
        e.scan_id.is_some_and(|id| scans.contains(&id) && keys.get(&key_of(crowd, e)) == Some(&id))
    };
    let lost = told.iter().filter(|e| !is_there(e)).count();
    report.line(
        "I1",
        "no acknowledged scan is lost",
        format!("{} acknowledged, {lost} lost", told.len()),
        lost == 0,
    );
}

fn once(
    report: &mut Report,
    crowd: &Crowd,
    entries: &[Entry],
    scans: &HashSet<Uuid>,
    keys: &HashMap<Uuid, Uuid>,
) {
    let mut told: HashMap<&str, HashSet<Option<Uuid>>> = HashMap::new();
    for entry in entries.iter().filter(|e| e.is_2xx()) {
        told.entry(&entry.key).or_default().insert(entry.scan_id);
    }
    let twice_told = told.values().filter(|ids| ids.len() > 1).count();
    let sent: HashSet<Uuid> = entries.iter().map(|e| key_of(crowd, e)).collect();
    let never_sent = keys.keys().filter(|key| !sent.contains(key)).count();
    let named: HashSet<&Uuid> = keys.values().collect();
    let twice_stored = scans.len().saturating_sub(named.len()) + keys.len() - named.len();
    let mut tries: HashMap<&str, usize> = HashMap::new();
    entries.iter().for_each(|e| *tries.entry(&e.key).or_default() += 1);
    let again = tries.values().filter(|n| **n > 1).count();
    let figure = format!(
        "{} keys, {again} sent again, {} rows, {twice_stored} twice, {twice_told} told two ids, {never_sent} of nobody",
        tries.len(),
        scans.len(),
    );
    report.line("I2", "no scan twice for one key", figure, twice_stored + twice_told + never_sent == 0);
}

async fn halves(report: &mut Report, db: &DatabaseConnection) -> anyhow::Result<()> {
    let count = async |sql: &str| -> anyhow::Result<i64> {
        let row = db.query_one_raw(Statement::from_string(db.get_database_backend(), sql)).await?;
        Ok(row.map(|r| r.try_get_by_index(0)).transpose()?.unwrap_or(-1))
    };
    // Sets, because nothing is indexed by what a key stands for, and hundreds of thousands are compared.
    let scans = "SELECT count(*) FROM (SELECT id, at FROM scan EXCEPT SELECT scan_id, at FROM scan_key) AS s";
    let keys = "SELECT count(*) FROM (SELECT scan_id, at FROM scan_key EXCEPT SELECT id, at FROM scan) AS k";
    let (scans, keys) = (count(scans).await?, count(keys).await?);
    let figure = format!("{scans} scans without key, {keys} keys without scan");
    report.line("I9", "no half transactions", figure, scans == 0 && keys == 0);
    Ok(())
}

fn honest(report: &mut Report, entries: &[Entry], excused: Excused) {
    let count = |of: &dyn Fn(&Entry) -> bool| entries.iter().filter(|e| of(e)).count();
    let refused = count(&|e| e.end == End::Status(503));
    let unhelpful = count(&|e| e.end == End::Status(503) && e.retry_after.is_none());
    let other = count(&|e| matches!(e.end, End::Status(s) if s != 200 && s != 201 && s != 503));
    let broken = count(&|e| e.end == End::Broken);
    let hung = count(&|e| e.end == End::Hung || e.done - e.sent > LIMIT_US);
    let slowest = entries.iter().map(|e| e.done - e.sent).max().unwrap_or(0) as f64 / 1e6;
    let figure = format!(
        "{refused} times 503 ({unhelpful} without Retry-After), {other} other, {broken} broken, {hung} hung, slowest {slowest:.2} s"
    );
    let holds = unhelpful == 0 && other == 0 && hung == 0 && (broken == 0 || excused.broken);
    report.line("I12", "answers are honest", figure, holds);
}

fn answered(report: &mut Report, entries: &[Entry], excused: Excused) {
    let keys: HashSet<&str> = entries.iter().map(|e| e.key.as_str()).collect();
    let told: HashSet<&str> = entries.iter().filter(|e| e.is_2xx()).map(|e| e.key.as_str()).collect();
    if !excused.unanswered {
        let left = keys.len() - told.len();
        let figure = format!("{} scans, {left} never answered with 2xx", keys.len());
        report.line("I11", "everybody is served in the end", figure, left == 0);
    }
}
