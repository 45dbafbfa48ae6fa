//! The claim: rows are taken, planned, and their attempts committed before any call.

use std::time::Duration;

use mashang_domain::time::Timestamp;
use mashang_entity::delivery;
use mashang_infra::db::WriteTx;
use mashang_infra::store;
use mashang_infra::store::delivery::Claim;
use sea_orm::DbErr;
use tokio::time::Instant;
use uuid::Uuid;

use crate::plan::{Facts, Plan, Planner};
use crate::service::Core;

/// Claims, plans and writes the attempts, in one transaction. Answers until when calls may be under way.
pub(super) async fn claim(core: &Core, ids: &[Uuid]) -> Result<(Plan, Instant), DbErr> {
    let lease = Duration::from_secs(core.settings.notifier.lease_seconds);
    let tx = core.db.begin_write().await?;
    let (now, deadline) = (core.clock.now(), Instant::now() + lease);
    let terms = Claim {
        owner: core.owner,
        until: now + i64::try_from(lease.as_millis()).unwrap_or(i64::MAX),
        now,
        voice_open: core.voice_is_open(now),
    };
    let rows = store::delivery::claim(&*tx, ids, &terms).await?;
    if rows.is_empty() {
        tx.rollback().await?;
        return Ok((Plan::default(), deadline));
    }
    let facts = facts(&tx, &rows).await?;
    let plan = core.planner(now).plan(rows, &facts);
    let attempts: Vec<_> = plan.batches.iter().flat_map(|b| b.attempts.iter().cloned()).collect();
    for part in attempts.chunks(500) {
        store::delivery::write_attempts(&*tx, part, core.owner, now).await?;
    }
    store::delivery::record(&*tx, core.owner, &plan.settled, now).await?;
    tx.commit().await?;
    Ok((plan, deadline))
}

async fn facts(tx: &WriteTx, rows: &[delivery::Model]) -> Result<Facts, DbErr> {
    let all = |of: fn(&delivery::Model) -> Option<Uuid>| {
        let mut ids: Vec<Uuid> = rows.iter().filter_map(of).collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    };
    let people = store::delivery::people(&**tx, &all(|r| r.person_id)).await?;
    let logins = store::delivery::logins(&**tx, &all(|r| r.login_id)).await?;
    let again = all(|r| (r.epoch > 1).then_some(r.id));
    let unanswered = store::delivery::unanswered(&**tx, &again).await?;
    let approvals = store::alert::approvals(&**tx, &all(|r| r.alert_id)).await?;
    Ok(Facts {
        people: people.into_iter().map(|p| (p.id, p)).collect(),
        logins: logins.into_iter().map(|l| (l.id, l)).collect(),
        unanswered: unanswered.into_iter().map(|u| (u.delivery_id, u)).collect(),
        decided: approvals.into_iter().map(|a| (a.id, a.decided_at)).collect(),
    })
}

impl Core {
    /// A planner for one claim.
    pub(crate) fn planner(&self, now: Timestamp) -> Planner<'_> {
        Planner { settings: &self.settings, keys: &self.keys, router: &self.router, now }
    }
}
