//! Connections and transactions whose every statement ends: with an answer, at its bound, or when their pool is given up.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use mashang_config::Database;
use sea_orm::sqlx::{AssertSqlSafe, Postgres, Transaction};
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, ExecResult, QueryResult,
    RuntimeErr, SqlxError, Statement, TransactionOptions, TransactionTrait,
};

use super::pool::{Plans, Pool};
use super::turns::Turn;
use super::watch;

/// The connections to the database, whichever pool has them now.
#[derive(Clone)]
pub struct Conn(Arc<Current>);

pub(super) struct Current {
    pool: RwLock<Arc<Pool>>,
    backend: DbBackend,
}

impl Current {
    pub(super) fn pool(&self) -> Arc<Pool> {
        Arc::clone(&self.pool.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts another pool in its place and answers the old one.
    pub(super) fn replace(&self, pool: Pool) -> Arc<Pool> {
        std::mem::replace(&mut self.pool.write().unwrap_or_else(PoisonError::into_inner), Arc::new(pool))
    }
}

impl Conn {
    pub(super) fn sqlite(conn: DatabaseConnection) -> Self {
        Self::of(Pool::sqlite(conn), DbBackend::Sqlite)
    }

    /// Connects to PostgreSQL and watches over the pool for as long as anybody has it.
    pub(super) async fn postgres(settings: &Database, plans: Plans) -> Result<Self, DbErr> {
        let pool = Pool::postgres(settings, plans, false).await?;
        pool.warm_up().await;
        let conn = Self::of(pool, DbBackend::Postgres);
        tokio::spawn(watch::over(Arc::downgrade(&conn.0), settings.clone(), plans));
        Ok(conn)
    }

    fn of(pool: Pool, backend: DbBackend) -> Self {
        Self(Arc::new(Current { pool: RwLock::new(Arc::new(pool)), backend }))
    }

    pub(super) fn pool(&self) -> Arc<Pool> {
        self.0.pool()
    }

    /// Begins a transaction of PostgreSQL past the ORM, with a text of our own that starts with `BEGIN`.
    pub(crate) async fn begin_bare(
        &self,
        begin: String,
    ) -> Result<(Transaction<'static, Postgres>, Bound), DbErr> {
        let pool = self.pool();
        let turn = pool.turn_to_write().await?;
        let bare = pool.conn.get_postgres_connection_pool().clone();
        let begun = async { bare.begin_with(AssertSqlSafe(begin)).await.map_err(failed) };
        let tx = pool.within(begun).await?;
        Ok((tx, Bound { pool, _turn: turn }))
    }

    pub(super) async fn begin(&self, options: TransactionOptions) -> Result<Tx, DbErr> {
        let pool = self.pool();
        let turn = pool.turn_to_write().await?;
        let tx = pool.within(pool.conn.begin_with_options(options)).await?;
        Ok(Tx { tx, pool, patient: AtomicBool::new(false), turn })
    }
}

#[async_trait::async_trait]
impl ConnectionTrait for Conn {
    fn get_database_backend(&self) -> DbBackend {
        self.0.backend
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        let pool = self.pool();
        let _turn = pool.turn_to_ask().await?;
        pool.within(pool.conn.execute_raw(statement)).await
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        let pool = self.pool();
        let _turn = pool.turn_to_ask().await?;
        pool.within(pool.conn.execute_unprepared(sql)).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        let pool = self.pool();
        let _turn = pool.turn_to_ask().await?;
        pool.within(pool.conn.query_one_raw(statement)).await
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        let pool = self.pool();
        let _turn = pool.turn_to_ask().await?;
        pool.within(pool.conn.query_all_raw(statement)).await
    }
}

/// The bound of a bare transaction: what is asked in it is waited for here. Kept for as long as the transaction is.
pub(crate) struct Bound {
    pool: Arc<Pool>,
    _turn: Option<Turn>,
}

impl Bound {
    /// Waits for an answer of the database, but not for ever.
    pub(crate) async fn within<T>(
        &self,
        answer: impl Future<Output = Result<T, SqlxError>>,
    ) -> Result<T, DbErr> {
        self.pool.within(async { answer.await.map_err(failed) }).await
    }
}

fn failed(error: SqlxError) -> DbErr {
    DbErr::Exec(RuntimeErr::SqlxError(error.into()))
}

/// A transaction.
pub struct Tx {
    tx: DatabaseTransaction,
    pool: Arc<Pool>,
    /// Its statements may take as long as they take.
    patient: AtomicBool,
    /// Given on when the connection is.
    turn: Option<Turn>,
}

impl Tx {
    pub(super) async fn take_your_time(&self) -> Result<(), DbErr> {
        self.patient.store(true, Ordering::Relaxed);
        if self.tx.get_database_backend() == DbBackend::Postgres {
            self.execute_unprepared("SET LOCAL statement_timeout = 0").await?;
        }
        Ok(())
    }

    pub(super) async fn commit(self) -> Result<(), DbErr> {
        let Self { tx, pool, turn: _turn, .. } = self;
        pool.within(tx.commit()).await
    }

    pub(super) async fn rollback(self) -> Result<(), DbErr> {
        let Self { tx, pool, turn: _turn, .. } = self;
        pool.within(tx.rollback()).await
    }

    async fn within<T>(&self, answer: impl Future<Output = Result<T, DbErr>>) -> Result<T, DbErr> {
        match self.patient.load(Ordering::Relaxed) {
            true => self.pool.unless_given_up(answer).await,
            false => self.pool.within(answer).await,
        }
    }
}

#[async_trait::async_trait]
impl ConnectionTrait for Tx {
    fn get_database_backend(&self) -> DbBackend {
        self.tx.get_database_backend()
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        self.within(self.tx.execute_raw(statement)).await
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        self.within(self.tx.execute_unprepared(sql)).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        self.within(self.tx.query_one_raw(statement)).await
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        self.within(self.tx.query_all_raw(statement)).await
    }
}
