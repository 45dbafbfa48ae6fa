//! Login codes and the counts their limits need.
//!
//! The counts that cost money stand in the database and not in Redis: a wiped Redis must not open the tap.

use mashang_domain::delivery::Channel;
use mashang_domain::person::Phone;
use mashang_domain::time::{DAY, HOUR, MINUTE, Timestamp};
use mashang_entity::login_code;
use sea_orm::sea_query::ExprTrait;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DbBackend, DbErr, EntityTrait, FromQueryResult,
    PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, Statement, sea_query::Expr,
};
use uuid::Uuid;

use super::statement::Raw;
use crate::keys::{Field, KeyRing, Label, SealError};

/// What is known of a request for a code.
pub struct NewCode<'a> {
    pub id: Uuid,
    pub phone: &'a Phone,
    pub client_address: &'a str,
    pub channel: Channel,
    pub code: &'a str,
    pub expires_at: Timestamp,
}

/// What was sent lately, as the limits count it.
#[derive(Debug, Clone, Default)]
pub struct RecentSends {
    /// Sends to this phone in the last 24 hours.
    pub phone: Vec<Timestamp>,
    /// The send for this client address that has to be an hour old before there is room for another.
    pub address: Option<Timestamp>,
    /// As `address`, for this block of 10,000 numbers.
    pub block: Option<Timestamp>,
    /// Sends of the whole system in the last 24 hours.
    pub total: i64,
    /// Wrong tries on the codes of this phone in the last 24 hours.
    pub phone_failures: i64,
}

/// Lets the requests for one phone take turns until the commit.
pub async fn lock_phone(tx: &impl ConnectionTrait, keys: &KeyRing, phone: &Phone) -> Result<(), DbErr> {
    if tx.get_database_backend() == DbBackend::Postgres {
        let hash = keys.phone_hash(phone);
        let number = hash[..8].iter().fold(0i64, |n, b| (n << 8) | i64::from(*b));
        let lock = Statement::from_sql_and_values(
            DbBackend::Postgres,
            "SELECT pg_advisory_xact_lock($1)",
            [number.into()],
        );
        tx.execute_raw(lock).await?;
    }
    Ok(())
}

/// Who asks, and how many sends an hour their address and their block of numbers have.
#[derive(Debug, Clone, Copy)]
pub struct Asker<'a> {
    pub phone: &'a Phone,
    pub address: &'a str,
    pub per_address_hour: i64,
    pub per_block_hour: i64,
}

pub async fn recent(
    tx: &impl ConnectionTrait,
    keys: &KeyRing,
    asker: Asker<'_>,
    now: Timestamp,
) -> Result<RecentSends, DbErr> {
    use login_code::Column;
    let since = |window: i64| Column::CreatedAt.gt(now - window);
    let of_phone = Column::PhoneHash.eq(keys.phone_hash(asker.phone));
    let rows = login_code::Entity::find().filter(of_phone).filter(since(DAY)).all(tx).await?;
    // The newest but so many: when it is there, the hour is full.
    let nth_newest = async |which: sea_orm::sea_query::SimpleExpr, n: i64| {
        let found = login_code::Entity::find().select_only().column(Column::CreatedAt);
        let found = found.filter(which).filter(since(HOUR)).order_by_desc(Column::CreatedAt);
        let before = u64::try_from(n - 1).unwrap_or(0);
        found.offset(before).limit(1).into_tuple::<Timestamp>().one(tx).await
    };
    let address = keys.keyed_hash(Label::ClientAddress, asker.address.as_bytes());
    let block = keys.keyed_hash(Label::PhoneBlock, asker.phone.block().as_bytes());
    Ok(RecentSends {
        phone_failures: rows.iter().map(|r| i64::from(r.wrong_tries)).sum(),
        phone: rows.into_iter().map(|r| r.created_at).collect(),
        address: nth_newest(Column::AddressHash.eq(address), asker.per_address_hour).await?,
        block: nth_newest(Column::BlockHash.eq(block), asker.per_block_hour).await?,
        total: last_day(tx, now).await?,
    })
}

/// Writes a request and burns the codes that the phone had before.
pub async fn insert(
    tx: &impl ConnectionTrait,
    keys: &KeyRing,
    new: NewCode<'_>,
    now: Timestamp,
) -> Result<(), DbErr> {
    use login_code::Column;
    let phone_hash = keys.phone_hash(new.phone);
    let open = Column::UsedAt.is_null().and(Column::BurntAt.is_null());
    login_code::Entity::update_many()
        .col_expr(Column::BurntAt, Expr::value(now))
        .filter(Column::PhoneHash.eq(phone_hash.clone()))
        .filter(open)
        .exec(tx)
        .await?;
    let sealed = keys
        .seal_phone(Field::LoginPhone, new.id, new.phone)
        .map_err(|e: SealError| DbErr::Custom(e.to_string()))?;
    let row = login_code::ActiveModel {
        id: Set(new.id),
        phone_hash: Set(phone_hash),
        phone_sealed: Set(sealed),
        key_version: Set(keys.current_version()),
        block_hash: Set(keys.keyed_hash(Label::PhoneBlock, new.phone.block().as_bytes())),
        address_hash: Set(keys.keyed_hash(Label::ClientAddress, new.client_address.as_bytes())),
        channel: Set(new.channel),
        code_hash: Set(keys.code_hash(new.id, new.code)),
        wrong_tries: Set(0),
        created_at: Set(now),
        expires_at: Set(new.expires_at),
        used_at: Set(None),
        burnt_at: Set(None),
    };
    login_code::Entity::insert(row).exec_without_returning(tx).await.map(|_| ())
}

/// What became of a try.
#[derive(Debug, Clone)]
pub enum Try {
    /// The code was right and is used up by this very call.
    Right(Box<login_code::Model>),
    Wrong {
        tries_left: i32,
    },
    /// Used, burnt, expired, or never made.
    Over,
}

/// One try, decided by the database: of many right answers at once exactly one is `Right`, and never more than
/// `max_tries` wrong ones are evaluated.
pub async fn attempt(
    tx: &impl ConnectionTrait,
    keys: &KeyRing,
    id: Uuid,
    code: &str,
    max_tries: i32,
    now: Timestamp,
) -> Result<Try, DbErr> {
    use login_code::Column;
    let live = || {
        let open = Column::UsedAt.is_null().and(Column::BurntAt.is_null());
        Column::Id.eq(id).and(open).and(Column::ExpiresAt.gt(now)).and(Column::WrongTries.lt(max_tries))
    };
    let used = login_code::Entity::update_many()
        .col_expr(Column::UsedAt, Expr::value(now))
        .filter(live())
        .filter(Column::CodeHash.eq(keys.code_hash(id, code)))
        .exec_with_returning(tx)
        .await?;
    if let Some(row) = used.into_iter().next() {
        return Ok(Try::Right(Box::new(row)));
    }
    let wrong = login_code::Entity::update_many()
        .col_expr(Column::WrongTries, Expr::col(Column::WrongTries).add(1))
        .filter(live())
        .exec_with_returning(tx)
        .await?;
    Ok(wrong
        .into_iter()
        .next()
        .map_or(Try::Over, |row| Try::Wrong { tries_left: max_tries - row.wrong_tries }))
}

/// What became of the codes of an hour.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Hour {
    pub sent: i64,
    /// Those that were used.
    pub verified: i64,
    /// Unused ones of the block of 10,000 numbers, and of the client address, that has most.
    pub most_unverified_of_block: i64,
    pub most_unverified_of_address: i64,
}

/// The codes of the last hour whose life is over: `ttl` milliseconds long, so each of them had its chance.
pub async fn hour(db: &impl ConnectionTrait, ttl: i64, now: Timestamp) -> Result<Hour, DbErr> {
    let window = |raw: Raw| {
        let raw = raw.sql(" FROM login_code WHERE created_at > ").bind(now - ttl - HOUR);
        raw.sql(" AND created_at <= ").bind(now - ttl)
    };
    let most = |raw: Raw, by: &str| {
        let raw = window(raw.sql("(SELECT max(n) FROM (SELECT count(*) AS n"));
        raw.sql(&format!(" AND used_at IS NULL GROUP BY {by}) AS g)"))
    };
    let raw = most(Raw::new(db, "SELECT count(*) AS sent, count(used_at) AS verified, "), "block_hash");
    let raw = most(raw.sql(" AS block, "), "address_hash").sql(" AS address");
    let Some(row) = db.query_one_raw(window(raw).done()).await? else { return Ok(Hour::default()) };
    Ok(Hour {
        sent: row.try_get("", "sent")?,
        verified: row.try_get("", "verified")?,
        most_unverified_of_block: row.try_get::<Option<i64>>("", "block")?.unwrap_or(0),
        most_unverified_of_address: row.try_get::<Option<i64>>("", "address")?.unwrap_or(0),
    })
}

/// Codes of the whole system in the last 24 hours.
pub async fn last_day(db: &impl ConnectionTrait, now: Timestamp) -> Result<i64, DbErr> {
    let count =
        login_code::Entity::find().filter(login_code::Column::CreatedAt.gt(now - DAY)).count(db).await?;
    Ok(i64::try_from(count).unwrap_or(i64::MAX))
}

#[derive(FromQueryResult)]
struct Sum {
    total: Option<i64>,
}

/// Wrong tries in the whole system on codes of the last ten minutes.
pub async fn failures_lately(db: &impl ConnectionTrait, now: Timestamp) -> Result<i64, DbErr> {
    let sum = Expr::col(login_code::Column::WrongTries).sum();
    let query = login_code::Entity::find().select_only().column_as(sum, "total");
    let query = query.filter(login_code::Column::CreatedAt.gt(now - 10 * MINUTE));
    Ok(query.into_model::<Sum>().one(db).await?.and_then(|s| s.total).unwrap_or(0))
}
