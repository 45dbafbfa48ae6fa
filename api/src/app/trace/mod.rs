//! Traces: who was there then, and after. A dry run: nothing is sent, everything is frozen and hashed.

pub mod gather;
pub mod rules;
pub mod run;
pub mod show;

use std::sync::Arc;

use mashang_domain::protection::audit::Purpose;
use mashang_domain::time::{MINUTE, Timestamp};
use mashang_domain::trace::{ByLevel, Parameters, TraceState};
use mashang_entity::trace;
use mashang_infra::store::audit::{self, Act};
use mashang_infra::store::trace_result as traces;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use self::gather::{Gathered, Start};
use crate::app::case::Office;
use crate::error::{Answer, Code, Problem};
use crate::state::App;

/// A trace that runs longer was left behind by a process that ended, in milliseconds.
const ABANDONED_AFTER: i64 = 30 * MINUTE;
/// What the database may take for a trace that is answered at once, in milliseconds, and for one in the background.
const QUICK_MS: u64 = 15_000;
const PATIENT_MS: u64 = 600_000;

/// What a trace comes to, in numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Counts {
    /// Contacts.
    pub people: u64,
    pub by_level: ByLevel,
    pub meetings: u64,
    /// Contacts who have no number any more.
    pub unreachable: u64,
    /// People who were met by doubted visits only, and are left out.
    pub suspect: u64,
    /// Visits the trace started from.
    pub case_visits: u64,
}

/// Starts a trace. A small one is frozen when this returns, a larger one runs on in the background.
pub async fn start(
    app: &Arc<App>,
    office: &Office,
    start: Start,
    wish: &rules::Wish,
) -> Answer<trace::Model> {
    let params = rules::parameters(&app.settings, wish)?;
    let gathered = gather::gather(app, office, &start, &params).await?;
    let row = row_of(office, &start, &params, &gathered, app.clock.now())?;
    let small = gathered.visits.len() <= app.settings.trace.small_case_visits;
    if small {
        let found = run::compute(app, row.id, &gathered, &params, QUICK_MS).await?;
        return run::freeze_new(app, office, row, found, &gathered).await;
    }
    let tx = app.db.begin_write().await?;
    traces::insert(&*tx, row.clone()).await?;
    audit::append_all(&*tx, &run::acts(office, &row, &gathered, json!({})), row.created_at).await?;
    tx.commit().await?;
    let (app, id) = (Arc::clone(app), row.id);
    let lifecycle = app.lifecycle.clone();
    lifecycle.spawn("trace", async move { run::in_background(&app, id, gathered, params, PATIENT_MS).await });
    Ok(row)
}

fn row_of(
    office: &Office,
    start: &Start,
    params: &Parameters,
    gathered: &Gathered,
    now: Timestamp,
) -> Answer<trace::Model> {
    let (case_ids, spans) = match start {
        Start::Cases(ids) => (json!(ids), json!([])),
        Start::Spans(spans) => (json!([]), json!(spans)),
    };
    Ok(trace::Model {
        id: Uuid::now_v7(),
        division_code: gathered.division_code.clone(),
        state: TraceState::Running,
        case_ids,
        spans,
        parameters: serde_json::to_value(params).map_err(Problem::internal)?,
        counts: None,
        by_venue: None,
        sha256: None,
        failure: None,
        created_by: office.id,
        created_at: now,
        frozen_at: None,
    })
}

/// Traces of the own division, newest first; `before` is the id of the last of the page before.
pub async fn page(app: &App, office: &Office, before: Option<Uuid>, limit: u64) -> Answer<Vec<trace::Model>> {
    Ok(traces::page(app.db.conn(), &office.division, before, limit).await?)
}

/// A trace of the own division, or 404.
pub async fn find(app: &App, office: &Office, id: Uuid) -> Answer<trace::Model> {
    let found = traces::by_id(app.db.conn(), id, &office.division).await?;
    let row = found.ok_or_else(|| Problem::new(Code::NotFound))?;
    let abandoned = row.state == TraceState::Running && app.clock.now() - row.created_at > ABANDONED_AFTER;
    if !abandoned {
        return Ok(row);
    }
    let tx = app.db.begin_write().await?;
    traces::fail(&*tx, id, "abandoned").await?;
    tx.commit().await?;
    let found = traces::by_id(app.db.conn(), id, &office.division).await?;
    found.ok_or_else(|| Problem::new(Code::NotFound))
}

/// A trace that is frozen; 409 while it runs, and for one that failed.
pub async fn find_frozen(app: &App, office: &Office, id: Uuid) -> Answer<trace::Model> {
    let row = find(app, office, id).await?;
    match row.state {
        TraceState::Frozen => Ok(row),
        TraceState::Running | TraceState::Failed => {
            Err(Problem::with_detail(Code::WrongState, format!("the trace is {}", row.state)))
        }
    }
}

pub(crate) fn counts_of(row: &trace::Model) -> Counts {
    row.counts.clone().and_then(|c| serde_json::from_value(c).ok()).unwrap_or_default()
}

pub(crate) fn act<'a>(office: &'a Office, action: &'static str, trace: Uuid, detail: Value) -> Act<'a> {
    Act {
        actor: &office.actor,
        action,
        purpose: Purpose::Trace,
        subject: None,
        object_kind: "trace",
        object_id: trace.to_string(),
        detail,
    }
}
