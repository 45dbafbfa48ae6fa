//! The watch over a PostgreSQL pool: replaces one whose connections are dead without knowing it.
//!
//! A firewall that forgets a connection, or a server that vanishes, ends nothing: whoever waits for an answer waits on,
//! and so does everybody who gets that connection after that. New connections may be fine meanwhile, so that others are
//! answered. The watch looks for those who have waited for long. When there are any, it makes a connection of its own and
//! asks the server how many statements of ours it works on. If more wait than that, some wait at dead connections. A busy
//! pool, locks, and a server that is away are none of that.

use std::sync::Weak;
use std::time::Duration;

use mashang_config::Database;
use sea_orm::sqlx::{self, ConnectOptions as _, Connection as _};
use sea_orm::{DbErr, RuntimeErr};
use tokio::time::{sleep, timeout};

use super::bounded::Current;
use super::pool::{Plans, Pool};

/// How often it looks.
const EVERY: Duration = Duration::from_millis(500);
/// Who waits has a connection by the end of the pool's own bound; from then on this long is long.
const LONG: Duration = Duration::from_secs(1);
/// How long the server may take for that.
const PATIENCE: Duration = Duration::from_secs(3);
/// How long connections of a pool that was given up get to end.
const FAREWELL: Duration = Duration::from_secs(30);

/// Watches until nobody has the connections any more.
pub(super) async fn over(current: Weak<Current>, settings: Database, plans: Plans) {
    let long = Duration::from_millis(settings.acquire_timeout_ms) + LONG;
    loop {
        sleep(EVERY).await;
        let Some(current) = current.upgrade() else { return };
        let pool = current.pool();
        let waiters = pool.waiting.longer_than(long);
        if waiters.is_empty() {
            continue;
        }
        match timeout(PATIENCE, forgotten(&pool, &waiters)).await {
            Ok(Ok(true)) => replace(&current, &settings, plans).await,
            Ok(Ok(false)) => {
                tracing::debug!(waiting = waiters.len(), "the database is at work on what waits")
            }
            Ok(Err(error)) => tracing::warn!(%error, "no answer from the database: it is away"),
            Err(_) => {
                tracing::warn!("no answer from the database: it does not answer new connections either")
            }
        }
    }
}

/// Asks the server, on a connection of its own, what it works on for this pool. If that is less than what waits, true,
/// and what the pool's sessions hold there is let go: their locks would keep others waiting.
async fn forgotten(pool: &Pool, waiters: &[u64]) -> Result<bool, DbErr> {
    // A statement that waits for a lock is worked on.
    const WORKS: &str = "\
        SELECT count(*) FROM pg_stat_activity WHERE application_name = $1 AND state = 'active' \
          AND query_start < now() - interval '0.5 s'";
    const END: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1";
    let failed = |e: sqlx::Error| DbErr::Query(RuntimeErr::SqlxError(e.into()));
    let options = pool.conn.get_postgres_connection_pool().connect_options();
    let options = (*options).clone().application_name("mashang-watch");
    let mut fresh = options.connect().await.map_err(failed)?;
    let works: i64 =
        sqlx::query_scalar(WORKS).bind(&pool.name).fetch_one(&mut fresh).await.map_err(failed)?;
    // A server that stood still has just answered everybody; give that the time to arrive.
    sleep(EVERY).await;
    let forgotten = usize::try_from(works).is_ok_and(|works| works < pool.waiting.still(waiters));
    if forgotten {
        sqlx::query(END).bind(&pool.name).execute(&mut fresh).await.map_err(failed)?;
    }
    let _ = fresh.close().await;
    Ok(forgotten)
}

/// A new pool for everybody; who waits for the old one is told.
async fn replace(current: &Current, settings: &Database, plans: Plans) {
    match Pool::postgres(settings, plans, true).await {
        Ok(fresh) => {
            metrics::counter!("mashang_database_pools_replaced_total").increment(1);
            tracing::error!("the database has forgotten our connections: they are replaced");
            let old = current.replace(fresh);
            let fresh = current.pool();
            tokio::spawn(async move { fresh.warm_up().await });
            old.given_up.cancel();
            tokio::spawn(async move { timeout(FAREWELL, old.conn.close_by_ref()).await });
        }
        Err(error) => {
            tracing::error!(%error, "the database has forgotten our connections, and there is no new pool")
        }
    }
}
