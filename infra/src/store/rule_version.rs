//! Versions of the rules of the health code, and how far people were looked at by the newest.

use mashang_domain::time::Timestamp;
use mashang_entity::rule_version;
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel, QueryFilter,
    QueryOrder, QuerySelect,
};
use uuid::Uuid;

/// The version in force.
pub async fn newest(db: &impl ConnectionTrait) -> Result<Option<rule_version::Model>, DbErr> {
    rule_version::Entity::find().order_by_desc(rule_version::Column::Version).limit(1).one(db).await
}

/// Adds a version, unless another process was faster.
pub async fn insert(tx: &impl ConnectionTrait, row: rule_version::Model) -> Result<(), DbErr> {
    let once = OnConflict::column(rule_version::Column::Version).do_nothing().to_owned();
    let row = row.into_active_model().reset_all();
    rule_version::Entity::insert(row).on_conflict(once).exec_without_returning(tx).await.map(|_| ())
}

/// How far a look at everybody has come.
#[derive(Debug, Clone, Copy)]
pub struct Progress {
    /// The last person who was looked at.
    pub to: Option<Uuid>,
    pub reviewed: i64,
    pub changed: i64,
    /// Set when there was nobody left.
    pub done_at: Option<Timestamp>,
}

/// Notes that people from `row.reviewed_to` on to `progress.to` were looked at; false when another process was faster, and
/// this transaction is to be given up.
pub async fn advance(
    tx: &impl ConnectionTrait,
    row: &rule_version::Model,
    progress: Progress,
) -> Result<bool, DbErr> {
    use rule_version::Column;
    let from = match row.reviewed_to {
        Some(id) => Column::ReviewedTo.eq(id),
        None => Column::ReviewedTo.is_null(),
    };
    let updated = rule_version::Entity::update_many()
        .col_expr(Column::ReviewedTo, Expr::value(progress.to))
        .col_expr(Column::Reviewed, Expr::value(progress.reviewed))
        .col_expr(Column::Changed, Expr::value(progress.changed))
        .col_expr(Column::DoneAt, Expr::value(progress.done_at))
        .filter(Column::Version.eq(row.version))
        .filter(Column::DoneAt.is_null())
        .filter(from)
        .exec(tx)
        .await?;
    Ok(updated.rows_affected == 1)
}
