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

async fn reopen_alert_of(tx: &impl ConnectionTrait, id: Uuid) -> Result<(), DbErr> {
    let raw = Raw::new(
        tx,
        "UPDATE alert SET state = 'sending', done_at = NULL WHERE state = 'done' AND id IN (SELECT alert_id FROM delivery WHERE id = ",
    );
    tx.execute_raw(raw.bind(id).sql(")").done()).await.map(|_| ())
}
