//! Imports of visits: how far a file has come, its rows, and putting the marks right at the end.
//!
//! A row's id is made of what it says, so the same row twice is one, however often a file is read. A file is read in
//! chunks; a chunk's rows and the note that it is done are committed together, and a later run skips a chunk whose lines
//! have the same digest. All rows of a job carry its creation time as `received_at`, which no other job has.

use futures_util::TryStreamExt;
use mashang_domain::time::{DAY, Timestamp};
use mashang_domain::venue::Direction;
use mashang_domain::venue::plausibility::{PlausibilityRules, Verdict};
use mashang_entity::{import_chunk, import_job};
use sea_orm::sea_query::OnConflict;
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel,
    PaginatorTrait, QueryFilter, QueryOrder, Statement, StreamTrait, TransactionTrait,
};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::import_copy;
pub use super::import_copy::Way;
use super::partition::{ensure_days_of, is_missing_partition};
use super::scan_chain::settle;
use crate::db::Db;

/// People whose marks are put right in one transaction.
const PEOPLE_AT_ONCE: usize = 500;

/// A scan from a file.
#[derive(Debug, Clone, PartialEq)]
pub struct ImportRow {
    pub id: Uuid,
    pub person_id: Uuid,
    pub venue_id: Uuid,
    pub direction: Direction,
    /// In whole seconds.
    pub at: Timestamp,
    pub verdict: Verdict,
}

/// The id of an imported scan: its time, so that rows of one time lie together, and a digest of all it says (UUIDv8).
pub fn row_id(person: Uuid, venue: Uuid, direction: Direction, at: Timestamp) -> Uuid {
    let digest = Sha256::new()
        .chain_update(person)
        .chain_update(venue)
        .chain_update(direction.as_str())
        .chain_update(at.millis().to_be_bytes())
        .finalize();
    let mut bytes = [0; 16];
    bytes[..6].copy_from_slice(&at.millis().to_be_bytes()[2..]);
    bytes[6..].copy_from_slice(&digest[..10]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

/// The job of a file, made when there is none. `digest` is that of the file's beginning.
pub async fn open(
    db: &Db,
    kind: &str,
    digest: &[u8],
    by: Option<Uuid>,
    now: Timestamp,
) -> Result<import_job::Model, DbErr> {
    let tx = db.begin_write().await?;
    let of_file = import_job::Entity::find().filter(import_job::Column::Digest.eq(digest.to_vec()));
    if let Some(found) = of_file.clone().one(&*tx).await? {
        tx.rollback().await?;
        return Ok(found);
    }
    let later = import_job::Entity::find().filter(import_job::Column::CreatedAt.gte(now));
    let latest = later.order_by_desc(import_job::Column::CreatedAt).one(&*tx).await?;
    let created_at = latest.map_or(now, |job| job.created_at + 1);
    let job = import_job::ActiveModel {
        id: Set(Uuid::now_v7()),
        kind: Set(kind.to_owned()),
        digest: Set(digest.to_vec()),
        lines_done: Set(0),
        recorded: Set(0),
        repeats: Set(0),
        rejected: Set(0),
        created_by: Set(by),
        created_at: Set(created_at),
        updated_at: Set(now),
        finished_at: Set(None),
    };
    let same_file = OnConflict::column(import_job::Column::Digest).do_nothing().to_owned();
    import_job::Entity::insert(job).on_conflict(same_file).exec_without_returning(&*tx).await?;
    tx.commit().await?;
    of_file.one(db.conn()).await?.ok_or_else(|| DbErr::RecordNotFound("the import's job".to_owned()))
}

/// The chunks of a job that are done, by number.
pub async fn chunks(db: &impl ConnectionTrait, job_id: Uuid) -> Result<Vec<import_chunk::Model>, DbErr> {
    let of_job = import_chunk::Entity::find().filter(import_chunk::Column::JobId.eq(job_id));
    of_job.order_by_asc(import_chunk::Column::Number).all(db).await
}

/// Writes the rows of a chunk with the note that it is done, and returns how many were not there before.
pub async fn write(
    db: &Db,
    job: &import_job::Model,
    chunk: &import_chunk::Model,
    rows: &[ImportRow],
    way: &Way,
    now: Timestamp,
) -> Result<u64, DbErr> {
    if !db.is_postgres() {
        return import_copy::insert(db, job, chunk, rows, now).await;
    }
    match import_copy::copy(db, job, chunk, rows, way, now).await {
        Err(e) if is_missing_partition(&e) => {
            ensure_days_of(db, rows.iter().map(|r| r.at)).await?;
            import_copy::copy(db, job, chunk, rows, way, now).await
        }
        other => other,
    }
}

/// Whether anybody else's scans stand so near to `[from, to]` that they and the job's may change each other's marks.
pub async fn has_others_near(
    db: &impl ConnectionTrait,
    job: &import_job::Model,
    from: Timestamp,
    to: Timestamp,
) -> Result<bool, DbErr> {
    const SQL: &str = "\
        SELECT 1 AS found FROM scan WHERE at >= $1 AND at <= $2 AND NOT (source = 'import' AND received_at = $3) LIMIT 1";
    let values = [(from - DAY).millis().into(), (to + DAY).millis().into(), job.created_at.millis().into()];
    let statement = Statement::from_sql_and_values(db.get_database_backend(), SQL, values);
    Ok(db.query_one_raw(statement).await?.is_some())
}

/// Puts the marks right of everybody who has a row of the job in `[from, to]`, each from their first one on. `done` hears
/// how many people are settled.
pub async fn settle_all(
    db: &Db,
    job: &import_job::Model,
    (from, to): (Timestamp, Timestamp),
    rules: &PlausibilityRules,
    mut done: impl FnMut(u64) + Send,
) -> Result<(), DbErr> {
    const SQL: &str = "\
        SELECT person_id, min(at) FROM scan \
        WHERE at >= $1 AND at <= $2 AND source = 'import' AND received_at = $3 GROUP BY person_id";
    let reading = db.unbounded().begin().await?;
    if db.is_postgres() {
        reading.execute_unprepared("SET LOCAL statement_timeout = 0").await?;
    }
    let values = [from.millis().into(), to.millis().into(), job.created_at.millis().into()];
    let touched = Statement::from_sql_and_values(db.conn().get_database_backend(), SQL, values);
    let mut rows = reading.stream_raw(touched).await?;
    let (mut people, mut settled) = (Vec::with_capacity(PEOPLE_AT_ONCE), 0);
    loop {
        let row = rows.try_next().await?;
        let ended = row.is_none();
        if let Some(row) = row {
            people.push((row.try_get_by_index(0)?, Timestamp(row.try_get_by_index(1)?)));
        }
        if people.len() == PEOPLE_AT_ONCE || ended {
            settle_people(db, &people, rules).await?;
            settled += people.len() as u64;
            done(settled);
            people.clear();
        }
        if ended {
            break;
        }
    }
    drop(rows);
    reading.rollback().await
}

/// Puts the marks of these people right, from each one's moment on.
pub async fn settle_people(
    db: &Db,
    people: &[(Uuid, Timestamp)],
    rules: &PlausibilityRules,
) -> Result<(), DbErr> {
    for some in people.chunks(PEOPLE_AT_ONCE) {
        let tx = db.begin_write().await?;
        settle(&*tx, some, Timestamp(i64::MAX), rules).await?;
        tx.commit().await?;
    }
    Ok(())
}

/// What a job has put into the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    pub recorded: i64,
    pub repeats: i64,
    /// Recorded and doubted.
    pub suspect: i64,
}

pub async fn totals(
    db: &impl ConnectionTrait,
    job: &import_job::Model,
    from: Timestamp,
    to: Timestamp,
) -> Result<Totals, DbErr> {
    const SQL: &str = "\
        SELECT coalesce(sum(CASE WHEN repeat THEN 0 ELSE 1 END), 0), coalesce(sum(CASE WHEN repeat THEN 1 ELSE 0 END), 0), \
               coalesce(sum(CASE WHEN suspect AND NOT repeat THEN 1 ELSE 0 END), 0) \
        FROM scan WHERE at >= $1 AND at <= $2 AND source = 'import' AND received_at = $3";
    let values = [from.millis().into(), to.millis().into(), job.created_at.millis().into()];
    let statement = Statement::from_sql_and_values(db.get_database_backend(), SQL, values);
    let Some(row) = db.query_one_raw(statement).await? else { return Ok(Totals::default()) };
    let number = |i| row.try_get_by_index(i);
    Ok(Totals { recorded: number(0)?, repeats: number(1)?, suspect: number(2)? })
}

/// Notes that a job is done, in the transaction of its audit entry.
pub async fn finish(
    tx: &impl ConnectionTrait,
    job: import_job::Model,
    totals: Totals,
    rejected: i64,
    now: Timestamp,
) -> Result<(), DbErr> {
    let id = job.id;
    let mut job = job.into_active_model();
    job.recorded = Set(totals.recorded);
    job.repeats = Set(totals.repeats);
    job.rejected = Set(rejected);
    job.updated_at = Set(now);
    job.finished_at = Set(Some(now));
    // Progress was noted by statements of its own.
    job.lines_done.reset();
    let lines = import_chunk::Entity::find().filter(import_chunk::Column::JobId.eq(id)).all(tx).await?;
    job.lines_done = Set(lines.iter().map(|c| c.lines).sum());
    job.update(tx).await.map(|_| ())
}

/// Chunks beyond the end of a file that has become shorter.
pub async fn forget_chunks_from(tx: &impl ConnectionTrait, job_id: Uuid, number: i64) -> Result<(), DbErr> {
    import_chunk::Entity::delete_many()
        .filter(import_chunk::Column::JobId.eq(job_id))
        .filter(import_chunk::Column::Number.gte(number))
        .exec(tx)
        .await
        .map(|_| ())
}

/// How many chunks of a job are done.
pub async fn chunks_done(db: &impl ConnectionTrait, job_id: Uuid) -> Result<u64, DbErr> {
    import_chunk::Entity::find().filter(import_chunk::Column::JobId.eq(job_id)).count(db).await
}
