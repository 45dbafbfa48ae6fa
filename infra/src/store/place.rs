//! Venues and zones as cases and traces need them: many at once, read only.

use std::collections::HashMap;

use mashang_domain::venue::Category;
use mashang_entity::{venue, zone};
use sea_orm::{ConnectionTrait, DbErr, EntityTrait};
use uuid::Uuid;

use super::statement::Raw;

/// Ids in one statement.
const CHUNK: usize = 5_000;

/// What a trace needs to know of a venue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Venue {
    pub name: String,
    pub category: Category,
    /// Set for this venue in place of its category's.
    pub indoor: Option<bool>,
    pub division_code: String,
}

/// These venues by id; those that are not there are missing.
pub async fn venues(
    db: &impl ConnectionTrait,
    ids: impl IntoIterator<Item = Uuid>,
) -> Result<HashMap<Uuid, Venue>, DbErr> {
    let mut ids: Vec<Uuid> = ids.into_iter().collect();
    ids.sort_unstable();
    ids.dedup();
    let mut found = HashMap::with_capacity(ids.len());
    for chunk in ids.chunks(CHUNK) {
        let raw = Raw::new(db, "SELECT * FROM venue WHERE id").any(chunk);
        let rows = venue::Entity::find().from_raw_sql(raw.done()).all(db).await?;
        found.extend(rows.into_iter().map(|row| {
            let venue::Model { id, name, category, indoor, division_code, .. } = row;
            (id, Venue { name, category, indoor, division_code })
        }));
    }
    Ok(found)
}

/// Whether this zone is a part of this venue.
pub async fn zone_of(db: &impl ConnectionTrait, zone: Uuid, venue: Uuid) -> Result<bool, DbErr> {
    Ok(zone::Entity::find_by_id(zone).one(db).await?.is_some_and(|z| z.venue_id == venue))
}
