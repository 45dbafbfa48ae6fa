//! Scans, partitioned by day on PostgreSQL, and the keys that make them idempotent.
//!
//! Partitions are made by the stores (ahead of time, and before an import), one per Asia/Shanghai day. `repeat` marks a
//! scan that the two-minute rule does not count as recorded: it is kept so that the order of arrival changes nothing.
//!
//! A venue's in-scans and out-scans each have an index of their own: every scan stands in one of them (a repeat in none),
//! so two cost no more than one over all, and with what a trace wants of a scan in them it visits no row of the table.

use sea_orm_migration::prelude::*;

use crate::sql;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const UP: &str = r#"--postgres
CREATE TABLE scan (
    id uuid NOT NULL,
    person_id uuid NOT NULL,
    venue_id uuid NOT NULL,
    zone_id uuid,
    direction text NOT NULL,
    at bigint NOT NULL CHECK (at % 1000 = 0),
    client_at bigint,
    received_at bigint NOT NULL,
    companions smallint NOT NULL DEFAULT 0,
    suspect boolean NOT NULL DEFAULT false,
    suspect_reason text,
    repeat boolean NOT NULL DEFAULT false,
    source text NOT NULL,
    PRIMARY KEY (id, at)
) PARTITION BY RANGE (at)
;;
--sqlite
CREATE TABLE scan (
    id blob NOT NULL PRIMARY KEY,
    person_id blob NOT NULL,
    venue_id blob NOT NULL,
    zone_id blob,
    direction text NOT NULL,
    at bigint NOT NULL CHECK (at % 1000 = 0),
    client_at bigint,
    received_at bigint NOT NULL,
    companions smallint NOT NULL DEFAULT 0,
    suspect boolean NOT NULL DEFAULT false,
    suspect_reason text,
    repeat boolean NOT NULL DEFAULT false,
    source text NOT NULL
)
;;
CREATE INDEX scan_person_at ON scan (person_id, at)
;;
--postgres
CREATE INDEX scan_venue_in ON scan (venue_id, at) INCLUDE (person_id, id, zone_id, suspect)
    WHERE direction = 'in' AND NOT repeat
;;
--sqlite
CREATE INDEX scan_venue_in ON scan (venue_id, at, person_id) WHERE direction = 'in' AND NOT repeat
;;
--postgres
CREATE INDEX scan_venue_out ON scan (venue_id, at) INCLUDE (person_id) WHERE direction = 'out' AND NOT repeat
;;
--sqlite
CREATE INDEX scan_venue_out ON scan (venue_id, at, person_id) WHERE direction = 'out' AND NOT repeat
;;
CREATE TABLE scan_key (
    key UUID PRIMARY KEY,
    scan_id UUID NOT NULL,
    at TIME NOT NULL
)
;;
CREATE INDEX scan_key_at ON scan_key (at)
;;
CREATE TABLE import_job (
    id UUID PRIMARY KEY,
    kind text NOT NULL,
    digest BYTES NOT NULL UNIQUE,
    lines_done bigint NOT NULL,
    recorded bigint NOT NULL,
    repeats bigint NOT NULL,
    rejected bigint NOT NULL,
    created_by UUID,
    created_at TIME NOT NULL,
    updated_at TIME NOT NULL,
    finished_at TIME
)
;;
CREATE TABLE import_chunk (
    job_id UUID NOT NULL REFERENCES import_job (id) ON DELETE CASCADE,
    number bigint NOT NULL,
    digest BYTES NOT NULL,
    lines bigint NOT NULL,
    rejected bigint NOT NULL,
    first_at TIME,
    last_at TIME,
    PRIMARY KEY (job_id, number)
)
"#;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        sql::run(manager, UP).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        sql::drop_tables(manager, &["import_chunk", "import_job", "scan_key", "scan"]).await
    }
}
