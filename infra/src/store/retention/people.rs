//! People to whom nothing refers any more: their number is not needed.
//!
//! Candidates are found page by page along the primary key, so that no statement is long; those who still have a
//! session, which is nearly everybody, are passed over by one probe of an index. Candidates are locked before they are
//! looked at again: who signs in at that very moment either is seen, or waits and becomes a new person.

use mashang_domain::time::Timestamp;
use mashang_entity::person;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, Statement};
use uuid::Uuid;

use crate::db::Db;

const PAGE: usize = 2_000;

/// What makes a person needed: table and column. Cheap and likely ones first; scans are asked for last.
const REFERENCES: [(&str, &str); 7] = [
    ("session", "person_id"),
    ("health", "person_id"),
    ("appeal", "person_id"),
    ("venue", "manager_id"),
    ("notice", "person_id"),
    ("infection_case", "person_id"),
    ("trace_contact", "person_id"),
];

/// Deletes people made before `limit` to whom nothing refers; answers how many.
pub(super) async fn delete_unused(db: &Db, limit: Timestamp) -> Result<u64, DbErr> {
    let (mut deleted, mut after) = (0, Uuid::nil());
    loop {
        let tx = db.begin_write().await?;
        let page = candidates(&*tx, after, limit).await?;
        let Some(last) = page.last().copied() else { return Ok(deleted) };
        let more = page.len() == PAGE;
        deleted += person::Entity::delete_many()
            .filter(person::Column::Id.is_in(page))
            .filter(Expr::cust(unreferenced("person")))
            .filter(Expr::cust(format!("NOT EXISTS ({})", refers("scan", "person_id", "person"))))
            .exec(&*tx)
            .await?
            .rows_affected;
        tx.commit().await?;
        after = last;
        if !more {
            return Ok(deleted);
        }
    }
}

/// The next people who may go, in the order of their ids.
async fn candidates(tx: &impl ConnectionTrait, after: Uuid, limit: Timestamp) -> Result<Vec<Uuid>, DbErr> {
    let backend = tx.get_database_backend();
    let postgres = backend == sea_orm::DbBackend::Postgres;
    let after = if postgres { format!("'{after}'") } else { format!("x'{}'", after.simple()) };
    let ask = format!(
        "SELECT id FROM person p WHERE id > {after} AND created_at < {} AND {} ORDER BY id LIMIT {PAGE}{}",
        limit.millis(),
        unreferenced("p"),
        if postgres { " FOR UPDATE OF p SKIP LOCKED" } else { "" },
    );
    let rows = tx.query_all_raw(Statement::from_string(backend, ask)).await?;
    rows.iter().map(|row| row.try_get("", "id")).collect()
}

fn unreferenced(person: &str) -> String {
    let none = REFERENCES.map(|(table, column)| format!("NOT EXISTS ({})", refers(table, column, person)));
    none.join(" AND ")
}

fn refers(table: &str, column: &str, person: &str) -> String {
    format!("SELECT 1 FROM {table} r WHERE r.{column} = {person}.id")
}
