//! Bound accounts. One account signs in one person, and a person has at most one account at each platform: a number that a
//! carrier gives to somebody new takes the account of its former owner along.

use mashang_domain::person::{OpenId, Platform};
use mashang_domain::protection::audit::Purpose;
use mashang_domain::time::Timestamp;
use mashang_entity::{person, platform_account};
use platform_account::Column;
use sea_orm::sea_query::{ExprTrait, LockType, OnConflict};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
};
use uuid::Uuid;

use super::{open_id_hash, unsealed};
use crate::keys::{Field, KeyRing, SealError};
use crate::store::statement::Raw;

/// The account with this id, when it is bound.
pub async fn by_open_id(
    db: &impl ConnectionTrait,
    keys: &KeyRing,
    platform: Platform,
    id: &OpenId,
) -> Result<Option<platform_account::Model>, DbErr> {
    by_hash(db, platform, open_id_hash(keys, platform, id)).await
}

async fn by_hash(
    db: &impl ConnectionTrait,
    platform: Platform,
    hash: Vec<u8>,
) -> Result<Option<platform_account::Model>, DbErr> {
    let this = Column::Platform.eq(platform).and(Column::OpenIdHash.eq(hash));
    platform_account::Entity::find().filter(this).one(db).await
}

/// The accounts of a person, oldest first.
pub async fn of_person(
    db: &impl ConnectionTrait,
    person: Uuid,
) -> Result<Vec<platform_account::Model>, DbErr> {
    let of_person = platform_account::Entity::find().filter(Column::PersonId.eq(person));
    of_person.order_by_asc(Column::BoundAt).all(db).await
}

/// The accounts at one platform of these people.
pub async fn of_people(
    db: &impl ConnectionTrait,
    platform: Platform,
    people: &[Uuid],
) -> Result<Vec<platform_account::Model>, DbErr> {
    if people.is_empty() {
        return Ok(Vec::new());
    }
    let raw = Raw::new(db, "SELECT * FROM platform_account WHERE platform = ").bind(platform.as_str());
    let raw = raw.sql(" AND person_id").any(people);
    platform_account::Entity::find().from_raw_sql(raw.done()).all(db).await
}

/// What a binding changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Bound {
    /// It was this person's already.
    pub known: bool,
    /// Whose account it was before.
    pub moved_from: Option<Uuid>,
    /// The person had another account at this platform, which signs nobody in any more.
    pub replaced: bool,
}

/// Makes the account this person's.
///
/// # Errors
/// When the database or the key ring does not do its part.
pub async fn bind(
    tx: &impl ConnectionTrait,
    keys: &KeyRing,
    (platform, id): (Platform, &OpenId),
    person: Uuid,
    now: Timestamp,
) -> Result<Bound, DbErr> {
    // People take turns: two accounts that are bound to one person at once meet here.
    person::Entity::find_by_id(person).lock(LockType::Update).one(tx).await?;
    let hash = open_id_hash(keys, platform, id);
    let before = by_hash(tx, platform, hash.clone()).await?;
    if before.as_ref().is_some_and(|account| account.person_id == person) {
        return Ok(Bound { known: true, ..Bound::default() });
    }
    let others = Column::Platform.eq(platform).and(Column::PersonId.eq(person));
    let replaced = platform_account::Entity::delete_many().filter(others).exec(tx).await?.rows_affected > 0;
    // With the row goes what its person agreed to: the next one has agreed to nothing.
    let this = Column::Platform.eq(platform).and(Column::OpenIdHash.eq(hash.clone()));
    platform_account::Entity::delete_many().filter(this).exec(tx).await?;
    let row = Uuid::now_v7();
    let account = platform_account::ActiveModel {
        id: Set(row),
        platform: Set(platform),
        open_id_hash: Set(hash),
        open_id_sealed: Set(keys
            .seal(Field::AccountOpenId, row, id.reveal().as_bytes())
            .map_err(unsealed)?),
        key_version: Set(keys.current_version()),
        person_id: Set(person),
        bound_at: Set(now),
    };
    // Of two that bind one account at once, the later finds it bound; its own word counts.
    let same = OnConflict::columns([Column::Platform, Column::OpenIdHash])
        .update_columns([
            Column::Id,
            Column::OpenIdSealed,
            Column::KeyVersion,
            Column::PersonId,
            Column::BoundAt,
        ])
        .to_owned();
    platform_account::Entity::insert(account).on_conflict(same).exec_without_returning(tx).await?;
    Ok(Bound { known: false, moved_from: before.map(|account| account.person_id), replaced })
}

/// Opens the id of an account, for a purpose.
///
/// # Errors
/// When it does not open.
pub fn open_id_of(
    keys: &KeyRing,
    account: &platform_account::Model,
    purpose: Purpose,
) -> Result<OpenId, SealError> {
    let sealed = &account.open_id_sealed;
    let bytes = keys.open_sealed(Field::AccountOpenId, account.id, account.key_version, sealed, purpose)?;
    String::from_utf8(bytes).ok().as_deref().and_then(OpenId::parse).ok_or(SealError::Broken)
}
