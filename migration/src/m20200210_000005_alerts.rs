//! Alerts, the notices people get, the deliveries that carry them, and every attempt.
//!
//! What is looked for in `delivery` is its `stage`: open, waiting for a receipt, missed, or over. No index knows the state or
//! a lease, so that a claim and each move within the open states changes one row and no index (a HOT update on
//! PostgreSQL, for which its pages are left half empty). No index of `attempt` knows anything that an outcome sets, so that
//! closing one is a HOT update as well.

use sea_orm_migration::prelude::*;

use crate::sql;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const UP: &str = r#"CREATE TABLE alert (
    id UUID PRIMARY KEY,
    kind text NOT NULL,
    corrects UUID,
    trace_id UUID NOT NULL,
    trace_sha256 text NOT NULL,
    templates JSON NOT NULL,
    levels JSON NOT NULL,
    urgent BOOL NOT NULL,
    drill BOOL NOT NULL,
    state text NOT NULL,
    division_code text NOT NULL,
    created_by UUID NOT NULL,
    created_at TIME NOT NULL,
    submitted_by UUID,
    submitted_at TIME,
    first_approver UUID,
    decided_by UUID,
    decided_at TIME,
    reason text,
    expires_at TIME,
    fanned_out_at TIME,
    cancelled_at TIME,
    done_at TIME
)
;;
CREATE INDEX alert_state ON alert (state)
;;
CREATE TABLE notice (
    id UUID PRIMARY KEY,
    alert_id UUID NOT NULL,
    person_id UUID NOT NULL,
    level smallint NOT NULL,
    merged_into UUID,
    created_at TIME NOT NULL,
    acknowledged_at TIME,
    call_back BOOL NOT NULL DEFAULT false,
    UNIQUE (alert_id, person_id)
)
;;
CREATE INDEX notice_person ON notice (person_id, created_at)
;;
CREATE TABLE delivery (
    id UUID PRIMARY KEY,
    alert_id UUID,
    notice_id UUID,
    login_id UUID,
    person_id UUID,
    staff_id UUID,
    level smallint NOT NULL,
    rung smallint NOT NULL,
    rung_kind text NOT NULL,
    channel text NOT NULL,
    template_key text NOT NULL,
    variables JSON NOT NULL,
    urgent BOOL NOT NULL,
    drill BOOL NOT NULL,
    state text NOT NULL,
    due_at TIME NOT NULL,
    expires_at TIME NOT NULL,
    tries integer NOT NULL DEFAULT 0,
    epoch integer NOT NULL DEFAULT 0,
    lease_owner UUID,
    lease_until TIME,
    gateway text,
    provider_id text,
    code text,
    possible_duplicates integer NOT NULL DEFAULT 0,
    created_at TIME NOT NULL,
    accepted_at TIME,
    settled_at TIME,
    stage smallint GENERATED ALWAYS AS (CASE WHEN state IN ('pending', 'sending', 'unknown') THEN 0
        WHEN state = 'accepted' AND settled_at IS NULL THEN 1
        WHEN state IN ('undelivered', 'failed', 'unreachable') THEN 2 ELSE 3 END) STORED,
    UNIQUE (notice_id, rung)
)
;;
--postgres
ALTER TABLE delivery SET (fillfactor = 50)
;;
CREATE INDEX delivery_open ON delivery (due_at) WHERE stage = 0
;;
CREATE INDEX delivery_waiting ON delivery (accepted_at) WHERE stage = 1
;;
CREATE INDEX delivery_missed ON delivery (settled_at) WHERE stage = 2
;;
CREATE INDEX delivery_alert ON delivery (alert_id, stage)
;;
CREATE UNIQUE INDEX delivery_staff ON delivery (alert_id, staff_id) WHERE staff_id IS NOT NULL
;;
CREATE INDEX delivery_login ON delivery (login_id) WHERE login_id IS NOT NULL
;;
CREATE INDEX delivery_provider ON delivery (provider_id) WHERE provider_id IS NOT NULL
;;
--postgres
CREATE INDEX delivery_created ON delivery USING brin (created_at)
;;
--sqlite
CREATE INDEX delivery_created ON delivery (created_at)
;;
CREATE TABLE attempt (
    reference text PRIMARY KEY,
    delivery_id UUID NOT NULL,
    gateway text NOT NULL,
    epoch integer NOT NULL,
    batch text NOT NULL,
    started_at TIME NOT NULL,
    finished_at TIME,
    asked_at TIME,
    denied_at TIME,
    outcome text,
    code text,
    provider_id text
)
;;
CREATE INDEX attempt_delivery ON attempt (delivery_id)
;;
--postgres
ALTER TABLE attempt SET (fillfactor = 50)
;;
CREATE TABLE outbox (
    id UUID PRIMARY KEY,
    task JSON NOT NULL,
    created_at TIME NOT NULL
)
;;
CREATE TABLE gateway (
    name text PRIMARY KEY,
    channel text NOT NULL,
    seen_at TIME NOT NULL,
    paused_at TIME,
    paused_by UUID
)
;;
CREATE TABLE work_item (
    id UUID PRIMARY KEY,
    alert_id UUID NOT NULL,
    notice_id UUID NOT NULL,
    person_id UUID NOT NULL,
    level smallint NOT NULL,
    reason text NOT NULL,
    state text NOT NULL,
    calls integer NOT NULL DEFAULT 0,
    result text,
    created_at TIME NOT NULL,
    taken_by UUID,
    taken_at TIME,
    done_at TIME,
    UNIQUE (notice_id)
)
;;
CREATE INDEX work_item_state ON work_item (state, level, created_at)
;;
CREATE INDEX work_item_alert ON work_item (alert_id)
"#;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        sql::run(manager, UP).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        sql::drop_tables(
            manager,
            &["work_item", "gateway", "outbox", "attempt", "delivery", "notice", "alert"],
        )
        .await
    }
}
