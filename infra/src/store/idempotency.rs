//! Claims and answers of idempotency keys.
//!
//! A body may hold a number or a password and an answer a secret that is shown once. So the one is kept as a keyed hash
//! and the other sealed: a stolen database gives neither.

use mashang_domain::protection::audit::Purpose;
use mashang_domain::time::{MINUTE, Timestamp};
use mashang_entity::idempotency;
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter,
    sea_query::{Expr, OnConflict},
};
use serde_json::Value;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::db::Db;
use crate::keys::{Field, KeyRing, Label};

/// A claim older than this without an answer was left behind by a crash.
const ABANDONED_AFTER: i64 = MINUTE;

/// Whose key it is. The same key of another actor is another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    pub actor: String,
    pub key: String,
}

impl Name {
    /// The row, as sealing binds it.
    fn row(&self) -> Uuid {
        let digest =
            Sha256::new().chain_update(&self.actor).chain_update([0]).chain_update(&self.key).finalize();
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest[..16]);
        Uuid::from_bytes(bytes)
    }

    fn is_row(&self) -> sea_orm::Condition {
        let of_actor = idempotency::Column::Actor.eq(self.actor.as_str());
        sea_orm::Condition::all().add(of_actor).add(idempotency::Column::Key.eq(self.key.as_str()))
    }
}

/// What became of a claim.
#[derive(Debug, Clone, PartialEq)]
pub enum Claim {
    Mine,
    InWork,
    OtherBody,
    Answered { status: u16, response: Value },
}

/// `body_hash` is that of the request's bytes.
pub async fn claim(
    db: &Db,
    keys: &KeyRing,
    name: &Name,
    body_hash: &[u8; 32],
    now: Timestamp,
) -> Result<Claim, DbErr> {
    let tx = db.begin_write().await?;
    let body_hash = keys.keyed_hash(Label::RequestBody, body_hash);
    let row = idempotency::ActiveModel {
        actor: Set(name.actor.clone()),
        key: Set(name.key.clone()),
        body_hash: Set(body_hash.clone()),
        status: Set(None),
        response_sealed: Set(None),
        key_version: Set(None),
        created_at: Set(now),
    };
    let columns = [idempotency::Column::Actor, idempotency::Column::Key];
    let conflict = OnConflict::columns(columns).do_nothing().to_owned();
    let inserted =
        idempotency::Entity::insert(row).on_conflict(conflict).exec_without_returning(&*tx).await?;
    let claim = if inserted > 0 { Claim::Mine } else { existing(&*tx, keys, name, &body_hash, now).await? };
    tx.commit().await?;
    Ok(claim)
}

async fn existing(
    tx: &impl ConnectionTrait,
    keys: &KeyRing,
    name: &Name,
    body_hash: &[u8],
    now: Timestamp,
) -> Result<Claim, DbErr> {
    let row = idempotency::Entity::find().filter(name.is_row()).one(tx).await?;
    let Some(row) = row else { return Ok(Claim::InWork) };
    if row.body_hash != body_hash {
        return Ok(Claim::OtherBody);
    }
    if let (Some(status), Some(sealed), Some(version)) = (row.status, row.response_sealed, row.key_version) {
        let status = u16::try_from(status).unwrap_or(200);
        let response = open(keys, name, version, &sealed).map_err(|e| DbErr::Custom(e.to_string()))?;
        return Ok(Claim::Answered { status, response });
    }
    // Take it over, if nobody else does at the same moment.
    let taken = idempotency::Entity::update_many()
        .col_expr(idempotency::Column::CreatedAt, Expr::value(now))
        .filter(name.is_row())
        .filter(idempotency::Column::CreatedAt.lt(now - ABANDONED_AFTER))
        .exec(tx)
        .await?;
    Ok(if taken.rows_affected > 0 { Claim::Mine } else { Claim::InWork })
}

fn open(
    keys: &KeyRing,
    name: &Name,
    version: i32,
    sealed: &[u8],
) -> Result<Value, Box<dyn std::error::Error>> {
    let purpose = Purpose::OwnRequest;
    let bytes = keys.open_sealed(Field::IdempotentAnswer, name.row(), version, sealed, purpose)?;
    Ok(serde_json::from_slice(&bytes)?)
}

pub async fn answer(
    db: &Db,
    keys: &KeyRing,
    name: &Name,
    status: u16,
    response: &Value,
) -> Result<(), DbErr> {
    let text = response.to_string();
    let sealed = keys.seal(Field::IdempotentAnswer, name.row(), text.as_bytes());
    let sealed = sealed.map_err(|e| DbErr::Custom(e.to_string()))?;
    let tx = db.begin_write().await?;
    idempotency::Entity::update_many()
        .col_expr(idempotency::Column::Status, Expr::value(i16::try_from(status).unwrap_or(200)))
        .col_expr(idempotency::Column::ResponseSealed, Expr::value(sealed))
        .col_expr(idempotency::Column::KeyVersion, Expr::value(keys.current_version()))
        .filter(name.is_row())
        .exec(&*tx)
        .await?;
    tx.commit().await
}

/// Gives a claim back: the work failed and may be tried again with the same key.
pub async fn release(db: &Db, name: &Name) -> Result<(), DbErr> {
    let tx = db.begin_write().await?;
    idempotency::Entity::delete_many().filter(name.is_row()).exec(&*tx).await?;
    tx.commit().await
}
