//! An account at a platform that signs a person in.

use mashang_domain::person::Platform;
use mashang_domain::time::Timestamp;
use sea_orm::entity::prelude::*;

#[derive(Debug, Clone, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "platform_account")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub platform: Platform,
    pub open_id_hash: Vec<u8>,
    pub open_id_sealed: Vec<u8>,
    pub key_version: i32,
    pub person_id: Uuid,
    pub bound_at: Timestamp,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
