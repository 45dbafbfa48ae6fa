//! People, how they sign in, and staff.

use sea_orm_migration::prelude::*;

use crate::sql;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const UP: &str = r#"CREATE TABLE person (
    id UUID PRIMARY KEY,
    phone_hash BYTES NOT NULL UNIQUE,
    phone_sealed BYTES NOT NULL,
    key_version integer NOT NULL,
    created_at TIME NOT NULL
)
;;
CREATE TABLE login_code (
    id UUID PRIMARY KEY,
    phone_hash BYTES NOT NULL,
    phone_sealed BYTES NOT NULL,
    key_version integer NOT NULL,
    block_hash BYTES NOT NULL,
    address_hash BYTES NOT NULL,
    channel text NOT NULL,
    code_hash BYTES NOT NULL,
    wrong_tries integer NOT NULL DEFAULT 0,
    created_at TIME NOT NULL,
    expires_at TIME NOT NULL,
    used_at TIME,
    burnt_at TIME
)
;;
CREATE INDEX login_code_phone ON login_code (phone_hash, created_at)
;;
CREATE INDEX login_code_block ON login_code (block_hash, created_at)
;;
CREATE INDEX login_code_address ON login_code (address_hash, created_at)
;;
CREATE INDEX login_code_created ON login_code (created_at)
;;
CREATE TABLE staff (
    id UUID PRIMARY KEY,
    username text NOT NULL UNIQUE,
    password_hash text NOT NULL,
    totp_sealed BYTES,
    key_version integer NOT NULL,
    totp_last_step bigint,
    role text NOT NULL,
    division text NOT NULL,
    email_sealed BYTES,
    email_key_version integer,
    failures integer NOT NULL DEFAULT 0,
    locked_until TIME,
    created_at TIME NOT NULL,
    disabled_at TIME
)
;;
CREATE TABLE session (
    token_hash BYTES PRIMARY KEY,
    person_id UUID REFERENCES person (id) ON DELETE CASCADE,
    staff_id UUID REFERENCES staff (id) ON DELETE CASCADE,
    created_at TIME NOT NULL,
    expires_at TIME NOT NULL,
    last_seen_at TIME NOT NULL,
    revoked_at TIME,
    CHECK ((person_id IS NULL) <> (staff_id IS NULL))
)
;;
CREATE INDEX session_person ON session (person_id)
;;
CREATE INDEX session_staff ON session (staff_id)
;;
CREATE INDEX session_expires ON session (expires_at)
"#;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        sql::run(manager, UP).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        sql::drop_tables(manager, &["session", "staff", "login_code", "person"]).await
    }
}
