//! Getting a chunk of imported scans into the table: COPY in binary form on PostgreSQL, large inserts on SQLite.
//!
//! COPY knows no conflict. So chunks go straight into `scan` as long as none has met a row that is there already; from
//! then on through a temporary table. Rows and progress are one transaction either way.

use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use mashang_domain::time::Timestamp;
use mashang_domain::venue::SuspectReason;
use mashang_entity::{import_chunk, import_job};
use sea_orm::sqlx::{self, Acquire, PgConnection};
use sea_orm::{ConnectionTrait, DbErr, RuntimeErr, Value};

use super::import::ImportRow;
use super::partition::sqlstate;
use super::scan::sqlite;
use crate::db::Db;

/// Rows of one SQLite statement: eight values each, 32,766 at most.
const SQLITE_ROWS: usize = 2_048;

const CHUNK_DONE: &str = "\
    INSERT INTO import_chunk (job_id, number, digest, lines, rejected, first_at, last_at) \
    VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (job_id, number) DO UPDATE SET digest = excluded.digest, \
    lines = excluded.lines, rejected = excluded.rejected, first_at = excluded.first_at, last_at = excluded.last_at";

const JOB_PROGRESS: &str = "\
    UPDATE import_job SET finished_at = NULL, updated_at = $2, \
           lines_done = (SELECT sum(lines) FROM import_chunk WHERE job_id = $1) WHERE id = $1";

/// How often a chunk is tried that ran into another of the same file: each had a row that the other wanted.
const TRIES: u32 = 5;

/// How the chunks of one run get into the table on PostgreSQL: straight, until one meets a row that is there already.
#[derive(Debug, Clone, Default)]
pub struct Way(Arc<AtomicBool>);

impl Way {
    fn is_staged(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    fn stage(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

pub(super) async fn copy(
    db: &Db,
    job: &import_job::Model,
    chunk: &import_chunk::Model,
    rows: &[ImportRow],
    way: &Way,
    now: Timestamp,
) -> Result<u64, DbErr> {
    let data = Arc::new(binary(rows, job.created_at));
    let mut tried = 0;
    loop {
        tried += 1;
        let staged = way.is_staged();
        // A task of its own: a COPY that is dropped in the middle leaves a connection in the pool that nobody can use.
        let task = tokio::spawn(copy_once(db.clone(), chunk.clone(), Arc::clone(&data), staged, now));
        let done =
            task.await.map_err(|e| DbErr::Custom(format!("the copying task ended: {e}")))?.map_err(failed);
        match done.as_ref().err().and_then(sqlstate).as_deref() {
            Some("23505") if !staged => way.stage(),
            Some("40P01") if tried < TRIES => {}
            _ => return done,
        }
    }
}

async fn copy_once(
    db: Db,
    chunk: import_chunk::Model,
    data: Arc<Vec<u8>>,
    staged: bool,
    now: Timestamp,
) -> Result<u64, sqlx::Error> {
    let mut tx = db.unbounded().get_postgres_connection_pool().begin().await?;
    let conn = tx.acquire().await?;
    let new = if staged {
        let table = "CREATE TEMP TABLE IF NOT EXISTS scan_import (LIKE scan) ON COMMIT DELETE ROWS";
        sqlx::query(table).execute(&mut *conn).await?;
        copy_into(conn, "scan_import", &data).await?;
        let merge = "INSERT INTO scan SELECT * FROM scan_import ON CONFLICT DO NOTHING";
        sqlx::query(merge).execute(&mut *conn).await?.rows_affected()
    } else {
        copy_into(conn, "scan", &data).await?
    };
    let conn = tx.acquire().await?;
    sqlx::query(CHUNK_DONE)
        .bind(chunk.job_id)
        .bind(chunk.number)
        .bind(&chunk.digest)
        .bind(chunk.lines)
        .bind(chunk.rejected)
        .bind(chunk.first_at.map(Timestamp::millis))
        .bind(chunk.last_at.map(Timestamp::millis))
        .execute(&mut *conn)
        .await?;
    sqlx::query(JOB_PROGRESS).bind(chunk.job_id).bind(now.millis()).execute(&mut *conn).await?;
    tx.commit().await?;
    Ok(new)
}

async fn copy_into(conn: &mut PgConnection, table: &str, data: &[u8]) -> Result<u64, sqlx::Error> {
    let statement = format!(
        "COPY {table} (id, person_id, venue_id, zone_id, direction, at, client_at, received_at, companions, suspect, \
         suspect_reason, repeat, source) FROM STDIN (FORMAT binary)"
    );
    let mut copy = conn.copy_in_raw(&statement).await?;
    copy.send(data).await?;
    copy.finish().await
}

fn failed(error: sqlx::Error) -> DbErr {
    DbErr::Exec(RuntimeErr::SqlxError(Arc::new(error)))
}

/// The rows in PostgreSQL's binary COPY format.
fn binary(rows: &[ImportRow], received_at: Timestamp) -> Vec<u8> {
    let mut out = Vec::with_capacity(rows.len() * 160 + 32);
    out.extend_from_slice(b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0");
    for row in rows {
        out.extend_from_slice(&13_i16.to_be_bytes());
        field(&mut out, row.id.as_bytes());
        field(&mut out, row.person_id.as_bytes());
        field(&mut out, row.venue_id.as_bytes());
        null(&mut out);
        field(&mut out, row.direction.as_str().as_bytes());
        field(&mut out, &row.at.millis().to_be_bytes());
        null(&mut out);
        field(&mut out, &received_at.millis().to_be_bytes());
        field(&mut out, &0_i16.to_be_bytes());
        field(&mut out, &[u8::from(row.verdict.suspect.is_some())]);
        match row.verdict.suspect {
            Some(reason) => field(&mut out, reason.as_str().as_bytes()),
            None => null(&mut out),
        }
        field(&mut out, &[u8::from(row.verdict.repeat)]);
        field(&mut out, b"import");
    }
    out.extend_from_slice(&(-1_i16).to_be_bytes());
    out
}

fn field(out: &mut Vec<u8>, bytes: &[u8]) {
    // The longest field is a word of a dozen letters.
    out.extend_from_slice(&(bytes.len() as i32).to_be_bytes());
    out.extend_from_slice(bytes);
}

fn null(out: &mut Vec<u8>) {
    out.extend_from_slice(&(-1_i32).to_be_bytes());
}

pub(super) async fn insert(
    db: &Db,
    job: &import_job::Model,
    chunk: &import_chunk::Model,
    rows: &[ImportRow],
    now: Timestamp,
) -> Result<u64, DbErr> {
    let tx = db.begin_write().await?;
    let mut new = 0;
    for some in rows.chunks(SQLITE_ROWS) {
        let mut sql = String::with_capacity(some.len() * 64 + 200);
        sql.push_str(
            "INSERT OR IGNORE INTO scan (id, person_id, venue_id, direction, at, suspect, suspect_reason, repeat, \
             received_at, companions, source) VALUES ",
        );
        let mut values: Vec<Value> = Vec::with_capacity(some.len() * 8);
        for (i, row) in some.iter().enumerate() {
            let comma = if i == 0 { "" } else { "," };
            let _ = write!(sql, "{comma}(?,?,?,?,?,?,?,?,{},0,'import')", job.created_at.millis());
            let reason = row.verdict.suspect.map(SuspectReason::as_str);
            values.extend([
                row.id.into(),
                row.person_id.into(),
                row.venue_id.into(),
                row.direction.as_str().into(),
                row.at.millis().into(),
                reason.is_some().into(),
                reason.into(),
                row.verdict.repeat.into(),
            ]);
        }
        new += tx.execute_raw(sqlite(&sql, values)).await?.rows_affected();
    }
    let done = [
        chunk.job_id.into(),
        chunk.number.into(),
        chunk.digest.clone().into(),
        chunk.lines.into(),
        chunk.rejected.into(),
        chunk.first_at.map(Timestamp::millis).into(),
        chunk.last_at.map(Timestamp::millis).into(),
    ];
    tx.execute_raw(sqlite(CHUNK_DONE, done)).await?;
    tx.execute_raw(sqlite(JOB_PROGRESS, [chunk.job_id.into(), now.millis().into()])).await?;
    tx.commit().await?;
    Ok(new)
}
