//! The health code: the present colour of everybody who has one, what is known of them, and how it came about.
//!
//! Days are numbers of Asia/Shanghai days since 1970-01-01. `health.turns_on` is the first day on which the passing of time
//! alone changes something, so that the nightly job finds those by an index and looks at nobody else.

use sea_orm_migration::prelude::*;

use crate::sql;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const UP: &str = r#"CREATE TABLE health (
    person_id UUID PRIMARY KEY,
    code_ref bigint NOT NULL UNIQUE,
    division_code text NOT NULL,
    declaration_id UUID,
    colour text NOT NULL,
    reason text NOT NULL,
    rule text,
    rule_version integer NOT NULL,
    evidence UUID,
    since TIME NOT NULL,
    days_required smallint NOT NULL,
    days_left smallint NOT NULL,
    checked_on integer,
    valid_from integer,
    last_at TIME NOT NULL,
    cleared_at TIME,
    set_by UUID,
    set_second UUID,
    turns_on integer,
    reminders text NOT NULL
)
;;
CREATE INDEX health_turns ON health (turns_on) WHERE turns_on IS NOT NULL
;;
CREATE INDEX health_division ON health (division_code, colour)
;;
CREATE INDEX health_last ON health (last_at)
;;
CREATE TABLE declaration (
    id UUID PRIMARY KEY,
    person_id UUID NOT NULL,
    division_code text NOT NULL,
    identity_hash BYTES NOT NULL,
    sealed BYTES NOT NULL,
    key_version integer NOT NULL,
    notice_version text NOT NULL,
    guardian BOOL NOT NULL,
    created_at TIME NOT NULL
)
;;
CREATE INDEX declaration_person ON declaration (person_id, created_at)
;;
CREATE INDEX declaration_identity ON declaration (identity_hash)
;;
CREATE TABLE health_fact (
    person_id UUID NOT NULL,
    evidence UUID NOT NULL,
    fact text NOT NULL,
    at TIME NOT NULL,
    withdrawn_at TIME,
    PRIMARY KEY (person_id, evidence, fact)
)
;;
CREATE INDEX health_fact_evidence ON health_fact (evidence)
;;
CREATE TABLE check_in (
    id UUID PRIMARY KEY,
    person_id UUID NOT NULL,
    day integer NOT NULL,
    at TIME NOT NULL,
    normal BOOL NOT NULL,
    sealed BYTES NOT NULL,
    key_version integer NOT NULL
)
;;
CREATE INDEX check_in_person ON check_in (person_id, day)
;;
CREATE TABLE health_change (
    id UUID PRIMARY KEY,
    person_id UUID NOT NULL,
    division_code text NOT NULL,
    at TIME NOT NULL,
    kind text NOT NULL,
    from_colour text NOT NULL,
    to_colour text NOT NULL,
    reason text NOT NULL,
    rule text,
    rule_set text NOT NULL,
    rule_version integer NOT NULL,
    days_left smallint NOT NULL,
    evidence UUID,
    actor_kind text NOT NULL,
    actor_id text NOT NULL,
    second_id UUID
)
;;
CREATE INDEX health_change_person ON health_change (person_id, id)
;;
CREATE INDEX health_change_at ON health_change (at)
;;
CREATE TABLE integrity_record (
    id UUID PRIMARY KEY,
    person_id UUID NOT NULL,
    division_code text NOT NULL,
    kind text NOT NULL,
    refers_to UUID,
    rule text NOT NULL,
    declaration_id UUID,
    evidence UUID NOT NULL,
    actor_kind text NOT NULL,
    actor_id text NOT NULL,
    at TIME NOT NULL
)
;;
CREATE INDEX integrity_record_person ON integrity_record (person_id, id)
;;
CREATE TABLE rule_version (
    version integer PRIMARY KEY,
    rule_set text NOT NULL,
    sha256 text NOT NULL,
    text text NOT NULL,
    since TIME NOT NULL,
    reviewed_to UUID,
    reviewed BIGINT NOT NULL DEFAULT 0,
    changed BIGINT NOT NULL DEFAULT 0,
    done_at TIME
)
"#;

/// Children before parents.
const TABLES: &[&str] = &[
    "rule_version",
    "integrity_record",
    "health_change",
    "check_in",
    "health_fact",
    "declaration",
    "health",
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        sql::run(manager, UP).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        sql::drop_tables(manager, TABLES).await
    }
}
