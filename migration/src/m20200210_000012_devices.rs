//! The keys of gates' devices, and declared trips.

use sea_orm_migration::prelude::*;

use crate::sql;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const UP: &str = r#"CREATE TABLE api_key (
    id UUID PRIMARY KEY,
    secret_hash BYTES NOT NULL UNIQUE,
    name text NOT NULL,
    scopes text NOT NULL,
    place text,
    division_code text NOT NULL,
    created_by UUID NOT NULL,
    created_at TIME NOT NULL,
    expires_at TIME,
    last_used_at TIME,
    revoked_at TIME
)
;;
CREATE TABLE trip (
    id UUID PRIMARY KEY,
    person_id UUID NOT NULL,
    sealed BYTES NOT NULL,
    key_version integer NOT NULL,
    created_at TIME NOT NULL
)
;;
CREATE INDEX trip_person ON trip (person_id, id)
"#;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        sql::run(manager, UP).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        sql::drop_tables(manager, &["trip", "api_key"]).await
    }
}
