//! Keys of gates' devices, by the hash of their secret.

use mashang_domain::person::Division;
use mashang_domain::time::Timestamp;
use mashang_entity::api_key;
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel, QueryFilter,
    QueryOrder, QuerySelect,
};
use uuid::Uuid;

pub async fn insert(tx: &impl ConnectionTrait, row: api_key::Model) -> Result<(), DbErr> {
    let row = row.into_active_model().reset_all();
    api_key::Entity::insert(row).exec_without_returning(tx).await.map(|_| ())
}

pub async fn by_secret(
    db: &impl ConnectionTrait,
    secret_hash: &[u8],
) -> Result<Option<api_key::Model>, DbErr> {
    api_key::Entity::find().filter(api_key::Column::SecretHash.eq(secret_hash.to_vec())).one(db).await
}

/// Notes that a key was used. Words of a key that is used at many gates at once may overtake each other; none goes back.
pub async fn used(tx: &impl ConnectionTrait, id: Uuid, now: Timestamp) -> Result<(), DbErr> {
    let before = api_key::Column::LastUsedAt.is_null().or(api_key::Column::LastUsedAt.lt(now));
    let update = api_key::Entity::update_many().col_expr(api_key::Column::LastUsedAt, Expr::value(now));
    update.filter(api_key::Column::Id.eq(id)).filter(before).exec(tx).await.map(|_| ())
}

/// The keys of a division in the order they were made, from after `after` on; those taken back too.
pub async fn page(
    db: &impl ConnectionTrait,
    scope: &Division,
    after: Option<Uuid>,
    limit: u64,
) -> Result<Vec<api_key::Model>, DbErr> {
    let mut query = api_key::Entity::find().filter(api_key::Column::DivisionCode.starts_with(scope.prefix()));
    if let Some(id) = after {
        query = query.filter(api_key::Column::Id.gt(id));
    }
    query.order_by_asc(api_key::Column::Id).limit(limit).all(db).await
}

/// Takes a key of this division back; the row as it was. None where there is no such key in force.
pub async fn revoke(
    tx: &impl ConnectionTrait,
    scope: &Division,
    id: Uuid,
    now: Timestamp,
) -> Result<Option<api_key::Model>, DbErr> {
    let open = api_key::Column::Id
        .eq(id)
        .and(api_key::Column::RevokedAt.is_null())
        .and(api_key::Column::DivisionCode.starts_with(scope.prefix()));
    let Some(row) = api_key::Entity::find().filter(open.clone()).one(tx).await? else { return Ok(None) };
    let update = api_key::Entity::update_many().col_expr(api_key::Column::RevokedAt, Expr::value(now));
    let revoked = update.filter(open).exec(tx).await?.rows_affected;
    Ok((revoked == 1).then_some(row))
}
