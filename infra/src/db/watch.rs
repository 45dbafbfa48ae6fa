//! The watch over a PostgreSQL pool: replaces one whose connections are dead without knowing it.
//!
//! A firewall that forgets a connection, or a server that vanishes, ends nothing: whoever waits for an answer waits on,
//! and every connection that is taken from the pool after that waits too. The watch asks a trivial question all the time.
//! When there has been no answer to anybody for some seconds, it makes a connection of its own and asks the server: if
//! the server is there and works on nothing of ours, nobody will ever be answered. A busy pool, locks, and a server that
//! is away are none of that.

use std::sync::{Arc, Weak};
use std::time::Duration;

use mashang_config::Database;
use sea_orm::sqlx::{self, ConnectOptions as _, Connection as _};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, RuntimeErr, Statement};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::bounded::Current;
use super::pool::Pool;

/// How often the pool is asked.
const EVERY: Duration = Duration::from_millis(500);
/// Looks in a row that saw no answer to anybody, before the server is asked about it. Counted and not timed: a process
/// that was frozen for a while has looked once.
const SILENCE: u32 = 6;
/// How long the server may take for that.
const PATIENCE: Duration = Duration::from_secs(3);
/// How long connections of a pool that was given up get to end.
const FAREWELL: Duration = Duration::from_secs(30);

/// Watches until nobody has the connections any more.
pub(super) async fn over(current: Weak<Current>, settings: Database) {
    let mut question = None::<JoinHandle<()>>;
    let (mut answers, mut silence) = (0, 0);
    loop {
        sleep(EVERY).await;
        let Some(current) = current.upgrade() else { return };
        let pool = current.pool();
        if question.as_ref().is_none_or(JoinHandle::is_finished) {
            question = Some(tokio::spawn(ask(Arc::clone(&pool))));
        }
        silence = if pool.answers() == answers { silence + 1 } else { 0 };
        answers = pool.answers();
        if silence < SILENCE {
            continue;
        }
        silence = 0;
        match timeout(PATIENCE, forget(&pool)).await {
            Ok(Ok(true)) => replace(&current, &settings).await,
            Ok(Ok(false)) => {
                tracing::warn!("no answer from the database for seconds, and then one, or it is busy with us")
            }
            Ok(Err(error)) => tracing::warn!(%error, "no answer from the database: it is away"),
            Err(_) => {
                tracing::warn!("no answer from the database: it does not answer new connections either")
            }
        }
    }
}

async fn ask(pool: Arc<Pool>) {
    let question = Statement::from_string(DbBackend::Postgres, "SELECT 1");
    // The answer is heard on its way; that none came shows in the silence.
    let _ = pool.within(pool.conn.query_one_raw(question)).await;
}

/// Asks the server, on a connection of its own, whether it works on anything for this pool. If it does not, true, and
/// what the pool's sessions hold there is let go: their locks would keep others waiting.
async fn forget(pool: &Pool) -> Result<bool, DbErr> {
    // Who waits for a lock is worked for, unless a session of ours sits on it and has not heard from us for seconds.
    const BUSY: &str = "\
        WITH ours AS (SELECT state, wait_event_type, state_change FROM pg_stat_activity WHERE application_name = $1) \
        SELECT count(*) FROM ours WHERE state = 'active' AND (wait_event_type IS DISTINCT FROM 'Lock' OR NOT EXISTS \
          (SELECT FROM ours WHERE state LIKE 'idle in transaction%' AND state_change < now() - interval '2 s'))";
    const END: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1";
    let failed = |e: sqlx::Error| DbErr::Query(RuntimeErr::SqlxError(e.into()));
    let before = pool.answers();
    let options = pool.conn.get_postgres_connection_pool().connect_options();
    let options = (*options).clone().application_name("mashang-watch");
    let mut fresh = options.connect().await.map_err(failed)?;
    let busy: i64 = sqlx::query_scalar(BUSY).bind(&pool.name).fetch_one(&mut fresh).await.map_err(failed)?;
    // A server that stood still has just answered everybody; give that the time to arrive.
    sleep(EVERY).await;
    let forgotten = busy == 0 && pool.answers() == before;
    if forgotten {
        sqlx::query(END).bind(&pool.name).execute(&mut fresh).await.map_err(failed)?;
    }
    let _ = fresh.close().await;
    Ok(forgotten)
}

/// A new pool for everybody; who waits for the old one is told.
async fn replace(current: &Current, settings: &Database) {
    match Pool::postgres(settings, true).await {
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
