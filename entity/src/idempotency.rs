//! The answer to a POST that carried an Idempotency-Key.

use mashang_domain::time::Timestamp;
use sea_orm::entity::prelude::*;

#[derive(Debug, Clone, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "idempotency")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub actor: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub key: String,
    /// Keyed: a bare one of a body that holds a number or a password could be guessed.
    pub body_hash: Vec<u8>,
    pub status: Option<i16>,
    /// The answer may hold what is shown to one person only, such as the secret of an authenticator.
    pub response_sealed: Option<Vec<u8>>,
    pub key_version: Option<i32>,
    pub created_at: Timestamp,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
