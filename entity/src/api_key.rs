//! A key by which a gate's device signs in.

use mashang_domain::time::Timestamp;
use sea_orm::entity::prelude::*;

#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "api_key")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// SHA-256 of the secret, which has 256 random bits.
    pub secret_hash: Vec<u8>,
    pub name: String,
    /// Words of [`mashang_domain::person::DeviceScope`], separated by spaces.
    pub scopes: String,
    /// Where the device stands.
    pub place: Option<String>,
    /// GB/T 2260, of the place.
    pub division_code: String,
    pub created_by: Uuid,
    pub created_at: Timestamp,
    pub expires_at: Option<Timestamp>,
    /// To the minute.
    pub last_used_at: Option<Timestamp>,
    pub revoked_at: Option<Timestamp>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
