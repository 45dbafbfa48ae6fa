//! A version of the rules of the health code, and how far people have been looked at by it.

use mashang_domain::time::Timestamp;
use sea_orm::entity::prelude::*;

#[derive(Debug, Clone, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "rule_version")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub version: i32,
    pub rule_set: String,
    pub sha256: String,
    pub text: String,
    pub since: Timestamp,
    pub reviewed_to: Option<Uuid>,
    pub reviewed: i64,
    pub changed: i64,
    pub done_at: Option<Timestamp>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
