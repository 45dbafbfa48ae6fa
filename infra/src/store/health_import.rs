//! Files of official lists, and what came of them.

use mashang_domain::person::Division;
use mashang_entity::health_import;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel, QueryFilter,
    QueryOrder, QuerySelect,
};
use uuid::Uuid;

pub async fn insert(tx: &impl ConnectionTrait, row: &health_import::Model) -> Result<(), DbErr> {
    let row = row.clone().into_active_model().reset_all();
    health_import::Entity::insert(row).exec_without_returning(tx).await.map(|_| ())
}

/// Writes how far it has come.
pub async fn put(tx: &impl ConnectionTrait, row: &health_import::Model) -> Result<(), DbErr> {
    health_import::Entity::update(row.clone().into_active_model().reset_all()).exec(tx).await.map(|_| ())
}

/// Those of a division, newest first, from before `before` on.
pub async fn page(
    db: &impl ConnectionTrait,
    division: &Division,
    before: Option<Uuid>,
    limit: u64,
) -> Result<Vec<health_import::Model>, DbErr> {
    let inside = health_import::Column::DivisionCode.starts_with(division.prefix());
    let mut query = health_import::Entity::find().filter(inside);
    if let Some(id) = before {
        query = query.filter(health_import::Column::Id.lt(id));
    }
    query.order_by_desc(health_import::Column::Id).limit(limit).all(db).await
}
