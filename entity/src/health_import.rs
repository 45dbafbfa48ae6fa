//! A file of an official list, and what came of its lines.

use mashang_domain::health::ListKind;
use mashang_domain::time::Timestamp;
use sea_orm::entity::prelude::*;

#[derive(Debug, Clone, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "health_import")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub kind: ListKind,
    pub division_code: String,
    /// How its bytes were read; none before a line said.
    pub encoding: Option<String>,
    pub created: i64,
    pub updated: i64,
    pub duplicates: i64,
    pub matched: i64,
    pub contradicted: i64,
    pub rejected: i64,
    pub created_by: Uuid,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// None where the upload broke off: sent again, it goes on.
    pub finished_at: Option<Timestamp>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
