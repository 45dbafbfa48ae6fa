//! What is stored, as text: to see that nothing changed, and to search for what must not be there.

use std::collections::BTreeMap;

use sea_orm::{ConnectionTrait, DbBackend, Statement};

use crate::app::TestApp;

/// Tables that change by being looked at, or by time going on.
const RESTLESS: [&str; 2] = ["session", "job_tick"];

impl TestApp {
    /// One text per row and column.
    async fn texts<const N: usize>(&self, sql: &str) -> Vec<[String; N]> {
        let conn = self.db().await;
        let statement = Statement::from_string(conn.get_database_backend(), sql);
        let rows = conn.query_all_raw(statement).await.unwrap_or_else(|e| panic!("{sql}: {e}"));
        let cell = |row: &sea_orm::QueryResult, i| row.try_get_by_index::<String>(i).unwrap_or_default();
        rows.iter().map(|row| std::array::from_fn(|i| cell(row, i))).collect()
    }

    /// The columns of every table.
    pub async fn columns(&self) -> BTreeMap<String, Vec<String>> {
        let sql = match self.db().await.get_database_backend() {
            DbBackend::Postgres => {
                "SELECT c.table_name::text, c.column_name::text FROM information_schema.columns c \
                 JOIN information_schema.tables t USING (table_schema, table_name) \
                 WHERE c.table_schema = 'public' AND t.table_type = 'BASE TABLE' ORDER BY 1, c.ordinal_position"
            }
            _ => {
                "SELECT m.name, p.name FROM sqlite_master m JOIN pragma_table_info(m.name) p \
                 WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' ORDER BY 1, p.cid"
            }
        };
        let mut columns: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for [table, column] in self.texts(sql).await {
            columns.entry(table).or_default().push(column);
        }
        assert!(columns.len() > 15, "the tables are seen: {columns:?}");
        columns
    }

    /// Every row of every table that only changes when somebody changes it.
    pub async fn rows(&self) -> BTreeMap<String, Vec<String>> {
        let mut all = BTreeMap::new();
        for (table, columns) in self.columns().await {
            if !RESTLESS.contains(&table.as_str()) {
                all.insert(table.clone(), self.rows_of(&table, &columns).await);
            }
        }
        all
    }

    async fn rows_of(&self, table: &str, columns: &[String]) -> Vec<String> {
        let row = match self.db().await.get_database_backend() {
            DbBackend::Postgres => "t::text".to_owned(),
            _ => columns.iter().map(|c| format!("quote(t.\"{c}\")")).collect::<Vec<_>>().join("||'|'||"),
        };
        let sql = format!("SELECT {row} FROM \"{table}\" t ORDER BY 1");
        self.texts::<1>(&sql).await.into_iter().map(|[row]| row).collect()
    }
}
