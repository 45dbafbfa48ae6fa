//! A reminder of the health code, one a person, kind and day.

use mashang_domain::health::ReminderKind;
use mashang_domain::time::Timestamp;
use sea_orm::entity::prelude::*;
#[derive(Debug, Clone, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "reminder")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub person_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub kind: ReminderKind,
    #[sea_orm(primary_key, auto_increment = false)]
    pub day: i32,
    pub created_at: Timestamp,
    pub queued_at: Option<Timestamp>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
