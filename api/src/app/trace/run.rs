//! Computing a trace and freezing it: rows, numbers and hash in one transaction.

use std::collections::{BTreeSet, HashMap};

use mashang_domain::time::Timestamp;
use mashang_domain::trace::summary::{self, VenueCount};
use mashang_domain::trace::{Parameters, TraceResult, TraceState, digest};
use mashang_entity::trace;
use mashang_infra::db::WriteTx;
use mashang_infra::store::audit::{self, Act};
use mashang_infra::store::place::{self, Venue};
use mashang_infra::store::trace_result::{self as traces, Frozen};
use serde_json::{Value, json};
use uuid::Uuid;

use super::gather::Gathered;
use super::{Counts, act};
use crate::app::case::Office;
use crate::error::{Answer, Problem};
use crate::state::App;

/// A result before it is frozen.
pub struct Found {
    result: TraceResult,
    sha256: String,
    venues: HashMap<Uuid, Venue>,
}

/// Runs the statement and takes the fingerprint; nothing is written.
pub async fn compute(
    app: &App,
    id: Uuid,
    gathered: &Gathered,
    params: &Parameters,
    patience_ms: u64,
) -> Answer<Found> {
    let begun = std::time::Instant::now();
    let visits = &gathered.visits;
    let index_persons: BTreeSet<Uuid> = gathered.cases.iter().map(|(_, person)| *person).collect();
    let result = traces::find(&app.db, visits, &index_persons, params, patience_ms).await?;
    let wanted: BTreeSet<Uuid> = visits.iter().map(|v| v.venue_id).collect();
    let venues = place::venues(app.db.conn(), wanted).await?;
    let sha256 = digest(&result, params);
    let (duration_ms, people) = (begun.elapsed().as_millis(), result.contacts.len());
    tracing::info!(trace.id = %id, case_visits = visits.len(), people, duration_ms, "traced");
    Ok(Found { result, sha256, venues })
}

/// Writes a trace that is computed already.
pub async fn freeze_new(
    app: &App,
    office: &Office,
    mut row: trace::Model,
    found: Found,
    gathered: &Gathered,
) -> Answer<trace::Model> {
    let now = app.clock.now();
    let tx = app.db.begin_write().await?;
    traces::insert(&*tx, row.clone()).await?;
    let frozen = freeze(&tx, row.id, found, gathered, now).await?;
    let detail = json!({ "sha256": frozen.sha256, "counts": frozen.counts });
    audit::append_all(&*tx, &acts(office, &row, gathered, detail), now).await?;
    tx.commit().await?;
    row.state = TraceState::Frozen;
    row.counts = Some(frozen.counts);
    row.by_venue = Some(frozen.by_venue);
    row.sha256 = Some(frozen.sha256);
    row.frozen_at = Some(now);
    Ok(row)
}

async fn freeze(tx: &WriteTx, id: Uuid, found: Found, gathered: &Gathered, now: Timestamp) -> Answer<Frozen> {
    let Found { result, sha256, venues } = found;
    traces::insert_contacts(&**tx, id, &result.contacts).await?;
    let by_level = summary::by_level(&result);
    let counts = Counts {
        people: by_level.total(),
        by_level,
        meetings: result.meetings() as u64,
        unreachable: traces::unreachable(&**tx, id).await?,
        suspect: result.suspect_only,
        case_visits: gathered.visits.len() as u64,
    };
    let by_venue: Vec<Value> = summary::by_venue(&result).iter().map(|v| venue_count(v, &venues)).collect();
    let counts = serde_json::to_value(counts).map_err(Problem::internal)?;
    let frozen = Frozen { counts, by_venue: by_venue.into(), sha256 };
    if traces::freeze(&**tx, id, frozen.clone(), now).await? {
        Ok(frozen)
    } else {
        Err(Problem::internal("the trace is not running any more"))
    }
}

fn venue_count(count: &VenueCount, venues: &HashMap<Uuid, Venue>) -> Value {
    let name = venues.get(&count.venue_id).map(|v| v.name.as_str());
    json!({
        "venue_id": count.venue_id, "name": name, "people": count.by_level.total(), "by_level": count.by_level,
    })
}

/// The rest of a large trace. Whatever goes wrong, the trace says so in the end.
pub async fn in_background(app: &App, id: Uuid, gathered: Gathered, params: Parameters, patience_ms: u64) {
    let Err(problem) = finish(app, id, &gathered, &params, patience_ms).await else { return };
    tracing::error!(trace.id = %id, code = %problem, "a trace failed");
    if let Err(problem) = give_up(app, id, problem.code.word()).await {
        tracing::error!(trace.id = %id, code = %problem, "a failed trace could not be marked");
    }
}

async fn finish(
    app: &App,
    id: Uuid,
    gathered: &Gathered,
    params: &Parameters,
    patience_ms: u64,
) -> Answer<()> {
    let found = compute(app, id, gathered, params, patience_ms).await?;
    let tx = app.db.begin_write().await?;
    freeze(&tx, id, found, gathered, app.clock.now()).await?;
    Ok(tx.commit().await?)
}

async fn give_up(app: &App, id: Uuid, code: &str) -> Answer<()> {
    let tx = app.db.begin_write().await?;
    traces::fail(&*tx, id, code).await?;
    Ok(tx.commit().await?)
}

/// One entry for the trace, and one for every index person whose visits it used.
pub fn acts<'a>(office: &'a Office, row: &trace::Model, gathered: &Gathered, detail: Value) -> Vec<Act<'a>> {
    let of_case = |(case, person): &(Uuid, Uuid)| Act {
        subject: Some(*person),
        ..act(office, "trace.case", row.id, json!({ "case": case }))
    };
    let mut acts: Vec<Act<'a>> = gathered.cases.iter().map(of_case).collect();
    acts.push(act(office, "trace.run", row.id, detail));
    acts
}
