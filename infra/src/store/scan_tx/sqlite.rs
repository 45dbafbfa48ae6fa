//! SQLite: one writer, so nobody has to take turns; lists travel as JSON.

use std::collections::{HashMap, HashSet};

use mashang_domain::time::Timestamp;
use mashang_domain::venue::plausibility::Verdict;
use mashang_entity::{scan as scan_row, scan_key};
use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveValue::Set, ConnectionTrait, DbErr, EntityTrait};
use serde_json::json;
use uuid::Uuid;

use crate::db::{Db, WriteTx};
use crate::store::scan::{self, Neighbour, sqlite};
use crate::store::scan_key::known;

pub(in crate::store) struct SqliteTx(WriteTx);

impl SqliteTx {
    pub(super) async fn begin(db: &Db) -> Result<Self, DbErr> {
        db.begin_write().await.map(Self)
    }

    pub(super) async fn claim(&mut self, keys: &[scan_key::Model]) -> Result<HashSet<Uuid>, DbErr> {
        const SQL: &str = "\
            INSERT INTO scan_key (key, scan_id, at) \
            SELECT unhex(value ->> 0), unhex(value ->> 1), value ->> 2 FROM json_each($1) WHERE true \
            ON CONFLICT (key) DO NOTHING RETURNING key";
        let row = |k: &scan_key::Model| {
            json!([k.key.simple().to_string(), k.scan_id.simple().to_string(), k.at.millis()])
        };
        let list = json!(keys.iter().map(row).collect::<Vec<_>>()).to_string();
        let rows = self.0.query_all_raw(sqlite(SQL, [list.into()])).await?;
        rows.iter().map(|row| row.try_get_by_index(0)).collect()
    }

    pub(super) async fn known(&mut self, keys: &[Uuid]) -> Result<HashMap<Uuid, scan_row::Model>, DbErr> {
        known(&*self.0, keys).await
    }

    pub(super) async fn redirect(&mut self, keys: &[scan_key::Model]) -> Result<(), DbErr> {
        let active = |k: &scan_key::Model| scan_key::ActiveModel {
            key: Set(k.key),
            scan_id: Set(k.scan_id),
            at: Set(k.at),
        };
        let mut conflict = OnConflict::column(scan_key::Column::Key);
        conflict.update_columns([scan_key::Column::ScanId, scan_key::Column::At]);
        let insert = scan_key::Entity::insert_many(keys.iter().map(active)).on_conflict(conflict);
        insert.exec_without_returning(&*self.0).await.map(|_| ())
    }

    pub(super) async fn neighbours(
        &mut self,
        people: &[Uuid],
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<Neighbour>, DbErr> {
        scan::neighbours(&*self.0, people, from, to).await
    }

    pub(super) async fn insert(&mut self, rows: &[scan_row::Model]) -> Result<(), DbErr> {
        scan::insert(&*self.0, rows).await
    }

    pub(super) async fn mark(&mut self, changes: &[(Uuid, Timestamp, Verdict)]) -> Result<(), DbErr> {
        scan::mark(&*self.0, changes).await
    }

    pub(super) async fn commit(self) -> Result<(), DbErr> {
        self.0.commit().await
    }
}
