//! What the databases take when nothing else is asked of them: the same rows into the same tables with the same indexes,
//! by COPY from four connections, or in transactions of SQLite. Rows are made up beforehand.

use std::sync::Arc;
use std::time::Instant;

use mashang_domain::time::Timestamp;
use sea_orm::sqlx::{self, postgres::PgPoolOptions};
use sea_orm::{ConnectionTrait, DbBackend, Statement, Value};
use tokio::task::JoinSet;
use uuid::Uuid;

use super::file;
use mashang_infra::db::Db;

const CONNECTIONS: u32 = 4;
const COPY_ROWS: usize = 1_024;
const SQLITE_ROWS: usize = 4_096;
/// Rows of one statement: SQLite binds 32,766 values at most.
const SQLITE_STATEMENT: usize = 2_048;

/// The time of a row leads its id, as in an import.
struct Row {
    id: Uuid,
    person: Uuid,
    venue: Uuid,
    is_in: bool,
    at: Timestamp,
}

fn rows(count: u64, end: Timestamp) -> Vec<Row> {
    let row = |(n, line): (usize, file::Line)| Row {
        id: Uuid::from_u64_pair((line.at.millis() as u64) << 16 | 0x8000, 0x8000_0000_0000_0000 | n as u64),
        // Spread as ids are whose owners were made at another time.
        person: Uuid::from_u64_pair(line.person.wrapping_mul(0x9e37_79b9_7f4a_7c15), 1),
        venue: Uuid::from_u128(u128::from(line.venue) + 1),
        is_in: line.is_in,
        at: line.at,
    };
    file::lines(count, end).enumerate().map(row).collect()
}

/// Rows a second by COPY of 1,024 rows from four connections. Empties the table of scans before.
pub async fn copy(url: &str, count: u64, end: Timestamp) -> anyhow::Result<f64> {
    let pool = PgPoolOptions::new().max_connections(CONNECTIONS).connect(url).await?;
    sqlx::query("TRUNCATE scan").execute(&pool).await?;
    let chunks: Arc<Vec<Vec<u8>>> = Arc::new(rows(count, end).chunks(COPY_ROWS).map(binary).collect());
    let begun = Instant::now();
    let mut tasks = JoinSet::new();
    for lane in 0..CONNECTIONS as usize {
        let (pool, chunks) = (pool.clone(), Arc::clone(&chunks));
        tasks.spawn(async move {
            let mut connection = pool.acquire().await?;
            for chunk in chunks.iter().skip(lane).step_by(CONNECTIONS as usize) {
                let mut copy = connection.copy_in_raw(COPY).await?;
                copy.send(chunk.as_slice()).await?;
                copy.finish().await?;
            }
            Ok::<_, sqlx::Error>(())
        });
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    let seconds = begun.elapsed().as_secs_f64();
    pool.close().await;
    Ok(count as f64 / seconds)
}

const COPY: &str = "\
    COPY scan (id, person_id, venue_id, direction, at, received_at, suspect, repeat, companions, source) \
    FROM STDIN (FORMAT binary)";

fn binary(rows: &[Row]) -> Vec<u8> {
    let mut out = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0".to_vec();
    for row in rows {
        out.extend_from_slice(&10_i16.to_be_bytes());
        let at = row.at.millis().to_be_bytes();
        let direction: &[u8] = if row.is_in { b"in" } else { b"out" };
        let fields: [&[u8]; 10] = [
            row.id.as_bytes(),
            row.person.as_bytes(),
            row.venue.as_bytes(),
            direction,
            &at,
            &at,
            &[0],
            &[0],
            &[0, 0],
            b"import",
        ];
        for field in fields {
            out.extend_from_slice(&(field.len() as i32).to_be_bytes());
            out.extend_from_slice(field);
        }
    }
    out.extend_from_slice(&(-1_i16).to_be_bytes());
    out
}

/// Rows a second in transactions of 4,096 rows. Empties the table of scans before.
pub async fn sqlite(db: &Db, count: u64, end: Timestamp) -> anyhow::Result<f64> {
    db.unbounded().execute_unprepared("DELETE FROM scan").await?;
    db.rebuild().await?;
    let rows = rows(count, end);
    let begun = Instant::now();
    for transaction in rows.chunks(SQLITE_ROWS) {
        let tx = db.begin_write().await?;
        for some in transaction.chunks(SQLITE_STATEMENT) {
            let places = vec!["(?,?,?,?,?,?,0,0,0,'import')"; some.len()].join(",");
            let sql = format!(
                "INSERT INTO scan (id, person_id, venue_id, direction, at, received_at, suspect, repeat, companions, \
                 source) VALUES {places}"
            );
            let values: Vec<Value> = some.iter().flat_map(values).collect();
            tx.execute_raw(Statement::from_sql_and_values(DbBackend::Sqlite, sql, values)).await?;
        }
        tx.commit().await?;
    }
    Ok(count as f64 / begun.elapsed().as_secs_f64())
}

fn values(row: &Row) -> [Value; 6] {
    let (at, direction) = (row.at.millis(), if row.is_in { "in" } else { "out" });
    [row.id.into(), row.person.into(), row.venue.into(), direction.into(), at.into(), at.into()]
}
