//! The database's own limit: the same columns and indexes, many rows a statement, four connections, no HTTP.

use std::time::{Duration, Instant};

use mashang_infra::clock::Clock;
use sea_orm::sqlx::{self, postgres::PgPoolOptions};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::context::Ctx;
use crate::servers::Database;

const CONNECTIONS: usize = 4;
/// About what one group of the writer holds under load.
pub const ROWS: usize = 256;

const INSERT: &str = "\
    INSERT INTO scan (id, person_id, venue_id, direction, at, received_at, companions, suspect, repeat, source) \
    SELECT id, person_id, venue_id, 'in', at, at, 0, false, false, 'app' \
    FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::int8[]) AS r (id, person_id, venue_id, at)";

/// Rows a second.
pub async fn rows_per_second(ctx: &Ctx, database: &Database) -> anyhow::Result<f64> {
    let pool = PgPoolOptions::new().max_connections(CONNECTIONS as u32).connect(&database.url).await?;
    sqlx::query("TRUNCATE scan, scan_key").execute(&pool).await?;
    ctx.servers.checkpoint().await?;
    let end = Instant::now() + Duration::from_secs(ctx.seconds);
    let mut tasks = JoinSet::new();
    for _ in 0..CONNECTIONS {
        let pool = pool.clone();
        tasks.spawn(async move {
            let mut rows = 0;
            while Instant::now() < end {
                let ids = |make: fn() -> Uuid| (0..ROWS).map(|_| make()).collect::<Vec<_>>();
                let at = Clock::system().now().floor_to_second().millis();
                sqlx::query(INSERT)
                    .bind(ids(Uuid::now_v7))
                    .bind(ids(Uuid::new_v4))
                    .bind(ids(Uuid::new_v4))
                    .bind(vec![at; ROWS])
                    .execute(&pool)
                    .await?;
                rows += ROWS;
            }
            Ok::<_, sqlx::Error>(rows)
        });
    }
    let mut rows = 0;
    while let Some(done) = tasks.join_next().await {
        rows += done??;
    }
    pool.close().await;
    Ok(rows as f64 / ctx.seconds as f64)
}
