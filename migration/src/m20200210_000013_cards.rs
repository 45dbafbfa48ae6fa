//! Cards of other offices, linked with health codes: one of a kind a person.

use sea_orm_migration::prelude::*;

use crate::sql;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const UP: &str = r#"CREATE TABLE card_link (
    id UUID PRIMARY KEY,
    person_id UUID NOT NULL,
    kind text NOT NULL,
    sealed BYTES NOT NULL,
    key_version integer NOT NULL,
    linked_at TIME NOT NULL
)
;;
CREATE UNIQUE INDEX card_link_person ON card_link (person_id, kind)
"#;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        sql::run(manager, UP).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        sql::drop_tables(manager, &["card_link"]).await
    }
}
