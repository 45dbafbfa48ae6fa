//! People by the keyed hash of their number.

use mashang_domain::person::Phone;
use mashang_domain::protection::audit::Purpose;
use mashang_domain::time::Timestamp;
use mashang_entity::person;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, sea_query::OnConflict,
};
use uuid::Uuid;

use crate::keys::{Field, KeyRing, SealError};

pub async fn by_id(db: &impl ConnectionTrait, id: Uuid) -> Result<Option<person::Model>, DbErr> {
    person::Entity::find_by_id(id).one(db).await
}

pub async fn by_phone(
    db: &impl ConnectionTrait,
    keys: &KeyRing,
    phone: &Phone,
) -> Result<Option<person::Model>, DbErr> {
    person::Entity::find().filter(person::Column::PhoneHash.eq(keys.phone_hash(phone))).one(db).await
}

/// The person with this number, made when there is none. The flag tells whether it is new.
pub async fn find_or_create(
    tx: &impl ConnectionTrait,
    keys: &KeyRing,
    phone: &Phone,
    now: Timestamp,
) -> Result<(person::Model, bool), DbErr> {
    if let Some(found) = by_phone(tx, keys, phone).await? {
        return Ok((found, false));
    }
    let id = Uuid::now_v7();
    let sealed = keys.seal_phone(Field::PersonPhone, id, phone).map_err(|e| DbErr::Custom(e.to_string()))?;
    let row = person::ActiveModel {
        id: Set(id),
        phone_hash: Set(keys.phone_hash(phone)),
        phone_sealed: Set(sealed),
        key_version: Set(keys.current_version()),
        created_at: Set(now),
    };
    let same_phone = OnConflict::column(person::Column::PhoneHash).do_nothing().to_owned();
    let made = person::Entity::insert(row).on_conflict(same_phone).exec_without_returning(tx).await? > 0;
    let found =
        by_phone(tx, keys, phone).await?.ok_or_else(|| DbErr::Custom("the person vanished".to_owned()))?;
    Ok((found, made))
}

/// Opens the number of a person, for a purpose.
pub fn phone_of(keys: &KeyRing, row: &person::Model, purpose: Purpose) -> Result<Phone, SealError> {
    keys.open_phone(Field::PersonPhone, row.id, row.key_version, &row.phone_sealed, purpose)
}

/// Gives a person another number; `false` when somebody has it already.
pub async fn change_phone(
    tx: &impl ConnectionTrait,
    keys: &KeyRing,
    id: Uuid,
    phone: &Phone,
) -> Result<bool, DbErr> {
    use sea_orm::{ActiveModelTrait, IntoActiveModel};
    match by_phone(tx, keys, phone).await? {
        Some(other) => Ok(other.id == id),
        None => {
            let Some(row) = by_id(tx, id).await? else { return Ok(false) };
            let mut row = row.into_active_model();
            row.phone_hash = Set(keys.phone_hash(phone));
            row.phone_sealed = Set(keys
                .seal_phone(Field::PersonPhone, id, phone)
                .map_err(|e| DbErr::Custom(e.to_string()))?);
            row.key_version = Set(keys.current_version());
            row.update(tx).await.map(|_| true)
        }
    }
}

/// Deletes a person with sessions, scans and everything that names them. Frozen traces keep the random id only, which
/// leads to nobody any more.
pub async fn erase(tx: &impl ConnectionTrait, id: Uuid) -> Result<(), DbErr> {
    use mashang_entity::{notice, platform_account, scan, session};
    platform_account::Entity::delete_many()
        .filter(platform_account::Column::PersonId.eq(id))
        .exec(tx)
        .await?;
    scan::Entity::delete_many().filter(scan::Column::PersonId.eq(id)).exec(tx).await?;
    session::Entity::delete_many().filter(session::Column::PersonId.eq(id)).exec(tx).await?;
    notice::Entity::delete_many().filter(notice::Column::PersonId.eq(id)).exec(tx).await?;
    super::health::erase(tx, id).await?;
    person::Entity::delete_by_id(id).exec(tx).await.map(|_| ())
}

/// What is held about a person beside their number.
pub struct Held {
    pub scans: Vec<mashang_entity::scan::Model>,
    pub notices: Vec<mashang_entity::notice::Model>,
    pub venues: Vec<mashang_entity::venue::Model>,
}

/// At most this many scans go into one export: more than a month of an automated account.
const EXPORT_SCANS: u64 = 100_000;

pub async fn held_about(db: &impl ConnectionTrait, id: Uuid) -> Result<Held, DbErr> {
    use mashang_entity::{notice, scan, venue};
    use sea_orm::{QueryOrder, QuerySelect};
    let scans = scan::Entity::find()
        .filter(scan::Column::PersonId.eq(id))
        .order_by_asc(scan::Column::At)
        .limit(EXPORT_SCANS);
    Ok(Held {
        scans: scans.all(db).await?,
        notices: notice::Entity::find().filter(notice::Column::PersonId.eq(id)).all(db).await?,
        venues: venue::Entity::find().filter(venue::Column::ManagerId.eq(id)).all(db).await?,
    })
}
