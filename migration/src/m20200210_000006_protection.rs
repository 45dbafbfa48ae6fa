//! The audit log, idempotency keys, the operation and the ticks of jobs.
//!
//! The audit log is append-only in the database too: updates are refused, and deletions wherever the nightly job has not
//! moved the anchor first.

use sea_orm_migration::prelude::*;

use crate::sql;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const UP: &str = r#"CREATE TABLE audit (
    seq bigint PRIMARY KEY,
    at TIME NOT NULL,
    actor_kind text NOT NULL,
    actor_id text NOT NULL,
    action text NOT NULL,
    purpose text NOT NULL,
    subject UUID,
    object_kind text NOT NULL,
    object_id text NOT NULL,
    detail JSON NOT NULL,
    previous BYTES NOT NULL,
    hash BYTES NOT NULL
)
;;
CREATE INDEX audit_subject ON audit (subject, seq)
;;
CREATE TABLE audit_anchor (
    id integer PRIMARY KEY CHECK (id = 1),
    seq bigint NOT NULL,
    hash BYTES NOT NULL
)
;;
--postgres
CREATE OR REPLACE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF OLD.seq <= (SELECT coalesce(max(seq), 0) FROM audit_anchor) THEN
            RETURN OLD;
        END IF;
    END IF;
    RAISE EXCEPTION 'the audit log is append-only';
END $$
;;
--postgres
CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE ON audit FOR EACH ROW EXECUTE FUNCTION audit_is_append_only()
;;
--postgres
CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON audit FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only()
;;
--sqlite
CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END
;;
--sqlite
CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit
WHEN OLD.seq > (SELECT coalesce(max(seq), 0) FROM audit_anchor)
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END
;;
CREATE TABLE idempotency (
    actor text NOT NULL,
    key text NOT NULL,
    body_hash BYTES NOT NULL,
    status smallint,
    response_sealed BYTES,
    key_version integer,
    created_at TIME NOT NULL,
    PRIMARY KEY (actor, key)
)
;;
CREATE INDEX idempotency_created ON idempotency (created_at)
;;
CREATE TABLE operation (
    id UUID PRIMARY KEY,
    name text NOT NULL,
    legal_basis text NOT NULL,
    state text NOT NULL,
    started_at TIME NOT NULL,
    end_requested_by UUID,
    end_requested_at TIME,
    ended_by UUID,
    ended_at TIME,
    destruction_step text,
    destruction JSON,
    certificate JSON
)
;;
CREATE TABLE job_tick (
    job text NOT NULL,
    tick bigint NOT NULL,
    claimed_at TIME NOT NULL,
    finished_at TIME,
    result text,
    PRIMARY KEY (job, tick)
)
"#;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        sql::run(manager, UP).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        sql::drop_tables(manager, &["job_tick", "operation", "idempotency", "audit_anchor", "audit"]).await
    }
}
