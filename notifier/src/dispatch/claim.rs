//! The claim: rows are taken, planned, and their attempts committed before any call.

use std::collections::BTreeMap;
use std::time::Duration;

use mashang_domain::delivery::Channel;
use mashang_domain::person::Platform;
use mashang_domain::time::{DAY, Timestamp};
use mashang_entity::delivery;
use mashang_infra::bugs::{self, Bug};
use mashang_infra::db::WriteTx;
use mashang_infra::store;
use mashang_infra::store::delivery::Claim;
use sea_orm::DbErr;
use tokio::time::Instant;
use uuid::Uuid;

use crate::plan::{Facts, Plan, Planned, Planner, Sent};
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
    let mut rows = store::delivery::claim(&*tx, ids, &terms).await?;
    if rows.is_empty() {
        tx.rollback().await?;
        return Ok((Plan::default(), deadline));
    }
    word_summaries(&tx, &mut rows).await?;
    let facts = facts(core, &tx, &rows, now).await?;
    let plan = core.planner(now).plan(rows, &facts);
    let attempts: Vec<_> = plan.batches.iter().flat_map(|b| b.attempts.iter().cloned()).collect();
    let attempts = if bugs::has(Bug::CallBeforeAttempt) { Vec::new() } else { attempts };
    for part in attempts.chunks(500) {
        store::delivery::open_attempts(&*tx, part, now).await?;
    }
    store::delivery::record(&*tx, core.owner, &plan.settled, now).await?;
    tx.commit().await?;
    count(&plan);
    Ok((plan, deadline))
}

/// Every number that was opened led to an attempt, or to a delivery that was held back: an alarm compares the three.
fn count(plan: &Plan) {
    plan.batches.iter().for_each(Planned::count_attempts);
    for (purpose, n) in &plan.held {
        metrics::counter!("mashang_deliveries_held_total", "purpose" => purpose.as_str()).increment(*n);
    }
}

/// Summaries that are claimed for the first time get their words, which stay the same for every further try.
async fn word_summaries(tx: &WriteTx, rows: &mut [delivery::Model]) -> Result<(), DbErr> {
    let wordless = |row: &delivery::Model| row.variables.as_object().is_none_or(|words| words.is_empty());
    let mut alerts: BTreeMap<Uuid, Vec<&mut delivery::Model>> = BTreeMap::new();
    for row in rows.iter_mut().filter(|row| row.staff_id.is_some() && wordless(row)) {
        if let Some(alert) = row.alert_id {
            alerts.entry(alert).or_default().push(row);
        }
    }
    for (alert, rows) in alerts {
        let says = store::summary::figures(&**tx, alert).await?;
        let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
        store::summary::keep(&**tx, &ids, &says).await?;
        rows.into_iter().for_each(|row| row.variables = says.clone());
    }
    Ok(())
}

async fn facts(core: &Core, tx: &WriteTx, rows: &[delivery::Model], now: Timestamp) -> Result<Facts, DbErr> {
    let all = |of: fn(&delivery::Model) -> Option<Uuid>| {
        let mut ids: Vec<Uuid> = rows.iter().filter_map(of).collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    };
    let people = store::delivery::people(&**tx, &all(|r| r.person_id)).await?;
    let written = all(|r| r.person_id.filter(|_| r.channel == Channel::Subscribe));
    let accounts = store::platform::account::of_people(&**tx, Platform::Wechat, &written).await?;
    let logins = store::delivery::logins(&**tx, &all(|r| r.login_id)).await?;
    let staff = store::summary::readers(&**tx, &all(|r| r.staff_id)).await?;
    let again = all(|r| (r.epoch > 1).then_some(r.id));
    let unanswered = store::delivery::unanswered(&**tx, &again).await?;
    let resent: Vec<Uuid> = rows.iter().filter(|r| r.possible_duplicates > 0).map(|r| r.id).collect();
    let told = store::delivery::told_before(&**tx, &resent).await?;
    let approvals = store::alert::approvals(&**tx, &all(|r| r.alert_id)).await?;
    let sent = sent(core, tx, rows, now).await?;
    Ok(Facts {
        people: people.into_iter().map(|p| (p.id, p)).collect(),
        accounts: accounts.into_iter().map(|a| (a.person_id, a)).collect(),
        logins: logins.into_iter().map(|l| (l.id, l)).collect(),
        staff: staff.into_iter().map(|s| (s.id, s)).collect(),
        unanswered: unanswered.into_iter().map(|u| (u.delivery_id, u)).collect(),
        cancelled: approvals.iter().filter(|a| a.cancelled).map(|a| a.id).collect(),
        decided: approvals.into_iter().map(|a| (a.id, a.decided_at)).collect(),
        sent,
        told: told.into_iter().collect(),
    })
}

/// What these numbers got in the last day, where a provider caps that.
async fn sent(core: &Core, tx: &WriteTx, rows: &[delivery::Model], now: Timestamp) -> Result<Sent, DbErr> {
    if !core.router.caps_numbers() {
        return Ok(Sent::new());
    }
    let real = || rows.iter().filter(|row| !row.drill);
    let people: Vec<Uuid> = real().filter_map(|row| row.person_id).collect();
    let logins: Vec<Uuid> = real().filter_map(|row| row.login_id).collect();
    let mut sent = Sent::new();
    for one in store::delivery::sent_to(&**tx, &people, &logins, now - DAY).await? {
        sent.entry(one.phone_hash).or_default().push((one.gateway, one.at));
    }
    Ok(sent)
}

impl Core {
    /// A planner for one claim.
    pub(crate) fn planner(&self, now: Timestamp) -> Planner<'_> {
        Planner { settings: &self.settings, keys: &self.keys, router: &self.router, now }
    }
}
