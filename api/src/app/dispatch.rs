//! What operators see of the dispatch, and the dead letters they send again.

use std::collections::BTreeMap;

use mashang_domain::person::Actor;
use mashang_domain::protection::audit::Purpose;
use mashang_domain::time::{DAY, HOUR};
use mashang_entity::{delivery, gateway};
use mashang_infra::queue::{StreamDepth, Task};
use mashang_infra::store::answer;
use mashang_infra::store::audit::{self, Act};
use mashang_infra::store::delivery::{self as deliveries, Backlog};
use mashang_infra::store::{gateway as gateways, work_list};
use serde_json::json;
use uuid::Uuid;

use super::alert::decide::push;
use crate::error::{Answer, Code, Problem};
use crate::state::App;

/// The queue, the database's own view of it, the gateways, and how long the work list is.
pub struct Overview {
    pub streams: Vec<StreamDepth>,
    pub backlog: Backlog,
    pub gateways: Vec<Seen>,
    pub work: work_list::Length,
}

/// A gateway that a notifier uses, or that something went through, with its deliveries of the last day by state.
pub struct Seen {
    pub name: String,
    pub row: Option<gateway::Model>,
    pub counts: BTreeMap<String, i64>,
}

/// Dead letters that one request sends again at most.
pub const RESEND_AT_ONCE: u64 = 20_000;

pub async fn overview(app: &App) -> Answer<Overview> {
    let (conn, now) = (app.db.conn(), app.clock.now());
    let streams = match app.queue.depth().await {
        Ok(streams) => streams,
        Err(error) => {
            tracing::warn!(%error, "the depth of the queue is not known");
            Vec::new()
        }
    };
    Ok(Overview {
        streams,
        backlog: deliveries::backlog(conn, now).await?,
        gateways: gateways_seen(app).await?,
        work: work_list::length(conn).await?,
    })
}

async fn gateways_seen(app: &App) -> Answer<Vec<Seen>> {
    let conn = app.db.conn();
    let seen = |name: &str, row| Seen { name: name.to_owned(), row, counts: BTreeMap::new() };
    let rows = gateways::all(conn).await?.into_iter();
    let mut all: BTreeMap<String, Seen> =
        rows.map(|row| (row.name.clone(), seen(&row.name.clone(), Some(row)))).collect();
    for count in answer::per_gateway(conn, app.clock.now() - DAY).await? {
        let gateway = all.entry(count.gateway.clone()).or_insert_with(|| seen(&count.gateway, None));
        gateway.counts.insert(count.state.to_string(), count.count);
    }
    Ok(all.into_values().collect())
}

/// What an operator wants of a gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    Pause,
    Resume,
}

/// Pauses or resumes a gateway in all notifiers, within a pass of their sweeps. Twice is harmless. What waited for it is
/// due at once when it resumes.
pub async fn change_use(app: &App, actor: &Actor, by: Uuid, name: &str, wanted: Use) -> Answer<Seen> {
    let now = app.clock.now();
    let tx = app.db.begin_write().await?;
    if gateways::by_name(&*tx, name).await?.is_none() {
        return Err(Problem::new(Code::NotFound));
    }
    let (changed, action, woken) = match wanted {
        Use::Pause => (gateways::pause(&*tx, name, by, now).await?, "dispatch.pause", 0),
        Use::Resume => {
            let changed = gateways::resume(&*tx, name).await?;
            let woken = if changed { deliveries::wake(&*tx, now).await? } else { 0 };
            (changed, "dispatch.resume", woken)
        }
    };
    if changed {
        let act = Act {
            actor,
            action,
            purpose: Purpose::Administration,
            subject: None,
            object_kind: "gateway",
            object_id: name.to_owned(),
            detail: json!({ "woken": woken }),
        };
        audit::append(&*tx, act, now).await?;
    }
    tx.commit().await?;
    let found = gateways_seen(app).await?.into_iter().find(|g| g.name == name);
    found.ok_or_else(|| Problem::new(Code::NotFound))
}

/// Sends dead letters again, with fresh tries and a fresh time to expire: all, those of an alert, or those of a reason.
/// Answers how many; at most [`RESEND_AT_ONCE`].
pub async fn resend_all(app: &App, actor: &Actor, alert: Option<Uuid>, reason: Option<&str>) -> Answer<u64> {
    let now = app.clock.now();
    let wanted = deliveries::Wanted { alert, reason, limit: RESEND_AT_ONCE };
    let tx = app.db.begin_write().await?;
    let expires_at = now + app.settings.alerts.expires_hours * HOUR;
    let sent = deliveries::resend_all(&*tx, &wanted, expires_at, now).await?;
    if sent > 0 {
        let act = Act {
            actor,
            action: "dispatch.resend_all",
            purpose: Purpose::Alert,
            subject: None,
            object_kind: "alert",
            object_id: alert.map_or_else(|| "all".to_owned(), |id| id.to_string()),
            detail: json!({ "deliveries": sent, "reason": reason }),
        };
        audit::append(&*tx, act, now).await?;
    }
    tx.commit().await?;
    Ok(sent)
}

pub async fn dead_letters(app: &App, before: Option<Uuid>, limit: u64) -> Answer<Vec<delivery::Model>> {
    Ok(deliveries::dead_letters(app.db.conn(), before, limit).await?)
}

/// Sends a dead letter again, with fresh tries and a fresh time to expire.
pub async fn resend(app: &App, actor: &Actor, id: Uuid) -> Answer<delivery::Model> {
    let missing = || Problem::new(Code::NotFound);
    let present = answer::dead_letter(app.db.conn(), id).await?.ok_or_else(missing)?;
    let now = app.clock.now();
    let tx = app.db.begin_write().await?;
    if !deliveries::resend(&*tx, id, now + app.settings.alerts.expires_hours * HOUR, now).await? {
        return Err(Problem::with_detail(Code::WrongState, format!("the delivery is {}", present.state)));
    }
    let act = Act {
        actor,
        action: "dispatch.resend",
        purpose: Purpose::Alert,
        subject: present.person_id,
        object_kind: "delivery",
        object_id: id.to_string(),
        detail: json!({ "alert": present.alert_id }),
    };
    audit::append(&*tx, act, now).await?;
    tx.commit().await?;
    push(app, &[Task::Send { deliveries: vec![id] }]).await;
    answer::dead_letter(app.db.conn(), id).await?.ok_or_else(missing)
}
