//! What the end of the operation does to the tables.

use mashang_domain::protection::retention::TABLE;
use mashang_domain::time::Timestamp;
use sea_orm::{ConnectionTrait, DbErr, Statement};

use super::retention::partitions;
use crate::db::Db;

/// The tables that are emptied, in an order in which rows can be deleted.
pub fn tables() -> impl Iterator<Item = &'static str> {
    TABLE.iter().filter(|k| k.rule.emptied_at_the_end()).map(|k| k.table)
}

/// Nothing more is sent: open alerts and deliveries are cancelled, the outbox is emptied.
pub async fn cancel_alerts(db: &Db, now: Timestamp) -> Result<(), DbErr> {
    let tx = db.begin_write().await?;
    let statements = [
        format!(
            "UPDATE alert SET state = 'cancelled', cancelled_at = {} \
             WHERE state IN ('draft', 'submitted', 'approved', 'sending')",
            now.millis()
        ),
        format!(
            "UPDATE delivery SET state = 'cancelled', settled_at = {} WHERE stage = 0 AND state = 'pending'",
            now.millis()
        ),
        "DELETE FROM outbox".to_owned(),
    ];
    for statement in statements {
        tx.execute_unprepared(&statement).await?;
    }
    tx.commit().await
}

/// How many rows each table holds.
pub async fn count(db: &Db) -> Result<Vec<(&'static str, i64)>, DbErr> {
    let tx = db.begin_write().await?;
    tx.take_your_time().await?;
    let mut counts = Vec::new();
    for table in tables() {
        let ask = format!("SELECT count(*) AS n FROM {table}");
        let row = tx.query_one_raw(Statement::from_string(tx.get_database_backend(), ask)).await?;
        counts.push((table, row.map_or(Ok(0), |r| r.try_get("", "n"))?));
    }
    tx.commit().await?;
    Ok(counts)
}

/// Empties the tables and gives their files back or rewrites them.
pub async fn empty(db: &Db) -> Result<(), DbErr> {
    if db.is_postgres() { empty_postgres(db).await } else { empty_sqlite(db).await }
}

/// `TRUNCATE` and `DROP` remove the files; without partitions no late scan finds a place.
async fn empty_postgres(db: &Db) -> Result<(), DbErr> {
    let tx = db.begin_write().await?;
    tx.take_your_time().await?;
    let all: Vec<&str> = tables().collect();
    tx.execute_unprepared(&format!("TRUNCATE {}", all.join(", "))).await?;
    for partition in partitions(&*tx, "scan").await? {
        tx.execute_unprepared(&format!("DROP TABLE {}", partition.name)).await?;
    }
    tx.commit().await
}

/// Rows are overwritten (secure_delete), the file is rebuilt without free pages, and the log is cut to nothing.
async fn empty_sqlite(db: &Db) -> Result<(), DbErr> {
    let tx = db.begin_write().await?;
    for table in tables() {
        tx.execute_unprepared(&format!("DELETE FROM {table}")).await?;
    }
    tx.commit().await?;
    db.rebuild().await
}
