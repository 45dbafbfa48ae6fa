//! A key that signs codes; its seed is sealed.

use mashang_domain::time::Timestamp;
use sea_orm::entity::prelude::*;

#[derive(Debug, Clone, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "code_key")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    /// What codes name it by.
    pub number: i32,
    /// What the seed is sealed for.
    pub row_id: Uuid,
    pub seed_sealed: Vec<u8>,
    pub key_version: i32,
    pub public_key: Vec<u8>,
    pub signs_from: Timestamp,
    pub signs_until: Timestamp,
    /// Taken out of use before its time: nothing that it signed is believed.
    pub revoked_at: Option<Timestamp>,
    pub created_at: Timestamp,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
