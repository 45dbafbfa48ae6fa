//! Members of staff.

use mashang_domain::person::{Division, Email, Role};
use mashang_domain::protection::audit::Purpose;
use mashang_domain::time::Timestamp;
use mashang_entity::staff;
use sea_orm::sea_query::ExprTrait;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, PaginatorTrait, QueryFilter,
    QueryOrder, QuerySelect, SqlErr, sea_query::Expr,
};
use uuid::Uuid;

use crate::keys::{KeyRing, SealError};

/// A member of staff to be added.
pub struct NewStaff {
    pub id: Uuid,
    pub username: String,
    pub password_hash: String,
    pub totp_sealed: Option<Vec<u8>>,
    pub key_version: i32,
    pub role: Role,
    pub division: Division,
    pub email: Option<SealedEmail>,
}

/// An address as its columns hold it.
#[derive(Debug, Clone)]
pub struct SealedEmail {
    pub sealed: Vec<u8>,
    pub key_version: i32,
}

impl SealedEmail {
    pub fn of(keys: &KeyRing, staff: Uuid, email: &Email) -> Result<Self, SealError> {
        Ok(Self { sealed: keys.seal_email(staff, email)?, key_version: keys.current_version() })
    }
}

/// The address of a member of staff; `None` when they have none.
pub fn email_of(keys: &KeyRing, member: &staff::Model, purpose: Purpose) -> Result<Option<Email>, SealError> {
    let columns = member.email_sealed.as_deref().zip(member.email_key_version);
    columns.map(|(sealed, version)| keys.open_email(member.id, version, sealed, purpose)).transpose()
}

/// Adds a member of staff; `false` when the user name is taken.
pub async fn insert(tx: &impl ConnectionTrait, new: NewStaff, now: Timestamp) -> Result<bool, DbErr> {
    let (email_sealed, email_key_version) = columns(new.email);
    let row = staff::ActiveModel {
        id: Set(new.id),
        username: Set(new.username),
        password_hash: Set(new.password_hash),
        totp_sealed: Set(new.totp_sealed),
        key_version: Set(new.key_version),
        totp_last_step: Set(None),
        role: Set(new.role),
        division: Set(new.division.prefix().to_owned()),
        email_sealed: Set(email_sealed),
        email_key_version: Set(email_key_version),
        failures: Set(0),
        locked_until: Set(None),
        created_at: Set(now),
        disabled_at: Set(None),
    };
    match staff::Entity::insert(row).exec_without_returning(tx).await {
        Ok(_) => Ok(true),
        Err(e) if matches!(e.sql_err(), Some(SqlErr::UniqueConstraintViolation(_))) => Ok(false),
        Err(e) => Err(e),
    }
}

fn columns(email: Option<SealedEmail>) -> (Option<Vec<u8>>, Option<i32>) {
    email.map(|email| (email.sealed, email.key_version)).unzip()
}

pub async fn by_username(db: &impl ConnectionTrait, username: &str) -> Result<Option<staff::Model>, DbErr> {
    staff::Entity::find().filter(staff::Column::Username.eq(username)).one(db).await
}

pub async fn by_id(db: &impl ConnectionTrait, id: Uuid) -> Result<Option<staff::Model>, DbErr> {
    staff::Entity::find_by_id(id).one(db).await
}

pub async fn count(db: &impl ConnectionTrait) -> Result<u64, DbErr> {
    staff::Entity::find().count(db).await
}

/// Staff whose division lies inside `scope`.
pub async fn page(
    db: &impl ConnectionTrait,
    scope: &Division,
    after: Option<Uuid>,
    limit: u64,
) -> Result<Vec<staff::Model>, DbErr> {
    let mut query = staff::Entity::find().filter(staff::Column::Division.starts_with(scope.prefix()));
    if let Some(id) = after {
        query = query.filter(staff::Column::Id.gt(id));
    }
    query.order_by_asc(staff::Column::Id).limit(limit).all(db).await
}

/// Counts a try to log in, and locks the account with the last that is allowed. `false`: the account is locked.
pub async fn count_try(
    tx: &impl ConnectionTrait,
    id: Uuid,
    limit: i32,
    now: Timestamp,
    locked_until: Timestamp,
) -> Result<bool, DbErr> {
    use staff::Column;
    let unlocked =
        || staff::Entity::update_many().filter(Column::Id.eq(id).and(Column::LockedUntil.is_null()));
    // A lock that is over takes what brought it with it.
    staff::Entity::update_many()
        .col_expr(Column::Failures, Expr::value(0))
        .col_expr(Column::LockedUntil, Expr::value(None::<i64>))
        .filter(Column::Id.eq(id).and(Column::LockedUntil.lte(now)))
        .exec(tx)
        .await?;
    let one_more = Expr::col(Column::Failures).add(1);
    let counted = unlocked().col_expr(Column::Failures, one_more).exec(tx).await?;
    unlocked()
        .col_expr(Column::LockedUntil, Expr::value(locked_until))
        .filter(Column::Failures.gte(limit))
        .exec(tx)
        .await?;
    Ok(counted.rows_affected > 0)
}

/// Takes one counted try back, and the lock that it may have brought.
pub async fn forgive_try(tx: &impl ConnectionTrait, id: Uuid) -> Result<(), DbErr> {
    use staff::Column;
    staff::Entity::update_many()
        .col_expr(Column::Failures, Expr::col(Column::Failures).sub(1))
        .col_expr(Column::LockedUntil, Expr::value(None::<i64>))
        .filter(Column::Id.eq(id).and(Column::Failures.gt(0)))
        .exec(tx)
        .await
        .map(|_| ())
}

/// Clears the counted tries, and the lock that the last of them brought. With a TOTP step: `false` when this step or a later one was used already (replay).
pub async fn succeeded(tx: &impl ConnectionTrait, id: Uuid, totp_step: Option<i64>) -> Result<bool, DbErr> {
    use staff::Column;
    let mut update = staff::Entity::update_many()
        .col_expr(Column::Failures, Expr::value(0))
        .col_expr(Column::LockedUntil, Expr::value(None::<i64>))
        .filter(Column::Id.eq(id));
    if let Some(step) = totp_step {
        update = update.col_expr(Column::TotpLastStep, Expr::value(step));
        update = update.filter(Column::TotpLastStep.is_null().or(Column::TotpLastStep.lt(step)));
    }
    Ok(update.exec(tx).await?.rows_affected > 0)
}

/// What an administrator changes.
#[derive(Debug, Clone, Default)]
pub struct StaffChange {
    pub role: Option<Role>,
    pub division: Option<Division>,
    pub disabled_at: Option<Option<Timestamp>>,
    pub password_hash: Option<String>,
    /// `Some(None)` takes the address away.
    pub email: Option<Option<SealedEmail>>,
}

pub async fn change(
    tx: &impl ConnectionTrait,
    id: Uuid,
    change: StaffChange,
) -> Result<Option<staff::Model>, DbErr> {
    use sea_orm::{ActiveModelTrait, IntoActiveModel};
    let Some(row) = by_id(tx, id).await? else { return Ok(None) };
    let mut row = row.into_active_model();
    if let Some(role) = change.role {
        row.role = Set(role);
    }
    if let Some(division) = change.division {
        row.division = Set(division.prefix().to_owned());
    }
    if let Some(at) = change.disabled_at {
        row.disabled_at = Set(at);
    }
    if let Some(hash) = change.password_hash {
        row.password_hash = Set(hash);
    }
    if let Some(email) = change.email {
        let (sealed, version) = columns(email);
        (row.email_sealed, row.email_key_version) = (Set(sealed), Set(version));
    }
    if row.is_changed() { row.update(tx).await.map(Some) } else { by_id(tx, id).await }
}

/// The divisions of members of staff, by id; no names.
pub async fn divisions_of(
    db: &impl ConnectionTrait,
    ids: Vec<Uuid>,
) -> Result<std::collections::HashMap<Uuid, String>, DbErr> {
    let pairs = staff::Entity::find()
        .select_only()
        .columns([staff::Column::Id, staff::Column::Division])
        .filter(staff::Column::Id.is_in(ids))
        .into_tuple::<(Uuid, String)>()
        .all(db)
        .await?;
    Ok(pairs.into_iter().collect())
}

/// The user names of members of staff, by id, for a report that says who decided.
pub async fn usernames(
    db: &impl ConnectionTrait,
    ids: Vec<Uuid>,
) -> Result<std::collections::HashMap<Uuid, String>, DbErr> {
    let pairs = staff::Entity::find()
        .select_only()
        .columns([staff::Column::Id, staff::Column::Username])
        .filter(staff::Column::Id.is_in(ids))
        .into_tuple::<(Uuid, String)>()
        .all(db)
        .await?;
    Ok(pairs.into_iter().collect())
}
