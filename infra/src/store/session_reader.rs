//! Sessions by the hash of their token, for many who ask at once.

use std::collections::HashMap;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use mashang_entity::session;
use sea_orm::sea_query::ArrayType;
use sea_orm::{DbErr, EntityTrait};

use super::gather::{Gather, GatherError};
use super::scan::{array, hex_list, postgres, sqlite};
use crate::db::Db;

/// Clones share the queries.
#[derive(Clone)]
pub struct SessionReader(Gather<Vec<u8>, session::Model>);

impl SessionReader {
    pub fn start(db: &Db) -> Self {
        Self(Gather::start(db, find))
    }

    /// The session with this token hash, live or not.
    ///
    /// # Errors
    /// See [`GatherError`].
    pub async fn by_token(&self, token_hash: &[u8]) -> Result<Option<session::Model>, GatherError> {
        self.0.get(token_hash.to_vec()).await
    }
}

fn find(db: &Db, hashes: Vec<Vec<u8>>) -> BoxFuture<'_, Result<HashMap<Vec<u8>, session::Model>, DbErr>> {
    async move {
        let rows = if db.is_postgres() {
            let sql = "SELECT * FROM session WHERE token_hash = ANY($1)";
            let statement = postgres(sql, [array(ArrayType::Bytes, hashes)]);
            session::Entity::find().from_raw_sql(statement).all(db.conn()).await?
        } else {
            let sql = "SELECT * FROM session WHERE token_hash IN (SELECT unhex(value) FROM json_each($1))";
            session::Entity::find().from_raw_sql(sqlite(sql, [hex_list(hashes)])).all(db.conn()).await?
        };
        Ok(rows.into_iter().map(|row| (row.token_hash.clone(), row)).collect())
    }
    .boxed()
}
