//! Health codes of people and by what signed codes carry, for many who ask at once.

use std::collections::HashMap;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use mashang_entity::health;
use sea_orm::sea_query::ArrayType;
use sea_orm::{DbErr, EntityTrait};
use uuid::Uuid;

use super::gather::{Gather, GatherError};
use super::scan::{array, hex_list, postgres, sqlite};
use crate::db::Db;

/// Clones share the queries.
#[derive(Clone)]
pub struct HealthReader(Gather<Uuid, health::Model>);

impl HealthReader {
    pub fn start(db: &Db) -> Self {
        Self(Gather::start(db, find))
    }

    /// The code of this person.
    ///
    /// # Errors
    /// See [`GatherError`].
    pub async fn of(&self, person: Uuid) -> Result<Option<health::Model>, GatherError> {
        self.0.get(person).await
    }
}

fn find(db: &Db, people: Vec<Uuid>) -> BoxFuture<'_, Result<HashMap<Uuid, health::Model>, DbErr>> {
    async move {
        let statement = if db.is_postgres() {
            postgres("SELECT * FROM health WHERE person_id = ANY($1)", [array(ArrayType::Uuid, people)])
        } else {
            let sql = "SELECT * FROM health WHERE person_id IN (SELECT unhex(value) FROM json_each($1))";
            sqlite(sql, [hex_list(people.iter().map(Uuid::as_bytes))])
        };
        let rows = health::Entity::find().from_raw_sql(statement).all(db.conn()).await?;
        Ok(rows.into_iter().map(|row| (row.person_id, row)).collect())
    }
    .boxed()
}
