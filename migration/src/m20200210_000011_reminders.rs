//! Reminders of the health code that wait to be sent, and how far the notices of an alert have become colours.

use sea_orm_migration::prelude::*;

use crate::sql;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const UP: &str = r#"CREATE TABLE reminder (
    person_id UUID NOT NULL,
    kind text NOT NULL,
    day integer NOT NULL,
    created_at TIME NOT NULL,
    queued_at TIME,
    PRIMARY KEY (person_id, kind, day)
)
;;
CREATE INDEX reminder_waiting ON reminder (created_at) WHERE queued_at IS NULL
;;
CREATE TABLE alert_colouring (
    alert_id UUID PRIMARY KEY,
    reached UUID,
    coloured BIGINT NOT NULL DEFAULT 0,
    created_at TIME NOT NULL,
    done_at TIME
)
"#;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        sql::run(manager, UP).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        sql::drop_tables(manager, &["alert_colouring", "reminder"]).await
    }
}
