//! The keys that sign codes, and what gates checked.

use sea_orm_migration::prelude::*;

use crate::sql;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const UP: &str = r#"CREATE TABLE code_key (
    number integer PRIMARY KEY,
    row_id UUID NOT NULL,
    seed_sealed BYTES NOT NULL,
    key_version integer NOT NULL,
    public_key BYTES NOT NULL,
    signs_from TIME NOT NULL,
    signs_until TIME NOT NULL,
    revoked_at TIME,
    created_at TIME NOT NULL
)
;;
CREATE TABLE code_check (
    id UUID PRIMARY KEY,
    person_id UUID NOT NULL,
    token_id UUID NOT NULL,
    staff_id UUID NOT NULL,
    place text,
    purpose text NOT NULL,
    colour text NOT NULL,
    allowed BOOL NOT NULL,
    tenths smallint,
    at TIME NOT NULL
)
;;
CREATE INDEX code_check_token ON code_check (token_id)
;;
CREATE INDEX code_check_person ON code_check (person_id, at)
;;
--postgres
CREATE INDEX code_check_at ON code_check USING brin (at)
;;
--sqlite
CREATE INDEX code_check_at ON code_check (at)
"#;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        sql::run(manager, UP).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        sql::drop_tables(manager, &["code_check", "code_key"]).await
    }
}
