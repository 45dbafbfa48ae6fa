//! Statements that must do for a whole set of rows what an ORM does for one.
//!
//! A [`Raw`] grows from pieces of SQL and bound values, with the placeholders of either database. Values are always
//! bound; only words of ours become text.

use mashang_domain::delivery::DeliveryState;
use mashang_domain::time::Timestamp;
use sea_orm::sea_query::sea_value_to_json_value;
use sea_orm::{ConnectionTrait, DbBackend, Statement, Value};
use uuid::Uuid;

/// A statement in the making.
pub(crate) struct Raw {
    backend: DbBackend,
    text: String,
    values: Vec<Value>,
}

impl Raw {
    pub(crate) fn new(db: &impl ConnectionTrait, text: &str) -> Self {
        Self { backend: db.get_database_backend(), text: text.to_owned(), values: Vec::new() }
    }

    pub(crate) fn sql(mut self, text: &str) -> Self {
        self.text.push_str(text);
        self
    }

    /// A piece that differs between the databases.
    pub(crate) fn either(self, postgres: &str, sqlite: &str) -> Self {
        let text = if self.is_postgres() { postgres } else { sqlite };
        self.sql(text)
    }

    pub(crate) fn bind(mut self, value: impl Into<Value>) -> Self {
        self.push(value.into());
        self
    }

    /// A condition that holds for these ids: `= ANY($1)` or `IN (?1, ..)`.
    pub(crate) fn any(mut self, ids: &[Uuid]) -> Self {
        if self.is_postgres() {
            return self.sql(" = ANY(").bind(ids.to_vec()).sql(")");
        }
        self.text.push_str(" IN (");
        self.list(ids.iter().map(|id| Value::from(*id)));
        self.sql(")")
    }

    /// A condition that holds for these words.
    pub(crate) fn any_word<'a>(mut self, words: impl IntoIterator<Item = &'a str>) -> Self {
        let words: Vec<Value> = words.into_iter().map(|w| Value::from(w.to_owned())).collect();
        if words.is_empty() {
            return self.sql(" IN (NULL)");
        }
        self.text.push_str(" IN (");
        self.list(words);
        self.sql(")")
    }

    /// `VALUES (..), (..)`; there must be a row.
    pub(crate) fn rows(mut self, rows: impl IntoIterator<Item = Vec<Value>>) -> Self {
        self.text.push_str("VALUES ");
        for (n, row) in rows.into_iter().enumerate() {
            self.text.push_str(if n == 0 { "(" } else { ", (" });
            self.list(row);
            self.text.push(')');
        }
        self
    }

    /// `WITH o (..) AS (..)`: rows as a table, columns with their types; there must be a row. On PostgreSQL each column is
    /// one value, so that the text is the same for however many: it is planned once a connection, not once a number of rows.
    /// The values are array literals, because the driver's arrays have no nulls.
    pub(crate) fn with_rows(
        self,
        columns: &[(&str, &str)],
        rows: impl IntoIterator<Item = Vec<Value>>,
    ) -> Self {
        let names = columns.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
        if !self.is_postgres() {
            return self.sql(&format!("WITH o ({names}) AS (")).rows(rows).sql(") ");
        }
        let mut arrays = vec![String::from("{"); columns.len()];
        for row in rows {
            for (array, value) in arrays.iter_mut().zip(&row) {
                element(array, value);
            }
        }
        let mut raw = self.sql("WITH o AS (SELECT * FROM unnest(");
        for (n, (mut array, (_, kind))) in arrays.into_iter().zip(columns).enumerate() {
            array.push('}');
            raw = raw.sql(if n > 0 { ", CAST(" } else { "CAST(" }).bind(array);
            raw = raw.sql(&format!(" AS {kind}[])"));
        }
        raw.sql(&format!(") AS r ({names})) "))
    }

    pub(crate) fn done(self) -> Statement {
        Statement::from_sql_and_values(self.backend, self.text, self.values)
    }

    fn is_postgres(&self) -> bool {
        self.backend == DbBackend::Postgres
    }

    fn list(&mut self, values: impl IntoIterator<Item = Value>) {
        for (n, value) in values.into_iter().enumerate() {
            if n > 0 {
                self.text.push_str(", ");
            }
            self.push(value);
        }
    }

    fn push(&mut self, value: Value) {
        use std::fmt::Write as _;
        self.values.push(value);
        let sign = if self.is_postgres() { '$' } else { '?' };
        // Writing to a String cannot fail.
        let _ = write!(self.text, "{sign}{}", self.values.len());
    }
}

/// Adds an element to the text of a PostgreSQL array.
fn element(array: &mut String, value: &Value) {
    if !array.ends_with('{') {
        array.push(',');
    }
    match sea_value_to_json_value(value) {
        serde_json::Value::Null => array.push_str("NULL"),
        serde_json::Value::String(text) => {
            array.push('"');
            for c in text.chars() {
                if matches!(c, '"' | '\\') {
                    array.push('\\');
                }
                array.push(c);
            }
            array.push('"');
        }
        other => array.push_str(&other.to_string()),
    }
}

/// States as a list of quoted words: `'pending', 'sending'`.
pub(crate) fn words(states: &[DeliveryState]) -> String {
    states.iter().map(|s| format!("'{s}'")).collect::<Vec<_>>().join(", ")
}

/// A UUID (version 7) made by the database, for the rows of one statement: they lie together in every index, those of later
/// statements behind them.
pub(crate) fn ordered_uuid(raw: Raw, now: Timestamp) -> Raw {
    let millis = format!("{:012x}", now.millis().max(0) & 0xffff_ffff_ffff);
    if raw.is_postgres() {
        let (high, low) = millis.split_at(8);
        raw.sql("CAST(")
            .bind(format!("{high}-{low}-7"))
            .sql(" || substr(CAST(gen_random_uuid() AS text), 16) AS uuid)")
    } else {
        raw.sql("unhex(").bind(format!("{millis}7")).sql(
            " || substr(hex(randomblob(2)), 2) || substr('89AB', 1 + abs(random() % 4), 1) \
             || substr(hex(randomblob(2)), 2) || hex(randomblob(6)))",
        )
    }
}

/// A random UUID made by the database, for rows that it inserts by itself.
pub(crate) const fn random_uuid(postgres: bool) -> &'static str {
    if postgres {
        "gen_random_uuid()"
    } else {
        "unhex(hex(randomblob(6)) || '4' || substr(hex(randomblob(2)), 2) \
         || substr('89AB', 1 + abs(random() % 4), 1) || substr(hex(randomblob(2)), 2) || hex(randomblob(6)))"
    }
}
