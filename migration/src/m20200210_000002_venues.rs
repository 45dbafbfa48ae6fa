//! Venues, their zones and the codes on their posters.

use sea_orm_migration::prelude::*;

use crate::sql;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const UP: &str = r#"CREATE TABLE venue (
    id UUID PRIMARY KEY,
    external_ref text UNIQUE,
    name text NOT NULL,
    category text NOT NULL,
    division_code text NOT NULL,
    address text NOT NULL,
    contact_sealed BYTES,
    key_version integer NOT NULL,
    lat REAL8,
    lon REAL8,
    indoor BOOL,
    state text NOT NULL,
    manager_id UUID REFERENCES person (id) ON DELETE SET NULL,
    decided_by UUID,
    decided_at TIME,
    decided_reason text,
    created_at TIME NOT NULL,
    updated_at TIME NOT NULL
)
;;
CREATE INDEX venue_division ON venue (division_code, state, id)
;;
CREATE INDEX venue_manager ON venue (manager_id)
;;
CREATE TABLE zone (
    id UUID PRIMARY KEY,
    venue_id UUID NOT NULL REFERENCES venue (id) ON DELETE CASCADE,
    name text NOT NULL,
    created_at TIME NOT NULL,
    UNIQUE (venue_id, name)
)
;;
CREATE TABLE venue_code (
    number bigint PRIMARY KEY,
    venue_id UUID NOT NULL REFERENCES venue (id) ON DELETE CASCADE,
    zone_id UUID REFERENCES zone (id) ON DELETE CASCADE,
    direction text NOT NULL,
    version integer NOT NULL,
    created_at TIME NOT NULL,
    revoked_at TIME
)
;;
CREATE INDEX venue_code_venue ON venue_code (venue_id)
"#;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        sql::run(manager, UP).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        sql::drop_tables(manager, &["venue_code", "zone", "venue"]).await
    }
}
