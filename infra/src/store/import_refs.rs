//! Whom and what the lines of a file speak of: people by number, venues by id or reference, a whole chunk at a time.

use std::collections::HashMap;
use std::sync::Arc;

use mashang_domain::person::{Division, Phone};
use mashang_domain::time::Timestamp;
use mashang_domain::venue::plausibility::Coordinates;
use mashang_domain::venue::{Category, VenueState};
use mashang_entity::{person, venue};
use sea_orm::sea_query::{ArrayType, OnConflict};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DbBackend, DbErr, EntityTrait, QueryFilter, QuerySelect,
};
use uuid::Uuid;

use super::scan::{array, postgres, venue_ref};
use super::venue_code::{self, Door};
use crate::db::Db;
use crate::keys::{Field, KeyRing};

/// Values that one SQLite statement may bind, and some to spare.
const SQLITE_VALUES: usize = 30_000;

/// The people with these numbers, in their order, made where there are none; and how many were made.
pub async fn people(
    db: &Db,
    keys: &KeyRing,
    phones: &[Phone],
    now: Timestamp,
) -> Result<(Vec<Uuid>, u64), DbErr> {
    let hashes: Vec<Vec<u8>> = phones.iter().map(|phone| keys.phone_hash(phone)).collect();
    let mut ids = people_by_hash(db.conn(), &hashes).await?;
    let mut rows: HashMap<&Vec<u8>, person::Model> = HashMap::new();
    for (phone, hash) in phones.iter().zip(&hashes).filter(|(_, hash)| !ids.contains_key(*hash)) {
        let id = Uuid::now_v7();
        let sealed =
            keys.seal_phone(Field::PersonPhone, id, phone).map_err(|e| DbErr::Custom(e.to_string()))?;
        let row = person::Model {
            id,
            phone_hash: hash.clone(),
            phone_sealed: sealed,
            key_version: keys.current_version(),
            created_at: now,
        };
        rows.entry(hash).or_insert(row);
    }
    let mut made = 0;
    if !rows.is_empty() {
        let new: Vec<(Vec<u8>, Uuid)> = rows.iter().map(|(hash, row)| ((*hash).clone(), row.id)).collect();
        let tx = db.begin_write().await?;
        made = insert_people(&*tx, rows.into_values().collect()).await?;
        tx.commit().await?;
        if made == new.len() as u64 {
            ids.extend(new);
        } else {
            // Somebody else made one of them meanwhile.
            ids.extend(people_by_hash(db.conn(), &hashes).await?);
        }
    }
    let lost = || DbErr::RecordNotFound("a person vanished".to_owned());
    let found: Result<Vec<Uuid>, DbErr> =
        hashes.iter().map(|hash| ids.get(hash).copied().ok_or_else(lost)).collect();
    Ok((found?, made))
}

async fn people_by_hash(
    db: &impl ConnectionTrait,
    hashes: &[Vec<u8>],
) -> Result<HashMap<Vec<u8>, Uuid>, DbErr> {
    let mut found = HashMap::with_capacity(hashes.len());
    for some in hashes.chunks(SQLITE_VALUES) {
        let query =
            person::Entity::find().select_only().columns([person::Column::PhoneHash, person::Column::Id]);
        let rows: Vec<(Vec<u8>, Uuid)> = if db.get_database_backend() == DbBackend::Postgres {
            let sql = "SELECT phone_hash, id FROM person WHERE phone_hash = ANY($1)";
            let statement = postgres(sql, [array(ArrayType::Bytes, some.iter().cloned())]);
            let rows = db.query_all_raw(statement).await?;
            rows.iter()
                .map(|row| Ok((row.try_get_by_index(0)?, row.try_get_by_index(1)?)))
                .collect::<Result<_, DbErr>>()?
        } else {
            query.filter(person::Column::PhoneHash.is_in(some.iter().cloned())).into_tuple().all(db).await?
        };
        found.extend(rows);
    }
    Ok(found)
}

async fn insert_people(tx: &impl ConnectionTrait, rows: Vec<person::Model>) -> Result<u64, DbErr> {
    const SQL: &str = "\
        INSERT INTO person (id, phone_hash, phone_sealed, key_version, created_at) \
        SELECT * FROM unnest($1::uuid[], $2::bytea[], $3::bytea[], $4::int4[], $5::int8[]) \
        ON CONFLICT (phone_hash) DO NOTHING";
    if tx.get_database_backend() == DbBackend::Postgres {
        let values = [
            array(ArrayType::Uuid, rows.iter().map(|r| r.id)),
            array(ArrayType::Bytes, rows.iter().map(|r| r.phone_hash.clone())),
            array(ArrayType::Bytes, rows.iter().map(|r| r.phone_sealed.clone())),
            array(ArrayType::Int, rows.iter().map(|r| r.key_version)),
            array(ArrayType::BigInt, rows.iter().map(|r| r.created_at.millis())),
        ];
        return tx.execute_raw(postgres(SQL, values)).await.map(|done| done.rows_affected());
    }
    let mut made = 0;
    let active = |r: &person::Model| person::ActiveModel {
        id: Set(r.id),
        phone_hash: Set(r.phone_hash.clone()),
        phone_sealed: Set(r.phone_sealed.clone()),
        key_version: Set(r.key_version),
        created_at: Set(r.created_at),
    };
    for some in rows.chunks(SQLITE_VALUES / 5) {
        let same_phone = OnConflict::column(person::Column::PhoneHash).do_nothing().to_owned();
        let insert = person::Entity::insert_many(some.iter().map(active)).on_conflict(same_phone);
        made += insert.exec_without_returning(tx).await?;
    }
    Ok(made)
}

/// What an import wants to know of a venue.
#[derive(Debug, Clone, PartialEq)]
pub struct ImportVenue {
    pub id: Uuid,
    /// Orders scans of one second.
    pub reference: Arc<str>,
    pub place: Option<Coordinates>,
    pub open: bool,
}

/// The venues of a division with these ids or references, by what was asked.
pub async fn venues(
    db: &impl ConnectionTrait,
    scope: &Division,
    refs: &[String],
) -> Result<HashMap<String, ImportVenue>, DbErr> {
    let mut found = HashMap::with_capacity(refs.len());
    for some in refs.chunks(SQLITE_VALUES) {
        let by_ref = venue::Column::ExternalRef.is_in(some.iter().map(String::as_str));
        let ids: Vec<Uuid> = some.iter().filter_map(|r| Uuid::try_parse(r).ok()).collect();
        let rows = venue::Entity::find().filter(by_ref).all(db).await?;
        for row in rows.into_iter().filter(|row| scope.covers(&row.division_code)) {
            if let Some(reference) = row.external_ref.clone() {
                found.insert(reference, told(row));
            }
        }
        if ids.is_empty() {
            continue;
        }
        let rows = venue::Entity::find().filter(venue::Column::Id.is_in(ids)).all(db).await?;
        let inside = rows.into_iter().filter(|row| scope.covers(&row.division_code));
        let rows: HashMap<Uuid, venue::Model> = inside.map(|row| (row.id, row)).collect();
        for asked in some {
            // An id before a reference that looks like one.
            if let Some(row) = Uuid::try_parse(asked).ok().and_then(|id| rows.get(&id)) {
                found.insert(asked.clone(), told(row.clone()));
            }
        }
    }
    Ok(found)
}

fn told(row: venue::Model) -> ImportVenue {
    ImportVenue {
        id: row.id,
        reference: venue_ref(row.external_ref, row.id),
        place: row.lat.zip(row.lon).map(|(lat, lon)| Coordinates { lat, lon }),
        open: match row.state {
            VenueState::Pending | VenueState::Approved => true,
            VenueState::Suspended | VenueState::Closed => false,
        },
    }
}

/// A venue that a file describes.
#[derive(Debug, Clone, PartialEq)]
pub struct NewVenue {
    pub reference: String,
    pub name: String,
    pub category: Category,
    pub division_code: String,
    pub place: Option<Coordinates>,
}

/// Makes approved venues, those whose reference is taken excepted. Returns how many were made.
pub async fn create_venues(
    db: &Db,
    keys: &KeyRing,
    new: &[NewVenue],
    by: Option<Uuid>,
    now: Timestamp,
) -> Result<u64, DbErr> {
    let active = |(v, id): (&NewVenue, &Uuid)| venue::ActiveModel {
        id: Set(*id),
        external_ref: Set(Some(v.reference.clone())),
        name: Set(v.name.clone()),
        category: Set(v.category),
        division_code: Set(v.division_code.clone()),
        address: Set(String::new()),
        contact_sealed: Set(None),
        key_version: Set(keys.current_version()),
        lat: Set(v.place.map(|p| p.lat)),
        lon: Set(v.place.map(|p| p.lon)),
        indoor: Set(None),
        state: Set(VenueState::Approved),
        manager_id: Set(None),
        decided_by: Set(by),
        decided_at: Set(Some(now)),
        decided_reason: Set(None),
        created_at: Set(now),
        updated_at: Set(now),
    };
    let tx = db.begin_write().await?;
    let mut made = 0;
    for some in new.chunks(SQLITE_VALUES / 17) {
        let taken = OnConflict::column(venue::Column::ExternalRef).do_nothing().to_owned();
        let ids: Vec<Uuid> = some.iter().map(|_| Uuid::now_v7()).collect();
        let insert = venue::Entity::insert_many(some.iter().zip(&ids).map(active)).on_conflict(taken);
        made += insert.exec_without_returning(&*tx).await?;
        let landed = venue::Entity::find().select_only().column(venue::Column::Id);
        let landed: Vec<Uuid> = landed.filter(venue::Column::Id.is_in(ids)).into_tuple().all(&*tx).await?;
        let doors: Vec<_> =
            landed.into_iter().map(|venue_id| (Door { venue_id, zone_id: None }, 1)).collect();
        venue_code::issue(&*tx, &doors, now).await?;
    }
    tx.commit().await?;
    Ok(made)
}
