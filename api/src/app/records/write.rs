//! A batch of an official list becomes rows, and meets the people who are there, in one transaction.

use std::collections::{BTreeMap, HashMap};

use mashang_domain::protection::audit::Purpose;
use mashang_domain::time::Timestamp;
use mashang_entity::{health_record, key_area};
use mashang_infra::db::WriteTx;
use mashang_infra::health::{complete, meet};
use mashang_infra::store::audit::{self, Act};
use mashang_infra::store::health_record::{self as records, Entry, Turn};
use mashang_infra::store::{health_import, key_area as areas};
use serde_json::json;
use uuid::Uuid;

use super::import::Run;
use super::parse::Batch;
use crate::app::health::changed;
use crate::error::Answer;

/// Digests that a dry run remembers; lines beyond them are compared with the database only.
const REMEMBERED: usize = 1_000_000;

/// Writes a batch; of a dry run everything is undone again.
pub(super) async fn write(run: &mut Run<'_>, batch: Batch) -> Answer<()> {
    let (app, now) = (run.app, run.app.clock.now());
    let before = run.report.created + run.report.updated;
    let tx = app.db.begin_write().await?;
    records::turn(&*tx, Turn::Change).await?;
    let mut touched = Vec::new();
    if !batch.people.is_empty() {
        touched = write_people(run, &tx, batch.people, now).await?;
    }
    if !batch.areas.is_empty() {
        write_areas(run, &tx, batch.areas).await?;
    }
    if run.dry_run {
        return Ok(tx.rollback().await?);
    }
    run.report.count_into(&mut run.row);
    (run.row.updated_at, run.row.finished_at) = (now, batch.last.then_some(now));
    if std::mem::replace(&mut run.begun, true) {
        health_import::put(&*tx, &run.row).await?;
    } else {
        health_import::insert(&*tx, &run.row).await?;
    }
    let written = run.report.created + run.report.updated - before;
    if written > 0 {
        let act = Act {
            actor: &run.office.actor,
            action: "health_record.import",
            purpose: Purpose::Import,
            subject: None,
            object_kind: "health_import",
            object_id: run.row.id.to_string(),
            detail: json!({ "kind": run.row.kind, "written": written, "people": touched.len() }),
        };
        audit::append(&*tx, act, now).await?;
    }
    tx.commit().await?;
    changed(app, touched).await;
    Ok(())
}

async fn write_people(
    run: &mut Run<'_>,
    tx: &WriteTx,
    rows: Vec<health_record::Model>,
    now: Timestamp,
) -> Answer<Vec<Uuid>> {
    let lines = rows.len();
    let rows = once(rows);
    let digests: Vec<Vec<u8>> = rows.iter().map(|row| row.digest.clone()).collect();
    let there = records::by_digests(&**tx, &digests).await?;
    let mut there: HashMap<Vec<u8>, Entry> = there.into_iter().map(|e| (e.digest.clone(), e)).collect();
    let (mut fresh, mut entries, mut moved) = (Vec::new(), Vec::new(), Vec::new());
    for row in rows {
        if let Some(mut entry) = there.remove(&row.digest) {
            let own = run.office.division.covers(&entry.division_code) && entry.withdrawn_at.is_none();
            if let Some(day) = row.ends_on.filter(|_| own && row.ends_on != entry.ends_on) {
                (entry.ends_on, entry.completed_at) = (Some(day), None);
                moved.push((entry.id, day));
            }
            entries.extend(Some(entry).filter(|e| e.withdrawn_at.is_none()));
        } else if run.is_new(&row.digest) {
            entries.push(entry_of(&row));
            fresh.push(row);
        }
    }
    run.report.created += fresh.len() as u64;
    run.report.updated += moved.len() as u64;
    run.report.duplicates += (lines - fresh.len() - moved.len()) as u64;
    records::insert(&**tx, &fresh).await?;
    records::move_ends(&**tx, &moved).await?;
    let rules = run.app.rules.current();
    let met = meet(&**tx, &rules, &entries, &run.office.actor, now).await?;
    run.report.matched += met.matched;
    run.report.contradicted += met.contradicted;
    let (today, mut touched) = (now.shanghai_day(), met.people);
    entries.retain(|e| e.completed_at.is_none() && e.is_over(today));
    touched.extend(complete(&**tx, &rules, &entries, &run.office.actor, now).await?);
    Ok(touched)
}

/// One row a digest; what a later line says of the last day holds.
fn once(rows: Vec<health_record::Model>) -> Vec<health_record::Model> {
    let mut places: HashMap<Vec<u8>, usize> = HashMap::new();
    let mut kept: Vec<health_record::Model> = Vec::with_capacity(rows.len());
    for row in rows {
        match places.get(&row.digest).and_then(|at| kept.get_mut(*at)) {
            Some(first) => first.ends_on = row.ends_on.or(first.ends_on),
            None => {
                places.insert(row.digest.clone(), kept.len());
                kept.push(row);
            }
        }
    }
    kept
}

impl Run<'_> {
    /// Whether a dry run has not seen this entry in an earlier batch.
    fn is_new(&mut self, digest: &[u8]) -> bool {
        let Some(head) = digest.first_chunk::<8>().filter(|_| self.dry_run) else { return true };
        if self.seen.len() < REMEMBERED { self.seen.insert(*head) } else { !self.seen.contains(head) }
    }
}

fn entry_of(row: &health_record::Model) -> Entry {
    Entry {
        id: row.id,
        kind: row.kind,
        division_code: row.division_code.clone(),
        digest: row.digest.clone(),
        identity_hash: row.identity_hash.clone(),
        phone_hash: row.phone_hash.clone(),
        day: row.day,
        ends_on: row.ends_on,
        completed_at: None,
        withdrawn_at: None,
    }
}

async fn write_areas(run: &mut Run<'_>, tx: &WriteTx, rows: Vec<key_area::Model>) -> Answer<()> {
    let lines = rows.len() as u64;
    let mut named: BTreeMap<(String, i32), key_area::Model> = BTreeMap::new();
    for row in rows {
        named.insert((row.area.clone(), row.from_day), row);
    }
    let codes: Vec<String> = named.keys().map(|(code, _)| code.clone()).collect();
    let mut moved = 0;
    for mut there in areas::of(&**tx, &codes).await? {
        let Some(row) = named.remove(&(there.area.clone(), there.from_day)) else { continue };
        if there.withdrawn_at.is_some() {
            continue;
        }
        let own = run.office.division.covers(&there.division_code);
        if own && row.until_day != there.until_day {
            areas::move_end(&**tx, there.id, row.until_day).await?;
            there.until_day = row.until_day;
            moved += 1;
        }
        run.areas.extend(areas::area(&there));
    }
    let fresh: Vec<key_area::Model> = named.into_values().collect();
    run.areas.extend(fresh.iter().filter_map(areas::area));
    areas::insert(&**tx, &fresh).await?;
    let created = fresh.len() as u64;
    run.report.created += created;
    run.report.updated += moved;
    run.report.duplicates += lines - created - moved;
    Ok(())
}
