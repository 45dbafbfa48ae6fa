//! Accounts that wait for a phone number. The client holds a token of 256 random bits, stored as its hash; it is used once
//! and soon over.

use mashang_domain::person::{OpenId, Platform};
use mashang_domain::protection::audit::Purpose;
use mashang_domain::time::{MINUTE, Timestamp};
use mashang_entity::platform_binding;
use platform_binding::Column;
use sea_orm::sea_query::{Expr, ExprTrait, SimpleExpr};
use sea_orm::{ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter};
use uuid::Uuid;

use super::{open_id_hash, unsealed};
use crate::keys::{Field, KeyRing, token_hash};

/// How long a token is good for.
pub const LIFE: i64 = 10 * MINUTE;

/// An account that waits.
#[derive(Debug, Clone)]
pub struct Waiting {
    pub platform: Platform,
    pub open_id: OpenId,
}

/// Notes down that this account waits, under a token.
///
/// # Errors
/// When the database or the key ring does not do its part.
pub async fn insert(
    tx: &impl ConnectionTrait,
    keys: &KeyRing,
    waiting: &Waiting,
    token: &str,
    now: Timestamp,
) -> Result<(), DbErr> {
    let (id, open_id) = (Uuid::now_v7(), &waiting.open_id);
    let row = platform_binding::ActiveModel {
        id: Set(id),
        token_hash: Set(token_hash(token)),
        platform: Set(waiting.platform),
        open_id_hash: Set(open_id_hash(keys, waiting.platform, open_id)),
        open_id_sealed: Set(keys
            .seal(Field::BindingOpenId, id, open_id.reveal().as_bytes())
            .map_err(unsealed)?),
        key_version: Set(keys.current_version()),
        created_at: Set(now),
        expires_at: Set(now + LIFE),
        used_at: Set(None),
    };
    platform_binding::Entity::insert(row).exec_without_returning(tx).await.map(|_| ())
}

/// Who waits under a token that is still good. It stays good.
///
/// # Errors
/// When the database or the key ring does not do its part.
pub async fn look(
    db: &impl ConnectionTrait,
    keys: &KeyRing,
    token: &str,
    now: Timestamp,
) -> Result<Option<Waiting>, DbErr> {
    let found = platform_binding::Entity::find().filter(live(token, now)).one(db).await?;
    found.map(|row| opened(keys, &row)).transpose()
}

/// Uses a token up. Of many who use one at once, one gets the account.
///
/// # Errors
/// When the database or the key ring does not do its part.
pub async fn take(
    tx: &impl ConnectionTrait,
    keys: &KeyRing,
    token: &str,
    now: Timestamp,
) -> Result<Option<Waiting>, DbErr> {
    let used = platform_binding::Entity::update_many()
        .col_expr(Column::UsedAt, Expr::value(now))
        .filter(live(token, now))
        .exec_with_returning(tx)
        .await?;
    used.first().map(|row| opened(keys, row)).transpose()
}

fn live(token: &str, now: Timestamp) -> SimpleExpr {
    Column::TokenHash.eq(token_hash(token)).and(Column::UsedAt.is_null()).and(Column::ExpiresAt.gt(now))
}

fn opened(keys: &KeyRing, row: &platform_binding::Model) -> Result<Waiting, DbErr> {
    let (field, sealed) = (Field::BindingOpenId, &row.open_id_sealed);
    let bytes = keys.open_sealed(field, row.id, row.key_version, sealed, Purpose::SignIn);
    let text = String::from_utf8(bytes.map_err(unsealed)?).unwrap_or_default();
    let open_id = OpenId::parse(&text).ok_or_else(|| DbErr::Custom("no id of an account".to_owned()))?;
    Ok(Waiting { platform: row.platform, open_id })
}
