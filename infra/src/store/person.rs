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
