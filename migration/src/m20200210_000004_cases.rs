//! Cases, the officials' corrections of their visits, and frozen traces.
//!
//! The contacts of a trace are written with it and go before it, both by the whole; a foreign key would be looked up for
//! each of tens of thousands of them, a third of the time it takes to write them.

use sea_orm_migration::prelude::*;

use crate::sql;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const UP: &str = r#"CREATE TABLE infection_case (
    id UUID PRIMARY KEY,
    person_id UUID NOT NULL,
    division_code text NOT NULL,
    reported_at TIME NOT NULL,
    onset_at TIME,
    positive_at TIME,
    isolated_at TIME,
    window_start TIME NOT NULL,
    window_end TIME NOT NULL,
    note_sealed BYTES,
    key_version integer NOT NULL,
    created_by UUID NOT NULL,
    created_at TIME NOT NULL
)
;;
CREATE INDEX infection_case_person ON infection_case (person_id)
;;
CREATE TABLE case_edit (
    id UUID PRIMARY KEY,
    case_id UUID NOT NULL REFERENCES infection_case (id) ON DELETE CASCADE,
    visit_id UUID NOT NULL,
    action text NOT NULL,
    venue_id UUID,
    zone_id UUID,
    start_at TIME,
    end_at TIME,
    created_by UUID NOT NULL,
    created_at TIME NOT NULL,
    UNIQUE (case_id, visit_id)
)
;;
CREATE TABLE trace (
    id UUID PRIMARY KEY,
    division_code text NOT NULL,
    state text NOT NULL,
    case_ids JSON NOT NULL,
    spans JSON NOT NULL,
    parameters JSON NOT NULL,
    counts JSON,
    by_venue JSON,
    sha256 text,
    failure text,
    created_by UUID NOT NULL,
    created_at TIME NOT NULL,
    frozen_at TIME
)
;;
CREATE INDEX trace_created ON trace (created_at)
;;
CREATE TABLE trace_contact (
    trace_id UUID NOT NULL,
    person_id UUID NOT NULL,
    level smallint NOT NULL,
    meetings JSON NOT NULL,
    PRIMARY KEY (trace_id, person_id)
)
;;
CREATE INDEX trace_contact_person ON trace_contact (person_id)
"#;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        sql::run(manager, UP).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        sql::drop_tables(manager, &["trace_contact", "trace", "case_edit", "infection_case"]).await
    }
}
