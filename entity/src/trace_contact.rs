//! One person of a frozen trace with every meeting that explains the level.

use sea_orm::entity::prelude::*;

#[derive(Debug, Clone, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "trace_contact")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub trace_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub person_id: Uuid,
    pub level: i16,
    #[sea_orm(column_type = "JsonBinary")]
    pub meetings: Json,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
