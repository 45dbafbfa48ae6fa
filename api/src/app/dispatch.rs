//! What operators see of the dispatch, and the dead letters they send again.

use std::collections::BTreeMap;

use mashang_domain::person::Actor;
use mashang_domain::protection::audit::Purpose;
use mashang_domain::time::{DAY, HOUR};
use mashang_entity::delivery;
use mashang_infra::queue::{StreamDepth, Task};
use mashang_infra::store::answer;
use mashang_infra::store::audit::{self, Act};
use mashang_infra::store::delivery::{self as deliveries, Backlog};
use serde_json::json;
use uuid::Uuid;

use super::alert::decide::push;
use crate::error::{Answer, Code, Problem};
use crate::state::App;

/// The queue, the database's own view of it, and the deliveries of the last day per gateway and state.
pub struct Overview {
    pub streams: Vec<StreamDepth>,
    pub backlog: Backlog,
    pub gateways: BTreeMap<String, BTreeMap<String, i64>>,
}

pub async fn overview(app: &App) -> Answer<Overview> {
    let (conn, now) = (app.db.conn(), app.clock.now());
    let streams = match app.queue.depth().await {
        Ok(streams) => streams,
        Err(error) => {
            tracing::warn!(%error, "the depth of the queue is not known");
            Vec::new()
        }
    };
    let mut gateways: BTreeMap<String, BTreeMap<String, i64>> = BTreeMap::new();
    for row in answer::per_gateway(conn, now - DAY).await? {
        gateways.entry(row.gateway).or_default().insert(row.state.to_string(), row.count);
    }
    Ok(Overview { streams, backlog: deliveries::backlog(conn, now).await?, gateways })
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
