//! Official lists: who is on them, by keyed hashes and sealed, and which divisions are key areas.

use sea_orm_migration::prelude::*;

use crate::sql;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const UP: &str = r#"CREATE TABLE health_import (
    id UUID PRIMARY KEY,
    kind text NOT NULL,
    division_code text NOT NULL,
    encoding text,
    created BIGINT NOT NULL DEFAULT 0,
    updated BIGINT NOT NULL DEFAULT 0,
    duplicates BIGINT NOT NULL DEFAULT 0,
    matched BIGINT NOT NULL DEFAULT 0,
    contradicted BIGINT NOT NULL DEFAULT 0,
    rejected BIGINT NOT NULL DEFAULT 0,
    created_by UUID NOT NULL,
    created_at TIME NOT NULL,
    updated_at TIME NOT NULL,
    finished_at TIME
)
;;
CREATE INDEX health_import_division ON health_import (division_code, id)
;;
CREATE TABLE health_record (
    id UUID PRIMARY KEY,
    import_id UUID NOT NULL,
    kind text NOT NULL,
    division_code text NOT NULL,
    digest BYTES NOT NULL UNIQUE,
    identity_hash BYTES,
    phone_hash BYTES,
    day integer NOT NULL,
    ends_on integer,
    completed_at TIME,
    sealed BYTES NOT NULL,
    key_version integer NOT NULL,
    created_at TIME NOT NULL,
    withdrawn_at TIME,
    withdrawn_by UUID
)
;;
CREATE INDEX health_record_identity ON health_record (identity_hash) WHERE identity_hash IS NOT NULL
;;
CREATE INDEX health_record_phone ON health_record (phone_hash) WHERE phone_hash IS NOT NULL
;;
CREATE INDEX health_record_ends ON health_record (ends_on, id)
    WHERE ends_on IS NOT NULL AND completed_at IS NULL AND withdrawn_at IS NULL
;;
CREATE INDEX health_record_division ON health_record (division_code, id)
;;
CREATE INDEX health_record_created ON health_record (created_at)
;;
CREATE TABLE key_area (
    id UUID PRIMARY KEY,
    import_id UUID NOT NULL,
    division_code text NOT NULL,
    area text NOT NULL,
    from_day integer NOT NULL,
    until_day integer,
    created_at TIME NOT NULL,
    withdrawn_at TIME,
    withdrawn_by UUID
)
;;
CREATE UNIQUE INDEX key_area_once ON key_area (area, from_day)
"#;

/// Children before parents.
const TABLES: &[&str] = &["key_area", "health_record", "health_import"];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        sql::run(manager, UP).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        sql::drop_tables(manager, TABLES).await
    }
}
