//! Sessions of citizens and staff.

use mashang_domain::time::Timestamp;
use mashang_entity::session;
use sea_orm::sea_query::ExprTrait;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, sea_query::Expr,
};
use uuid::Uuid;

/// A session to be written.
#[derive(Debug, Clone)]
pub struct NewSession {
    pub token_hash: Vec<u8>,
    pub person_id: Option<Uuid>,
    pub staff_id: Option<Uuid>,
    pub expires_at: Timestamp,
}

pub async fn insert(tx: &impl ConnectionTrait, new: NewSession, now: Timestamp) -> Result<(), DbErr> {
    let row = session::ActiveModel {
        token_hash: Set(new.token_hash),
        person_id: Set(new.person_id),
        staff_id: Set(new.staff_id),
        created_at: Set(now),
        expires_at: Set(new.expires_at),
        last_seen_at: Set(now),
        revoked_at: Set(None),
    };
    session::Entity::insert(row).exec_without_returning(tx).await.map(|_| ())
}

pub async fn seen(tx: &impl ConnectionTrait, token_hash: &[u8], now: Timestamp) -> Result<(), DbErr> {
    let update = session::Entity::update_many().col_expr(session::Column::LastSeenAt, Expr::value(now));
    update.filter(session::Column::TokenHash.eq(token_hash.to_vec())).exec(tx).await.map(|_| ())
}

pub async fn revoke(tx: &impl ConnectionTrait, token_hash: &[u8], now: Timestamp) -> Result<(), DbErr> {
    let update = session::Entity::update_many().col_expr(session::Column::RevokedAt, Expr::value(now));
    update.filter(session::Column::TokenHash.eq(token_hash.to_vec())).exec(tx).await.map(|_| ())
}

/// Revokes every session of a member of staff and returns their hashes, so that caches can drop them.
pub async fn revoke_of_staff(
    tx: &impl ConnectionTrait,
    staff: Uuid,
    now: Timestamp,
) -> Result<Vec<Vec<u8>>, DbErr> {
    let open = session::Column::StaffId.eq(staff).and(session::Column::RevokedAt.is_null());
    revoke_where(tx, open, now).await
}

/// Revokes every session of a citizen but one.
pub async fn revoke_of_person(
    tx: &impl ConnectionTrait,
    person: Uuid,
    except: Option<&[u8]>,
    now: Timestamp,
) -> Result<Vec<Vec<u8>>, DbErr> {
    let mut open = session::Column::PersonId.eq(person).and(session::Column::RevokedAt.is_null());
    if let Some(hash) = except {
        open = open.and(session::Column::TokenHash.ne(hash.to_vec()));
    }
    revoke_where(tx, open, now).await
}

async fn revoke_where(
    tx: &impl ConnectionTrait,
    which: sea_orm::sea_query::SimpleExpr,
    now: Timestamp,
) -> Result<Vec<Vec<u8>>, DbErr> {
    let rows = session::Entity::find().filter(which.clone()).all(tx).await?;
    let update = session::Entity::update_many().col_expr(session::Column::RevokedAt, Expr::value(now));
    update.filter(which).exec(tx).await?;
    Ok(rows.into_iter().map(|s| s.token_hash).collect())
}

pub async fn of_person(db: &impl ConnectionTrait, person: Uuid) -> Result<Vec<session::Model>, DbErr> {
    session::Entity::find().filter(session::Column::PersonId.eq(person)).all(db).await
}
