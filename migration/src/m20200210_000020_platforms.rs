//! Accounts at the platforms of mini-programs, and what comes with them.

use sea_orm_migration::prelude::*;

use crate::sql;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const UP: &str = r#"CREATE TABLE platform_account (
    id UUID PRIMARY KEY,
    platform text NOT NULL,
    open_id_hash BYTES NOT NULL,
    open_id_sealed BYTES NOT NULL,
    key_version integer NOT NULL,
    person_id UUID NOT NULL REFERENCES person (id) ON DELETE CASCADE,
    bound_at TIME NOT NULL,
    UNIQUE (platform, open_id_hash),
    UNIQUE (person_id, platform)
)
;;
CREATE TABLE platform_binding (
    id UUID PRIMARY KEY,
    token_hash BYTES NOT NULL UNIQUE,
    platform text NOT NULL,
    open_id_hash BYTES NOT NULL,
    open_id_sealed BYTES NOT NULL,
    key_version integer NOT NULL,
    created_at TIME NOT NULL,
    expires_at TIME NOT NULL,
    used_at TIME
)
;;
CREATE INDEX platform_binding_created ON platform_binding (created_at)
;;
CREATE TABLE platform_token (
    name text PRIMARY KEY,
    id UUID NOT NULL,
    token_sealed BYTES,
    key_version integer NOT NULL,
    fetched_at TIME NOT NULL,
    expires_at TIME NOT NULL,
    claimed_until TIME NOT NULL
)
;;
CREATE TABLE platform_consent (
    account_id UUID NOT NULL REFERENCES platform_account (id) ON DELETE CASCADE,
    template_id text NOT NULL,
    state text NOT NULL,
    granted integer NOT NULL,
    sent integer NOT NULL,
    changed_at TIME NOT NULL,
    sent_at TIME,
    PRIMARY KEY (account_id, template_id)
)
"#;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        sql::run(manager, UP).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let tables = ["platform_consent", "platform_token", "platform_binding", "platform_account"];
        sql::drop_tables(manager, &tables).await
    }
}
