//! The keys that sign codes.

use mashang_domain::time::Timestamp;
use mashang_entity::code_key;
use sea_orm::sea_query::OnConflict;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel, QueryFilter,
    QueryOrder,
};

/// All of them, by number.
pub async fn all(db: &impl ConnectionTrait) -> Result<Vec<code_key::Model>, DbErr> {
    code_key::Entity::find().order_by_asc(code_key::Column::Number).all(db).await
}

/// Adds a key; false when another process has added one of this number.
pub async fn add(tx: &impl ConnectionTrait, key: code_key::Model) -> Result<bool, DbErr> {
    let taken = OnConflict::column(code_key::Column::Number).do_nothing().to_owned();
    let row = key.into_active_model().reset_all();
    Ok(code_key::Entity::insert(row).on_conflict(taken).exec_without_returning(tx).await? > 0)
}

/// Takes a key out of use; nothing that it signed is believed any more. False when it was, or never was there.
pub async fn revoke(tx: &impl ConnectionTrait, number: i32, now: Timestamp) -> Result<bool, DbErr> {
    use sea_orm::sea_query::Expr;
    let done = code_key::Entity::update_many()
        .col_expr(code_key::Column::RevokedAt, Expr::value(now))
        .filter(code_key::Column::Number.eq(number))
        .filter(code_key::Column::RevokedAt.is_null())
        .exec(tx)
        .await?;
    Ok(done.rows_affected > 0)
}
