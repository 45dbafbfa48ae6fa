//! One pool of connections, and who waits for the answer to what was asked on them.

use std::future::Future;
use std::time::Duration;

use mashang_config::Database;
use sea_orm::sqlx::{Connection as _, PgConnection};
use sea_orm::{DatabaseConnection, DbErr, RuntimeErr, SqlxError};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::turns::{Turn, Turns};
use super::waiting::Waiting;

/// What a bound has on top of the server's own, which should fire first.
const MARGIN: Duration = Duration::from_secs(1);

/// A connection that was idle for longer is asked for a sign of life before it is used, and may take this long for it.
const SIGN_OF_LIFE: Duration = Duration::from_secs(1);

/// How PostgreSQL may plan statements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Plans {
    Any,
    /// By index and row by row, wherever there is an index.
    ByIndex,
}

impl Plans {
    fn options(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Any => &[],
            // No bitmap either: it loses the order of the index, and all that is left would be sorted for the next page.
            Self::ByIndex => &[
                ("enable_seqscan", "off"),
                ("enable_bitmapscan", "off"),
                ("enable_hashjoin", "off"),
                ("enable_mergejoin", "off"),
            ],
        }
    }
}

/// Connections that live and die together.
pub struct Pool {
    pub(super) conn: DatabaseConnection,
    /// Who may use them; `None` on SQLite.
    turns: Option<Turns>,
    /// The `application_name` of its connections, so that the server can tell them from others.
    pub(super) name: String,
    /// The longest that a statement may take; `None` on SQLite, which is no network away.
    limit: Option<Duration>,
    /// Cancelled when the pool is given up, for those who wait for its answers.
    pub(super) given_up: CancellationToken,
    /// Those who wait for an answer.
    pub(super) waiting: Waiting,
}

impl Pool {
    pub(super) fn sqlite(conn: DatabaseConnection) -> Self {
        Self::new(conn, String::new(), None, None)
    }

    /// Connects to PostgreSQL; lazily when its predecessor has fallen silent.
    pub(super) async fn postgres(settings: &Database, plans: Plans, lazy: bool) -> Result<Self, DbErr> {
        let name = format!("mashang-{}", &Uuid::new_v4().simple().to_string()[..12]);
        let mut options = super::common(settings, settings.url.clone());
        let (statement_timeout, named) = (settings.statement_timeout_ms.to_string(), name.clone());
        options.connect_lazy(lazy).map_sqlx_postgres_opts(move |o| {
            o.application_name(&named)
                .options([
                    ("statement_timeout", statement_timeout.as_str()),
                    ("idle_in_transaction_session_timeout", "30000"),
                    ("lock_timeout", "10000"),
                    // Compiling the expressions of hundreds of partitions takes seconds, running them milliseconds.
                    ("jit", "off"),
                    ("tcp_user_timeout", "10000"),
                ])
                .options(plans.options().iter().copied())
        });
        options.map_sqlx_postgres_before_acquire(|conn, about| Box::pin(still_there(conn, about.idle_for)));
        let conn = sea_orm::Database::connect(options).await?;
        let wait = Duration::from_millis(settings.acquire_timeout_ms + settings.statement_timeout_ms);
        Ok(Self::new(conn, name, Some(wait + MARGIN), Some(Turns::new(settings))))
    }

    fn new(conn: DatabaseConnection, name: String, limit: Option<Duration>, turns: Option<Turns>) -> Self {
        Self { conn, turns, name, limit, given_up: CancellationToken::new(), waiting: Waiting::default() }
    }

    /// The turn to ask one thing.
    pub(super) async fn turn_to_ask(&self) -> Result<Option<Turn>, DbErr> {
        match &self.turns {
            Some(turns) => turns.to_ask().await.map(Some),
            None => Ok(None),
        }
    }

    /// The turn for a transaction.
    pub(super) async fn turn_to_write(&self) -> Result<Option<Turn>, DbErr> {
        match &self.turns {
            Some(turns) => turns.to_write().await.map(Some),
            None => Ok(None),
        }
    }

    /// Makes half of the connections, one after the other, before anybody needs them. After a start under load all would
    /// be made at once, by requests that give up before they are there.
    pub(super) async fn warm_up(&self) {
        if self.limit.is_none() {
            return;
        }
        let pool = self.conn.get_postgres_connection_pool();
        let half = pool.options().get_max_connections() / 2;
        let mut held = Vec::new();
        for _ in 0..half {
            match pool.acquire().await {
                Ok(connection) => held.push(connection),
                Err(error) => return tracing::warn!(%error, "the pool of connections is not warm yet"),
            }
        }
    }

    /// Waits for an answer of the database, within the bound and for as long as the pool is not given up.
    pub(super) async fn within<T>(&self, answer: impl Future<Output = Result<T, DbErr>>) -> Result<T, DbErr> {
        let Some(limit) = self.limit else { return answer.await };
        self.unless_given_up(async {
            tokio::time::timeout(limit, answer).await.unwrap_or_else(|_| Err(silent()))
        })
        .await
    }

    /// As [`Pool::within`], however long it takes.
    pub(super) async fn unless_given_up<T>(
        &self,
        answer: impl Future<Output = Result<T, DbErr>>,
    ) -> Result<T, DbErr> {
        let _waiter = self.waiting.join();
        tokio::select! {
            biased;
            answer = answer => answer,
            () = self.given_up.cancelled() => Err(silent()),
        }
    }
}

/// Under load nothing is asked. After a rest a connection may have died without a word; then it is not used again.
async fn still_there(conn: &mut PgConnection, idle_for: Duration) -> Result<bool, SqlxError> {
    if idle_for < SIGN_OF_LIFE {
        return Ok(true);
    }
    let pong = tokio::time::timeout(SIGN_OF_LIFE, conn.ping()).await;
    pong.map_err(|_| SqlxError::PoolTimedOut)?.map(|()| true)
}

/// An error by which callers know that trying again may help, and that what was asked may have been done.
fn silent() -> DbErr {
    let error = std::io::Error::new(std::io::ErrorKind::TimedOut, "the database has fallen silent");
    DbErr::Query(RuntimeErr::SqlxError(SqlxError::Io(error).into()))
}
