//! A login code that was asked for. The code itself is never stored, only its keyed hash.

use mashang_domain::delivery::Channel;
use mashang_domain::time::Timestamp;
use sea_orm::entity::prelude::*;

#[derive(Debug, Clone, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "login_code")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub phone_hash: Vec<u8>,
    pub phone_sealed: Vec<u8>,
    pub key_version: i32,
    pub block_hash: Vec<u8>,
    pub address_hash: Vec<u8>,
    pub channel: Channel,
    pub code_hash: Vec<u8>,
    pub wrong_tries: i32,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
    pub used_at: Option<Timestamp>,
    pub burnt_at: Option<Timestamp>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
