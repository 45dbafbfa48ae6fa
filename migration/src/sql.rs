//! Runs a list of statements on either database.
//!
//! Type words: `UUID`, `BYTES`, `JSON`, `TIME` (milliseconds since the Unix epoch), `BOOL`, `REAL8`. A statement that
//! starts with `--postgres` or `--sqlite` runs on that database only. Statements are separated by a line `;;`.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DbBackend;

const POSTGRES: &[(&str, &str)] = &[
    ("UUID", "uuid"),
    ("BYTES", "bytea"),
    ("JSON", "jsonb"),
    ("TIME", "bigint"),
    ("BOOL", "boolean"),
    ("REAL8", "double precision"),
];

const SQLITE: &[(&str, &str)] = &[
    ("UUID", "blob"),
    ("BYTES", "blob"),
    ("JSON", "text"),
    ("TIME", "bigint"),
    ("BOOL", "boolean"),
    ("REAL8", "double"),
];

pub(crate) async fn run(manager: &SchemaManager<'_>, script: &str) -> Result<(), DbErr> {
    let postgres = manager.get_database_backend() == DbBackend::Postgres;
    for statement in script.split("\n;;").map(str::trim).filter(|s| !s.is_empty()) {
        let other = if postgres { "--sqlite" } else { "--postgres" };
        if !statement.starts_with(other) {
            manager.get_connection().execute_unprepared(&translate(statement, postgres)).await?;
        }
    }
    Ok(())
}

/// Drops tables in the order given.
pub(crate) async fn drop_tables(manager: &SchemaManager<'_>, tables: &[&str]) -> Result<(), DbErr> {
    for table in tables {
        manager.get_connection().execute_unprepared(&format!("DROP TABLE IF EXISTS {table}")).await?;
    }
    Ok(())
}

/// Replaces the type words where they stand alone.
fn translate(statement: &str, postgres: bool) -> String {
    let words = if postgres { POSTGRES } else { SQLITE };
    statement
        .split_inclusive(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .map(|piece| {
            let end = piece.trim_end_matches(|c: char| !c.is_ascii_alphanumeric() && c != '_').len();
            let (word, tail) = piece.split_at(end);
            let found = words.iter().find(|(w, _)| *w == word);
            found.map_or_else(|| piece.to_owned(), |(_, to)| format!("{to}{tail}"))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::translate;

    #[test]
    fn type_words_are_translated_and_nothing_else() {
        let given = "CREATE TABLE t (id UUID PRIMARY KEY, last_seen TIME, x JSON)";
        assert_eq!(translate(given, true), "CREATE TABLE t (id uuid PRIMARY KEY, last_seen bigint, x jsonb)");
        assert_eq!(translate(given, false), "CREATE TABLE t (id blob PRIMARY KEY, last_seen bigint, x text)");
    }
}
