//! Tasks that were committed with the state they follow from.
//!
//! The row is written in the transaction of the act, pushed afterwards by the sweep, and deleted when the queue has it.
//! A task that is pushed twice costs a look-up.

use mashang_domain::time::Timestamp;
use mashang_entity::outbox;
use sea_orm::{ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter};
use uuid::Uuid;

use super::statement::Raw;
use crate::queue::Task;

/// Adds a task to the transaction.
pub async fn add(tx: &impl ConnectionTrait, task: &Task, now: Timestamp) -> Result<Uuid, DbErr> {
    let id = Uuid::now_v7();
    let task = serde_json::to_value(task).map_err(|e| DbErr::Json(e.to_string()))?;
    let row = outbox::ActiveModel { id: Set(id), task: Set(task), created_at: Set(now) };
    outbox::Entity::insert(row).exec_without_returning(tx).await?;
    Ok(id)
}

/// A row of the outbox; `task` is `None` when it is no task of this version.
#[derive(Debug)]
pub struct Waiting {
    pub id: Uuid,
    pub task: Option<Task>,
}

/// The oldest rows. Each is read by itself, so that one that cannot be read does not hide the others.
pub async fn oldest(db: &impl ConnectionTrait, limit: u64) -> Result<Vec<Waiting>, DbErr> {
    let raw = Raw::new(db, "SELECT id, CAST(task AS text) AS task FROM outbox ORDER BY created_at LIMIT ");
    let rows = db.query_all_raw(raw.bind(i64::try_from(limit).unwrap_or(i64::MAX)).done()).await?;
    rows.iter()
        .map(|row| {
            let task: Option<String> = row.try_get("", "task")?;
            let task = task.and_then(|text| serde_json::from_str(&text).ok());
            Ok(Waiting { id: row.try_get("", "id")?, task })
        })
        .collect()
}

/// Removes rows that the queue has, or that nobody can read.
pub async fn remove(db: &impl ConnectionTrait, ids: &[Uuid]) -> Result<u64, DbErr> {
    if ids.is_empty() {
        return Ok(0);
    }
    let gone = outbox::Column::Id.is_in(ids.iter().copied());
    Ok(outbox::Entity::delete_many().filter(gone).exec(db).await?.rows_affected)
}
