//! A health declaration: who somebody is and what they state, sealed.

use mashang_domain::time::Timestamp;
use sea_orm::entity::prelude::*;

#[derive(Debug, Clone, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "declaration")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub person_id: Uuid,
    pub division_code: String,
    pub identity_hash: Vec<u8>,
    pub sealed: Vec<u8>,
    pub key_version: i32,
    /// The notice that was consented to.
    pub notice_version: String,
    /// Whether a guardian consented.
    pub guardian: bool,
    pub created_at: Timestamp,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
