//! The transaction of one group of scans, on either database.
//!
//! On PostgreSQL it goes past the ORM: each step is one prepared statement whose arrays are bound as they are, and the
//! transaction begins with the turns of its people in one round trip. What a scan costs is decided here.

mod postgres;
mod sqlite;

use std::collections::{HashMap, HashSet};

use mashang_domain::time::Timestamp;
use mashang_domain::venue::plausibility::Verdict;
use mashang_entity::{scan as scan_row, scan_key};
use sea_orm::DbErr;
use uuid::Uuid;

use self::postgres::PostgresTx;
use self::sqlite::SqliteTx;
use super::scan::Neighbour;
use crate::db::Db;

/// A writing transaction; rolled back when dropped without [`ScanTx::commit`].
pub(super) enum ScanTx {
    Postgres(PostgresTx),
    Sqlite(SqliteTx),
}

impl ScanTx {
    /// Begins, and takes the turns of these people until the end.
    pub(super) async fn begin(db: &Db, people: &[Uuid]) -> Result<Self, DbErr> {
        if db.is_postgres() {
            PostgresTx::begin(db, people).await.map(Self::Postgres)
        } else {
            SqliteTx::begin(db).await.map(Self::Sqlite)
        }
    }

    /// Writes down the keys that nobody has used and returns them. The turns are held: nobody else writes these.
    pub(super) async fn claim(&mut self, keys: &[scan_key::Model]) -> Result<HashSet<Uuid>, DbErr> {
        match self {
            Self::Postgres(tx) => tx.claim(keys).await,
            Self::Sqlite(tx) => tx.claim(keys).await,
        }
    }

    /// The scans that these keys stand for, by key; a key whose scan is gone has none.
    pub(super) async fn known(&mut self, keys: &[Uuid]) -> Result<HashMap<Uuid, scan_row::Model>, DbErr> {
        match self {
            Self::Postgres(tx) => tx.known(keys).await,
            Self::Sqlite(tx) => tx.known(keys).await,
        }
    }

    /// Lets keys stand for other scans than they do.
    pub(super) async fn redirect(&mut self, keys: &[scan_key::Model]) -> Result<(), DbErr> {
        match self {
            Self::Postgres(tx) => tx.redirect(keys).await,
            Self::Sqlite(tx) => tx.redirect(keys).await,
        }
    }

    /// All scans of these people in `[from, to]`, swallowed ones included, in no order.
    pub(super) async fn neighbours(
        &mut self,
        people: &[Uuid],
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<Neighbour>, DbErr> {
        match self {
            Self::Postgres(tx) => tx.neighbours(people, from, to).await,
            Self::Sqlite(tx) => tx.neighbours(people, from, to).await,
        }
    }

    pub(super) async fn insert(&mut self, rows: &[scan_row::Model]) -> Result<(), DbErr> {
        match self {
            Self::Postgres(tx) => tx.insert(rows).await,
            Self::Sqlite(tx) => tx.insert(rows).await,
        }
    }

    /// New marks of rows, by id and time.
    pub(super) async fn mark(&mut self, changes: &[(Uuid, Timestamp, Verdict)]) -> Result<(), DbErr> {
        match self {
            Self::Postgres(tx) => tx.mark(changes).await,
            Self::Sqlite(tx) => tx.mark(changes).await,
        }
    }

    pub(super) async fn commit(self) -> Result<(), DbErr> {
        match self {
            Self::Postgres(tx) => tx.commit().await,
            Self::Sqlite(tx) => tx.commit().await,
        }
    }
}
