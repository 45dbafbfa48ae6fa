//! The retention table with the settings in force, and a run of the deletion out of its turn.

use std::collections::BTreeMap;

use mashang_domain::person::Actor;
use mashang_domain::protection::audit::Purpose;
use mashang_domain::time::Timestamp;
use mashang_infra::lease;
use mashang_infra::nightly::result_of;
use mashang_infra::store::audit::{self, Act};
use mashang_infra::store::retention::{JOB, PurgeCount, purge};
use serde_json::json;

use crate::error::{Answer, Code, Problem};
use crate::state::App;

/// What the last run deleted.
pub struct LastRun {
    pub finished_at: Timestamp,
    pub deleted: BTreeMap<String, u64>,
}

pub async fn last_run(app: &App) -> Answer<Option<LastRun>> {
    let last = lease::last_finished(app.db.conn(), JOB).await?;
    Ok(last.map(|tick| LastRun {
        finished_at: tick.finished_at,
        deleted: serde_json::from_str(&tick.result).unwrap_or_default(),
    }))
}

/// Deletes now what is too old. Recorded as a run of the job, so that the night does not repeat it.
pub async fn run(app: &App, actor: &Actor) -> Answer<Vec<PurgeCount>> {
    let now = app.clock.now();
    let tx = app.db.begin_write().await?;
    if !lease::try_claim_tick(&*tx, JOB, now, now).await? {
        return Err(Problem::new(Code::InProgress));
    }
    let act = Act {
        actor,
        action: "retention.request_run",
        purpose: Purpose::Retention,
        subject: None,
        object_kind: "job",
        object_id: JOB.to_owned(),
        detail: json!({}),
    };
    audit::append(&*tx, act, now).await?;
    tx.commit().await?;
    let counts = purge(&app.db, &app.settings.retention, now).await?;
    lease::finish_tick(app.db.conn(), JOB, now, app.clock.now(), &result_of(&counts)).await?;
    Ok(counts)
}
