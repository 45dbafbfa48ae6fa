//! Decisions of officials about health codes: changes by hand with the requests for them, and appeals.
//!
//! What officials and citizens write is sealed. One change of a person waits for its second official at a time, and one
//! appeal of a person is open at a time.

use sea_orm_migration::prelude::*;

use crate::sql;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const UP: &str = r#"CREATE TABLE colour_change (
    id UUID PRIMARY KEY,
    person_id UUID NOT NULL,
    division_code text NOT NULL,
    state text NOT NULL,
    from_colour text NOT NULL,
    to_colour text NOT NULL,
    ground text NOT NULL,
    sealed BYTES NOT NULL,
    key_version integer NOT NULL,
    requested_by UUID NOT NULL,
    requested_role text NOT NULL,
    requested_at TIME NOT NULL,
    expires_at TIME NOT NULL,
    decided_by UUID,
    decided_at TIME
)
;;
CREATE UNIQUE INDEX colour_change_waits ON colour_change (person_id) WHERE state = 'awaiting_second'
;;
CREATE INDEX colour_change_person ON colour_change (person_id, id)
;;
CREATE INDEX colour_change_by ON colour_change (requested_by, requested_at)
;;
CREATE INDEX colour_change_at ON colour_change (requested_at)
;;
CREATE TABLE appeal (
    id UUID PRIMARY KEY,
    person_id UUID NOT NULL,
    division_code text NOT NULL,
    state text NOT NULL,
    colour text NOT NULL,
    reason text NOT NULL,
    since TIME NOT NULL,
    evidence UUID,
    sealed BYTES NOT NULL,
    key_version integer NOT NULL,
    filed_at TIME NOT NULL,
    due_at TIME NOT NULL,
    decided_by UUID,
    decided_at TIME,
    to_colour text,
    answer_sealed BYTES,
    answer_key_version integer
)
;;
CREATE UNIQUE INDEX appeal_open ON appeal (person_id) WHERE state = 'open'
;;
CREATE INDEX appeal_person ON appeal (person_id, id)
;;
CREATE INDEX appeal_due ON appeal (due_at, id)
;;
CREATE INDEX appeal_filed ON appeal (filed_at)
;;
CREATE INDEX appeal_decided ON appeal (decided_at)
;;
CREATE INDEX health_awaits_release ON health (division_code) WHERE colour = 'red' AND days_left = 0
;;
CREATE INDEX health_change_manual ON health_change (at) WHERE kind = 'manual'
;;
CREATE INDEX health_change_division ON health_change (division_code, at)
;;
CREATE INDEX check_in_day ON check_in (day, person_id)
"#;

const INDEXES: &[&str] =
    &["check_in_day", "health_change_division", "health_change_manual", "health_awaits_release"];

const TABLES: &[&str] = &["appeal", "colour_change"];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        sql::run(manager, UP).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for index in INDEXES {
            manager.get_connection().execute_unprepared(&format!("DROP INDEX IF EXISTS {index}")).await?;
        }
        sql::drop_tables(manager, TABLES).await
    }
}
