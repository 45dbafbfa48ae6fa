//! What gates checked: written for many guards at once, each told whether the code had been shown before.

use std::collections::HashMap;
use std::hash::{Hash, Hasher};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use mashang_domain::time::Timestamp;
use mashang_entity::code_check;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, FromQueryResult, IntoActiveModel,
    QueryFilter, QueryOrder, QuerySelect,
};
use uuid::Uuid;

use super::gather::{Gather, GatherError};
use super::statement::Raw;
use crate::bugs::{self, Bug};
use crate::db::Db;

/// A check to be written, known by its id.
#[derive(Debug, Clone)]
pub struct NewCheck(pub code_check::Model);

impl PartialEq for NewCheck {
    fn eq(&self, other: &Self) -> bool {
        self.0.id == other.0.id
    }
}

impl Eq for NewCheck {}

impl Hash for NewCheck {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.id.hash(state);
    }
}

/// An earlier showing of the same code.
#[derive(Debug, Clone, PartialEq, Eq, FromQueryResult)]
pub struct Shown {
    pub token_id: Uuid,
    pub at: Timestamp,
    pub place: Option<String>,
    pub staff_id: Uuid,
}

/// Writes checks and answers when they are durable. Clones share the writers.
#[derive(Clone)]
pub struct CheckLog(Gather<NewCheck, Option<Shown>>);

impl CheckLog {
    pub fn start(db: &Db) -> Self {
        Self(Gather::start(db, write))
    }

    /// Records a check; the first earlier showing of the code, if there was one.
    ///
    /// # Errors
    /// See [`GatherError`]; the check may be made again.
    pub async fn record(&self, check: code_check::Model) -> Result<Option<Shown>, GatherError> {
        Ok(self.0.get(NewCheck(check)).await?.flatten())
    }
}

fn write(db: &Db, checks: Vec<NewCheck>) -> BoxFuture<'_, Result<HashMap<NewCheck, Option<Shown>>, DbErr>> {
    async move {
        let tx = db.begin_write().await?;
        let tokens: Vec<Uuid> = checks.iter().map(|check| check.0.token_id).collect();
        let mut first = earlier(&*tx, &tokens).await?;
        let rows = checks.iter().map(|check| check.0.clone().into_active_model().reset_all());
        code_check::Entity::insert_many(rows).exec_without_returning(&*tx).await?;
        tx.commit().await?;
        let mut answers = HashMap::with_capacity(checks.len());
        for check in checks {
            let NewCheck(row) = &check;
            let before = first.get(&row.token_id).filter(|_| !bugs::has(Bug::ShownUnseen)).cloned();
            first.entry(row.token_id).or_insert_with(|| Shown {
                token_id: row.token_id,
                at: row.at,
                place: row.place.clone(),
                staff_id: row.staff_id,
            });
            answers.insert(check, before);
        }
        Ok(answers)
    }
    .boxed()
}

async fn earlier(db: &impl ConnectionTrait, tokens: &[Uuid]) -> Result<HashMap<Uuid, Shown>, DbErr> {
    let ask = Raw::new(db, "SELECT token_id, at, place, staff_id FROM code_check WHERE token_id").any(tokens);
    let rows = Shown::find_by_statement(ask.sql(" ORDER BY at DESC").done()).all(db).await?;
    Ok(rows.into_iter().map(|row| (row.token_id, row)).collect())
}

/// Who checked a person's code, newest first, from before the check `before` on.
pub async fn of_person(
    db: &impl ConnectionTrait,
    person: Uuid,
    before: Option<Uuid>,
    limit: u64,
) -> Result<Vec<code_check::Model>, DbErr> {
    let mut query = code_check::Entity::find().filter(code_check::Column::PersonId.eq(person));
    if let Some(id) = before {
        query = query.filter(code_check::Column::Id.lt(id));
    }
    query.order_by_desc(code_check::Column::Id).limit(limit).all(db).await
}
