//! Deliveries that were given up, for operators to see and to send again.

use mashang_domain::delivery::state::{self, DeliveryEvent};
use mashang_domain::delivery::{DeliveryState, RungKind};
use mashang_domain::time::Timestamp;
use mashang_entity::delivery;
use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use uuid::Uuid;

use crate::queue::Task;
use crate::store::outbox;
use crate::store::statement::{Raw, words};

/// Alerts' deliveries that were given up, newest first; `before` is the id of the last of the page before.
pub async fn dead_letters(
    db: &impl ConnectionTrait,
    before: Option<Uuid>,
    limit: u64,
) -> Result<Vec<delivery::Model>, DbErr> {
    let mut query = delivery::Entity::find()
        .filter(delivery::Column::State.eq(DeliveryState::Failed))
        .filter(delivery::Column::RungKind.ne(RungKind::Login));
    if let Some(id) = before {
        query = query.filter(delivery::Column::Id.lt(id));
    }
    query.order_by_desc(delivery::Column::Id).limit(limit).all(db).await
}

/// The deliveries of an alert by id, from `after` on.
pub async fn of_alert(
    db: &impl ConnectionTrait,
    alert: Uuid,
    after: Option<Uuid>,
    limit: u64,
) -> Result<Vec<delivery::Model>, DbErr> {
    let mut query = delivery::Entity::find().filter(delivery::Column::AlertId.eq(alert));
    if let Some(id) = after {
        query = query.filter(delivery::Column::Id.gt(id));
    }
    query.order_by_asc(delivery::Column::Id).limit(limit).all(db).await
}

/// `failed -> pending` (or `undelivered -> pending`) at an operator's wish, with fresh tries, until `expires_at`. False
/// when it is no dead letter of an alert that still stands.
pub async fn resend(
    tx: &impl ConnectionTrait,
    id: Uuid,
    expires_at: Timestamp,
    now: Timestamp,
) -> Result<bool, DbErr> {
    let raw = Raw::new(
        tx,
        "UPDATE delivery SET state = 'pending', tries = 0, code = NULL, settled_at = NULL, lease_until = NULL, due_at = ",
    );
    let raw = raw.bind(now).sql(", expires_at = ").bind(expires_at).sql(" WHERE id = ").bind(id).sql(&format!(
        " AND state IN ({}) AND rung_kind <> 'login' AND NOT EXISTS (SELECT 1 FROM alert a WHERE a.id = delivery.alert_id \
         AND a.state = 'cancelled')",
        words(state::from(DeliveryEvent::Revive))
    ));
    if tx.execute_raw(raw.done()).await?.rows_affected() == 0 {
        return Ok(false);
    }
    reopen_alert_of(tx, id).await?;
    outbox::add(tx, &Task::Send { deliveries: vec![id] }, now).await?;
    Ok(true)
}

/// Which dead letters are sent again at once.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    pub alert: Option<Uuid>,
    /// The first word of their code.
    pub reason: Option<&'a str>,
    pub limit: u64,
}

/// As [`resend`] for all that were given up and are wanted, oldest first. Answers how many; the sweep queues them.
pub async fn resend_all(
    tx: &impl ConnectionTrait,
    wanted: &Wanted<'_>,
    expires_at: Timestamp,
    now: Timestamp,
) -> Result<u64, DbErr> {
    let raw = Raw::new(
        tx,
        "UPDATE delivery SET state = 'pending', tries = 0, code = NULL, settled_at = NULL, lease_until = NULL, due_at = ",
    );
    let raw = raw.bind(now).sql(", expires_at = ").bind(expires_at).sql(
        " WHERE id IN (SELECT d.id FROM delivery d JOIN alert a ON a.id = d.alert_id WHERE d.stage = 2 AND d.state = 'failed' \
         AND d.rung_kind <> 'login' AND a.state <> 'cancelled'",
    );
    let raw = match wanted.alert {
        Some(alert) => raw.sql(" AND d.alert_id = ").bind(alert),
        None => raw,
    };
    let raw = match wanted.reason {
        Some(word) => {
            raw.sql(" AND (d.code = ").bind(word).sql(" OR d.code LIKE ").bind(format!("{word}:%")).sql(")")
        }
        None => raw,
    };
    let raw = raw.sql(" ORDER BY d.created_at LIMIT ").bind(i64::try_from(wanted.limit).unwrap_or(i64::MAX));
    let raw = raw.either(" FOR UPDATE OF d SKIP LOCKED)", ")");
    let sent = tx.execute_raw(raw.done()).await?.rows_affected();
    if sent > 0 {
        let raw = Raw::new(
            tx,
            "UPDATE alert SET state = 'sending', done_at = NULL WHERE state = 'done' AND EXISTS (SELECT 1 FROM delivery d \
             WHERE d.alert_id = alert.id AND d.stage = 0 AND d.state = 'pending')",
        );
        tx.execute_raw(raw.done()).await?;
    }
    Ok(sent)
}

/// Wakes what waits because gateways were paused or shut. Answers how many.
pub async fn wake(tx: &impl ConnectionTrait, now: Timestamp) -> Result<u64, DbErr> {
    let raw = Raw::new(tx, "UPDATE delivery SET lease_until = NULL, due_at = ").bind(now);
    let raw =
        raw.sql(" WHERE stage = 0 AND state = 'pending' AND code IN ('gateways_paused', 'gateways_closed') AND due_at > ");
    Ok(tx.execute_raw(raw.bind(now).done()).await?.rows_affected())
}

async fn reopen_alert_of(tx: &impl ConnectionTrait, id: Uuid) -> Result<(), DbErr> {
    let raw = Raw::new(
        tx,
        "UPDATE alert SET state = 'sending', done_at = NULL WHERE state = 'done' AND id IN (SELECT alert_id FROM delivery WHERE id = ",
    );
    tx.execute_raw(raw.bind(id).sql(")").done()).await.map(|_| ())
}
