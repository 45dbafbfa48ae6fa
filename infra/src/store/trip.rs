//! Declared trips, sealed.

use mashang_domain::health::Trip;
use mashang_domain::protection::audit::Purpose;
use mashang_domain::time::Timestamp;
use mashang_entity::trip;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel, QueryFilter,
    QueryOrder, QuerySelect,
};
use uuid::Uuid;

use crate::keys::{Field, KeyRing, SealError};

/// A trip as its row.
///
/// # Errors
/// When the keys were destroyed.
pub fn sealed(
    keys: &KeyRing,
    id: Uuid,
    person_id: Uuid,
    trip: &Trip,
    now: Timestamp,
) -> Result<trip::Model, SealError> {
    let text = serde_json::to_vec(trip).map_err(|_| SealError::Broken)?;
    let sealed = keys.seal(Field::Trip, id, &text)?;
    Ok(trip::Model { id, person_id, sealed, key_version: keys.current_version(), created_at: now })
}

/// The trip of a row.
///
/// # Errors
/// When the value was changed or moved, or the keys were destroyed.
pub fn open(keys: &KeyRing, row: &trip::Model, purpose: Purpose) -> Result<Trip, SealError> {
    let text = keys.open_sealed(Field::Trip, row.id, row.key_version, &row.sealed, purpose)?;
    serde_json::from_slice(&text).map_err(|_| SealError::Broken)
}

pub async fn insert(tx: &impl ConnectionTrait, row: trip::Model) -> Result<(), DbErr> {
    let row = row.into_active_model().reset_all();
    trip::Entity::insert(row).exec_without_returning(tx).await.map(|_| ())
}

/// A person's trips, newest first, from before `before` on.
pub async fn of_person(
    db: &impl ConnectionTrait,
    person: Uuid,
    before: Option<Uuid>,
    limit: u64,
) -> Result<Vec<trip::Model>, DbErr> {
    let mut query = trip::Entity::find().filter(trip::Column::PersonId.eq(person));
    if let Some(id) = before {
        query = query.filter(trip::Column::Id.lt(id));
    }
    query.order_by_desc(trip::Column::Id).limit(limit).all(db).await
}
