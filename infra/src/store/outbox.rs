//! Tasks that were committed with the state they follow from.
//!
//! The row is written in the transaction of the act, pushed afterwards by the sweep, and deleted when the queue has it.
//! A task that is pushed twice costs a look-up.

use mashang_domain::time::Timestamp;
use mashang_entity::outbox;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
};
use uuid::Uuid;

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

/// The oldest rows.
pub async fn oldest(db: &impl ConnectionTrait, limit: u64) -> Result<Vec<Waiting>, DbErr> {
    let rows = outbox::Entity::find().order_by_asc(outbox::Column::CreatedAt).limit(limit).all(db).await?;
    Ok(rows
        .into_iter()
        .map(|row| Waiting { id: row.id, task: serde_json::from_value(row.task).ok() })
        .collect())
}

/// Removes rows that the queue has, or that nobody can read.
pub async fn remove(db: &impl ConnectionTrait, ids: &[Uuid]) -> Result<u64, DbErr> {
    if ids.is_empty() {
        return Ok(0);
    }
    let gone = outbox::Column::Id.is_in(ids.iter().copied());
    Ok(outbox::Entity::delete_many().filter(gone).exec(db).await?.rows_affected)
}
