//! Venues.

use mashang_domain::person::{Division, Phone};
use mashang_domain::protection::audit::Purpose;
use mashang_domain::time::Timestamp;
use mashang_domain::venue::profile::Position;
use mashang_domain::venue::{Address, Category, DivisionCode, ExternalRef, Reason, VenueName, VenueState};
use mashang_entity::venue::{self, Column};
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel,
    QueryFilter, QueryOrder, QuerySelect, Select,
};
use std::collections::HashSet;
use uuid::Uuid;

use crate::keys::{Field, KeyRing, SealError};

/// A venue to be written, parsed.
#[derive(Debug, Clone)]
pub struct NewVenue {
    pub id: Uuid,
    pub external_ref: Option<ExternalRef>,
    pub name: VenueName,
    pub category: Category,
    pub division_code: DivisionCode,
    pub address: Address,
    pub contact: Option<Phone>,
    pub position: Option<Position>,
    /// As the category is, when absent.
    pub indoor: Option<bool>,
    pub state: VenueState,
    pub manager_id: Option<Uuid>,
    /// The official who imported it as approved.
    pub decided_by: Option<Uuid>,
}

impl NewVenue {
    /// The row, with the contact's number sealed.
    fn seal(self, keys: &KeyRing, now: Timestamp) -> Result<venue::Model, SealError> {
        let sealed =
            self.contact.map(|phone| keys.seal_phone(Field::VenueContact, self.id, &phone)).transpose()?;
        Ok(venue::Model {
            id: self.id,
            external_ref: self.external_ref.map(ExternalRef::into_string),
            name: self.name.into_string(),
            category: self.category,
            division_code: self.division_code.into_string(),
            address: self.address.into_string(),
            contact_sealed: sealed,
            key_version: keys.current_version(),
            lat: self.position.map(|(lat, _)| lat),
            lon: self.position.map(|(_, lon)| lon),
            indoor: self.indoor,
            state: self.state,
            manager_id: self.manager_id,
            decided_by: self.decided_by,
            decided_at: self.decided_by.map(|_| now),
            decided_reason: None,
            created_at: now,
            updated_at: now,
        })
    }
}

/// Rows of one statement: SQLite binds at most 32,766 values.
const ROWS: usize = 1_000;

/// Writes venues, those whose external reference is taken excepted; of two with one reference the first wins. Returns
/// the ids that were written.
pub async fn insert(
    tx: &impl ConnectionTrait,
    keys: &KeyRing,
    new: Vec<NewVenue>,
    now: Timestamp,
) -> Result<HashSet<Uuid>, DbErr> {
    let sealed: Result<Vec<venue::Model>, SealError> = new.into_iter().map(|v| v.seal(keys, now)).collect();
    let rows = sealed.map_err(|e| DbErr::Custom(e.to_string()))?;
    let mut written = HashSet::with_capacity(rows.len());
    for some in rows.chunks(ROWS) {
        let ids: Vec<Uuid> = some.iter().map(|v| v.id).collect();
        let active = some.iter().cloned().map(|v| v.into_active_model().reset_all());
        let taken = OnConflict::column(Column::ExternalRef).do_nothing().to_owned();
        let count = venue::Entity::insert_many(active).on_conflict(taken).exec_without_returning(tx).await?;
        if usize::try_from(count) == Ok(ids.len()) {
            written.extend(ids);
        } else {
            let query = venue::Entity::find().select_only().column(Column::Id).filter(Column::Id.is_in(ids));
            written.extend(query.into_tuple::<Uuid>().all(tx).await?);
        }
    }
    Ok(written)
}

pub async fn by_id(db: &impl ConnectionTrait, id: Uuid) -> Result<Option<venue::Model>, DbErr> {
    venue::Entity::find_by_id(id).one(db).await
}

/// The venue, held until the end of the transaction: what is decided on it is still so when it is written.
pub async fn hold(tx: &impl ConnectionTrait, id: Uuid) -> Result<Option<venue::Model>, DbErr> {
    venue::Entity::find_by_id(id).lock_exclusive().one(tx).await
}

pub async fn by_external_ref(
    db: &impl ConnectionTrait,
    reference: &str,
) -> Result<Option<venue::Model>, DbErr> {
    venue::Entity::find().filter(Column::ExternalRef.eq(reference)).one(db).await
}

/// Which venues a list is about.
#[derive(Debug, Clone, Default)]
pub struct Which {
    /// Bounds of whoever asks.
    pub scope: Division,
    /// What they ask for.
    pub division: Division,
    pub state: Option<VenueState>,
    pub manager_id: Option<Uuid>,
}

/// Venues in the order in which they were registered.
pub async fn page(
    db: &impl ConnectionTrait,
    which: &Which,
    after: Option<Uuid>,
    limit: u64,
) -> Result<Vec<venue::Model>, DbErr> {
    let mut query = within(within(venue::Entity::find(), &which.scope), &which.division);
    if let Some(state) = which.state {
        query = query.filter(Column::State.eq(state));
    }
    if let Some(manager) = which.manager_id {
        query = query.filter(Column::ManagerId.eq(manager));
    }
    if let Some(id) = after {
        query = query.filter(Column::Id.gt(id));
    }
    query.order_by_asc(Column::Id).limit(limit).all(db).await
}

/// Codes are digits, so all that start with a prefix lie between it and itself with a letter, in every collation; an
/// index serves that, which LIKE does not.
fn within(query: Select<venue::Entity>, division: &Division) -> Select<venue::Entity> {
    let prefix = division.prefix();
    if prefix.is_empty() {
        return query;
    }
    query.filter(Column::DivisionCode.gte(prefix)).filter(Column::DivisionCode.lt(format!("{prefix}a")))
}

/// What somebody changes; `None` = stays.
#[derive(Debug, Clone, Default)]
pub struct VenueChange {
    pub name: Option<VenueName>,
    pub category: Option<Category>,
    pub division_code: Option<DivisionCode>,
    pub address: Option<Address>,
    pub contact: Option<Phone>,
    pub position: Option<Option<Position>>,
    pub indoor: Option<Option<bool>>,
}

/// Writes a change and gives the venue as it is now.
pub async fn update(
    tx: &impl ConnectionTrait,
    keys: &KeyRing,
    present: venue::Model,
    change: VenueChange,
    now: Timestamp,
) -> Result<venue::Model, DbErr> {
    let id = present.id;
    let mut row = present.into_active_model();
    if let Some(name) = change.name {
        row.name = Set(name.into_string());
    }
    if let Some(category) = change.category {
        row.category = Set(category);
    }
    if let Some(code) = change.division_code {
        row.division_code = Set(code.into_string());
    }
    if let Some(address) = change.address {
        row.address = Set(address.into_string());
    }
    if let Some(phone) = change.contact {
        let sealed = keys.seal_phone(Field::VenueContact, id, &phone);
        row.contact_sealed = Set(Some(sealed.map_err(|e| DbErr::Custom(e.to_string()))?));
        row.key_version = Set(keys.current_version());
    }
    if let Some(position) = change.position {
        row.lat = Set(position.map(|(lat, _)| lat));
        row.lon = Set(position.map(|(_, lon)| lon));
    }
    if let Some(indoor) = change.indoor {
        row.indoor = Set(indoor);
    }
    row.updated_at = Set(now);
    row.update(tx).await
}

/// What an official decided.
#[derive(Debug, Clone)]
pub struct Decided {
    pub state: VenueState,
    pub by: Uuid,
    pub reason: Option<Reason>,
}

/// Writes a decision and gives the venue as it is now.
pub async fn decide(
    tx: &impl ConnectionTrait,
    present: venue::Model,
    decided: Decided,
    now: Timestamp,
) -> Result<venue::Model, DbErr> {
    let mut row = present.into_active_model();
    row.state = Set(decided.state);
    row.decided_by = Set(Some(decided.by));
    row.decided_at = Set(Some(now));
    row.decided_reason = Set(decided.reason.map(Reason::into_string));
    row.updated_at = Set(now);
    row.update(tx).await
}

/// Notes that something about the venue changed (its zones, its codes).
pub async fn touch(tx: &impl ConnectionTrait, id: Uuid, now: Timestamp) -> Result<(), DbErr> {
    let update = venue::Entity::update_many().col_expr(Column::UpdatedAt, Expr::value(now));
    update.filter(Column::Id.eq(id)).exec(tx).await.map(|_| ())
}

/// The contact's number, opened for a purpose.
pub fn contact_of(
    keys: &KeyRing,
    venue: &venue::Model,
    purpose: Purpose,
) -> Result<Option<Phone>, SealError> {
    let open =
        |sealed: &Vec<u8>| keys.open_phone(Field::VenueContact, venue.id, venue.key_version, sealed, purpose);
    venue.contact_sealed.as_ref().map(open).transpose()
}
