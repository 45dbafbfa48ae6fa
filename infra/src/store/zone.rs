//! Zones: the parts of large venues.

use mashang_domain::time::Timestamp;
use mashang_domain::venue::ZoneName;
use mashang_entity::zone::{self, Column};
use sea_orm::sea_query::OnConflict;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, PaginatorTrait, QueryFilter,
    QueryOrder,
};
use uuid::Uuid;

/// Adds a zone; `None` when the venue has one of this name.
pub async fn insert(
    tx: &impl ConnectionTrait,
    venue_id: Uuid,
    name: &ZoneName,
    now: Timestamp,
) -> Result<Option<zone::Model>, DbErr> {
    let row = zone::Model { id: Uuid::now_v7(), venue_id, name: name.to_string(), created_at: now };
    let active = zone::ActiveModel {
        id: Set(row.id),
        venue_id: Set(venue_id),
        name: Set(row.name.clone()),
        created_at: Set(now),
    };
    let taken = OnConflict::columns([Column::VenueId, Column::Name]).do_nothing().to_owned();
    let written = zone::Entity::insert(active).on_conflict(taken).exec_without_returning(tx).await?;
    Ok((written > 0).then_some(row))
}

/// The zones of a venue, in the order in which they were added.
pub async fn of_venue(db: &impl ConnectionTrait, venue_id: Uuid) -> Result<Vec<zone::Model>, DbErr> {
    zone::Entity::find().filter(Column::VenueId.eq(venue_id)).order_by_asc(Column::Id).all(db).await
}

pub async fn count(db: &impl ConnectionTrait, venue_id: Uuid) -> Result<u64, DbErr> {
    zone::Entity::find().filter(Column::VenueId.eq(venue_id)).count(db).await
}
