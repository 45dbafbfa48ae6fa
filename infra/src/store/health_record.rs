//! Entries of official lists, found by the keyed hashes of a document or of a number.
//!
//! Whoever adds or takes back entries, and whoever declares and looks for them, must not pass each other unseen: both take
//! a [`turn`] at the start of their transaction, before they take anybody's code.

use chrono::NaiveDate;
use mashang_domain::health::RecordKind;
use mashang_domain::person::Division;
use mashang_domain::time::{Timestamp, day_of_number};
use mashang_entity::health_record;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DbBackend, DbErr, EntityTrait, FromQueryResult,
    IntoActiveModel, QueryFilter, QueryOrder, QuerySelect, Statement,
};
use uuid::Uuid;

use super::statement::Raw;
use crate::bugs::{self, Bug};

/// The lock of [`turn`] on PostgreSQL.
const RECORDS_LOCK: i64 = 0x6d61_7368_616e_6711;

/// Rows in one statement.
const ROWS: usize = 500;

/// What somebody is about to do with records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// Looks for records: many may at once.
    Look,
    /// Adds some or takes some back.
    Change,
}

/// Waits until nobody is in the way; holds until the transaction ends. SQLite has one writer anyway.
pub async fn turn(tx: &impl ConnectionTrait, turn: Turn) -> Result<(), DbErr> {
    if tx.get_database_backend() != DbBackend::Postgres || bugs::has(Bug::NoRecordTurn) {
        return Ok(());
    }
    let function = match turn {
        Turn::Look => "pg_advisory_xact_lock_shared",
        Turn::Change => "pg_advisory_xact_lock",
    };
    let lock = format!("SELECT {function}({RECORDS_LOCK})");
    tx.execute_raw(Statement::from_string(DbBackend::Postgres, lock)).await.map(|_| ())
}

/// What is looked at of an entry to see whom it fits.
#[derive(Debug, Clone, PartialEq, Eq, FromQueryResult)]
pub struct Entry {
    pub id: Uuid,
    pub kind: RecordKind,
    pub division_code: String,
    pub digest: Vec<u8>,
    pub identity_hash: Option<Vec<u8>>,
    pub phone_hash: Option<Vec<u8>>,
    pub day: i32,
    pub ends_on: Option<i32>,
    pub completed_at: Option<Timestamp>,
    pub withdrawn_at: Option<Timestamp>,
}

impl Entry {
    /// Whether it is a quarantine that has ended, and restricts nobody any more.
    pub fn is_over(&self, today: NaiveDate) -> bool {
        self.kind == RecordKind::Quarantine && self.ends_on.is_some_and(|day| day_of_number(day) <= today)
    }
}

const ENTRY: &str = "SELECT id, kind, division_code, digest, identity_hash, phone_hash, day, ends_on, completed_at, withdrawn_at \
                     FROM health_record WHERE ";

/// Those with one of these digests.
pub async fn by_digests(db: &impl ConnectionTrait, digests: &[Vec<u8>]) -> Result<Vec<Entry>, DbErr> {
    if digests.is_empty() {
        return Ok(Vec::new());
    }
    let rows = Raw::new(db, ENTRY).sql("digest").any_bytes(digests.iter().map(Vec::as_slice));
    Entry::find_by_statement(rows.done()).all(db).await
}

/// Those that fit a document or a number, and have not been taken back.
pub async fn that_fit(
    db: &impl ConnectionTrait,
    identity_hash: &[u8],
    phone_hash: &[u8],
) -> Result<Vec<Entry>, DbErr> {
    let rows =
        Raw::new(db, ENTRY).sql("withdrawn_at IS NULL AND (identity_hash = ").bind(identity_hash.to_vec());
    let rows = rows.sql(" OR phone_hash = ").bind(phone_hash.to_vec()).sql(") ORDER BY id");
    Entry::find_by_statement(rows.done()).all(db).await
}

/// Quarantines that are over on `day` and have not ended anything yet, the oldest first.
pub async fn quarantines_due(db: &impl ConnectionTrait, day: i32, limit: u64) -> Result<Vec<Entry>, DbErr> {
    let rows = Raw::new(db, ENTRY)
        .sql("completed_at IS NULL AND withdrawn_at IS NULL AND kind = 'quarantine' AND ends_on <= ");
    let rows =
        rows.bind(day).sql(" ORDER BY ends_on, id LIMIT ").bind(i64::try_from(limit).unwrap_or(i64::MAX));
    Entry::find_by_statement(rows.done()).all(db).await
}

/// Adds entries whose digests are new.
pub async fn insert(tx: &impl ConnectionTrait, rows: &[health_record::Model]) -> Result<(), DbErr> {
    for rows in rows.chunks(ROWS) {
        let rows = rows.iter().cloned().map(|row| row.into_active_model().reset_all());
        health_record::Entity::insert_many(rows).exec_without_returning(tx).await?;
    }
    Ok(())
}

/// Notes the last days of quarantines that a later file names; their end is applied again.
pub async fn move_ends(tx: &impl ConnectionTrait, ends: &[(Uuid, i32)]) -> Result<(), DbErr> {
    for ends in ends.chunks(ROWS) {
        let rows = ends.iter().map(|(id, day)| vec![(*id).into(), (*day).into()]);
        let update = Raw::new(tx, "").with_rows(&[("id", "uuid"), ("ends_on", "integer")], rows);
        let update = update.sql(
            "UPDATE health_record SET ends_on = o.ends_on, completed_at = NULL FROM o WHERE health_record.id = o.id",
        );
        tx.execute_raw(update.done()).await?;
    }
    Ok(())
}

/// Notes that the end of these quarantines was applied.
pub async fn complete(tx: &impl ConnectionTrait, ids: &[Uuid], now: Timestamp) -> Result<(), DbErr> {
    if ids.is_empty() {
        return Ok(());
    }
    let update = Raw::new(tx, "UPDATE health_record SET completed_at = ").bind(now).sql(" WHERE id").any(ids);
    tx.execute_raw(update.done()).await.map(|_| ())
}

/// Takes one back; none when there is none of that id in the division that has not been taken back.
pub async fn withdraw(
    tx: &impl ConnectionTrait,
    id: Uuid,
    division: &Division,
    by: Uuid,
    now: Timestamp,
) -> Result<Option<RecordKind>, DbErr> {
    let found = health_record::Entity::find_by_id(id).one(tx).await?;
    let Some(mut row) = found.filter(|r| division.covers(&r.division_code) && r.withdrawn_at.is_none())
    else {
        return Ok(None);
    };
    (row.withdrawn_at, row.withdrawn_by) = (Some(now), Some(by));
    let kind = row.kind;
    health_record::Entity::update(row.into_active_model().reset_all()).exec(tx).await?;
    Ok(Some(kind))
}

/// Those of a division, newest first, from before `before` on.
pub async fn page(
    db: &impl ConnectionTrait,
    division: &Division,
    kind: Option<RecordKind>,
    import: Option<Uuid>,
    before: Option<Uuid>,
    limit: u64,
) -> Result<Vec<health_record::Model>, DbErr> {
    let inside = health_record::Column::DivisionCode.starts_with(division.prefix());
    let mut query = health_record::Entity::find().filter(inside);
    if let Some(kind) = kind {
        query = query.filter(health_record::Column::Kind.eq(kind));
    }
    if let Some(import) = import {
        query = query.filter(health_record::Column::ImportId.eq(import));
    }
    if let Some(id) = before {
        query = query.filter(health_record::Column::Id.lt(id));
    }
    query.order_by_desc(health_record::Column::Id).limit(limit).all(db).await
}
