//! The access token of a platform's server API: one row for each mini-program, sealed, and the turn to fetch a new one.

use mashang_domain::protection::audit::Purpose;
use mashang_domain::time::Timestamp;
use mashang_entity::platform_token;
use platform_token::Column;
use sea_orm::sea_query::{Expr, ExprTrait, OnConflict};
use sea_orm::{ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter};
use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;

use super::unsealed;
use crate::keys::{Field, KeyRing};

/// A token and its times.
#[derive(Debug, Clone)]
pub struct Held {
    pub token: SecretString,
    pub fetched_at: Timestamp,
    pub expires_at: Timestamp,
}

/// The token of `name`, when one was fetched. One that no longer opens is none.
///
/// # Errors
/// When the database does not do its part.
pub async fn held(db: &impl ConnectionTrait, keys: &KeyRing, name: &str) -> Result<Option<Held>, DbErr> {
    let Some(row) = platform_token::Entity::find_by_id(name).one(db).await? else { return Ok(None) };
    let Some(sealed) = &row.token_sealed else { return Ok(None) };
    let (field, purpose) = (Field::PlatformToken, Purpose::Administration);
    let opened = keys.open_sealed(field, row.id, row.key_version, sealed, purpose);
    let token = opened.ok().and_then(|bytes| String::from_utf8(bytes).ok());
    Ok(token.map(|token| Held {
        token: token.into(),
        fetched_at: row.fetched_at,
        expires_at: row.expires_at,
    }))
}

/// Takes the turn to fetch a token, until `until`; true for one caller at a time, over all processes.
///
/// # Errors
/// When the database does not do its part.
pub async fn claim(
    db: &impl ConnectionTrait,
    name: &str,
    now: Timestamp,
    until: Timestamp,
) -> Result<bool, DbErr> {
    let never = Timestamp(0);
    let row = platform_token::ActiveModel {
        name: Set(name.to_owned()),
        id: Set(Uuid::now_v7()),
        token_sealed: Set(None),
        key_version: Set(0),
        fetched_at: Set(never),
        expires_at: Set(never),
        claimed_until: Set(never),
    };
    let there = OnConflict::column(Column::Name).do_nothing().to_owned();
    platform_token::Entity::insert(row).on_conflict(there).exec_without_returning(db).await?;
    let free = Column::Name.eq(name).and(Column::ClaimedUntil.lte(now));
    let taken = platform_token::Entity::update_many().col_expr(Column::ClaimedUntil, Expr::value(until));
    Ok(taken.filter(free).exec(db).await?.rows_affected == 1)
}

/// Puts a new token in its place and gives the turn back.
///
/// # Errors
/// When the database or the key ring does not do its part.
pub async fn keep(db: &impl ConnectionTrait, keys: &KeyRing, name: &str, held: &Held) -> Result<(), DbErr> {
    let Some(row) = platform_token::Entity::find_by_id(name).one(db).await? else { return Ok(()) };
    let sealed = keys.seal(Field::PlatformToken, row.id, held.token.expose_secret().as_bytes());
    platform_token::Entity::update_many()
        .col_expr(Column::TokenSealed, Expr::value(sealed.map_err(unsealed)?))
        .col_expr(Column::KeyVersion, Expr::value(keys.current_version()))
        .col_expr(Column::FetchedAt, Expr::value(held.fetched_at))
        .col_expr(Column::ExpiresAt, Expr::value(held.expires_at))
        .col_expr(Column::ClaimedUntil, Expr::value(Timestamp(0)))
        .filter(Column::Name.eq(name))
        .exec(db)
        .await
        .map(|_| ())
}

/// Gives the turn back without a token.
///
/// # Errors
/// When the database does not do its part.
pub async fn give_back(db: &impl ConnectionTrait, name: &str) -> Result<(), DbErr> {
    platform_token::Entity::update_many()
        .col_expr(Column::ClaimedUntil, Expr::value(Timestamp(0)))
        .filter(Column::Name.eq(name))
        .exec(db)
        .await
        .map(|_| ())
}
