//! Claims and answers of idempotency keys.

use mashang_domain::time::{MINUTE, Timestamp};
use mashang_entity::idempotency;
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter,
    sea_query::{Expr, OnConflict},
};
use serde_json::Value;

use crate::db::Db;

/// A claim older than this without an answer was left behind by a crash.
const ABANDONED_AFTER: i64 = MINUTE;

/// What became of a claim.
#[derive(Debug, Clone, PartialEq)]
pub enum Claim {
    Mine,
    InWork,
    OtherBody,
    Answered { status: u16, response: Value },
}

pub async fn claim(
    db: &Db,
    actor: &str,
    key: &str,
    body_hash: &[u8; 32],
    now: Timestamp,
) -> Result<Claim, DbErr> {
    let tx = db.begin_write().await?;
    let row = idempotency::ActiveModel {
        actor: Set(actor.to_owned()),
        key: Set(key.to_owned()),
        body_hash: Set(body_hash.to_vec()),
        status: Set(None),
        response: Set(None),
        created_at: Set(now),
    };
    let columns = [idempotency::Column::Actor, idempotency::Column::Key];
    let conflict = OnConflict::columns(columns).do_nothing().to_owned();
    let inserted =
        idempotency::Entity::insert(row).on_conflict(conflict).exec_without_returning(&*tx).await?;
    let claim = if inserted > 0 { Claim::Mine } else { existing(&*tx, actor, key, body_hash, now).await? };
    tx.commit().await?;
    Ok(claim)
}

async fn existing(
    tx: &impl ConnectionTrait,
    actor: &str,
    key: &str,
    body_hash: &[u8; 32],
    now: Timestamp,
) -> Result<Claim, DbErr> {
    let row = idempotency::Entity::find_by_id((actor.to_owned(), key.to_owned())).one(tx).await?;
    let Some(row) = row else { return Ok(Claim::InWork) };
    if row.body_hash != body_hash {
        return Ok(Claim::OtherBody);
    }
    if let (Some(status), Some(response)) = (row.status, row.response) {
        return Ok(Claim::Answered { status: u16::try_from(status).unwrap_or(200), response });
    }
    // Take it over, if nobody else does at the same moment.
    let taken = idempotency::Entity::update_many()
        .col_expr(idempotency::Column::CreatedAt, Expr::value(now))
        .filter(idempotency::Column::Actor.eq(actor))
        .filter(idempotency::Column::Key.eq(key))
        .filter(idempotency::Column::CreatedAt.lt(now - ABANDONED_AFTER))
        .exec(tx)
        .await?;
    Ok(if taken.rows_affected > 0 { Claim::Mine } else { Claim::InWork })
}

pub async fn answer(db: &Db, actor: &str, key: &str, status: u16, response: &Value) -> Result<(), DbErr> {
    let tx = db.begin_write().await?;
    idempotency::Entity::update_many()
        .col_expr(idempotency::Column::Status, Expr::value(i16::try_from(status).unwrap_or(200)))
        .col_expr(idempotency::Column::Response, Expr::value(response.clone()))
        .filter(idempotency::Column::Actor.eq(actor))
        .filter(idempotency::Column::Key.eq(key))
        .exec(&*tx)
        .await?;
    tx.commit().await
}

/// Gives a claim back: the work failed and may be tried again with the same key.
pub async fn release(db: &Db, actor: &str, key: &str) -> Result<(), DbErr> {
    let tx = db.begin_write().await?;
    idempotency::Entity::delete_by_id((actor.to_owned(), key.to_owned())).exec(&*tx).await?;
    tx.commit().await
}
