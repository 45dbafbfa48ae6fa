//! A member of staff.

use mashang_domain::person::Role;
use mashang_domain::time::Timestamp;
use sea_orm::entity::prelude::*;

#[derive(Debug, Clone, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "staff")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub username: String,
    pub password_hash: String,
    pub totp_sealed: Option<Vec<u8>>,
    pub key_version: i32,
    pub totp_last_step: Option<i64>,
    pub role: Role,
    pub division: String,
    pub email_sealed: Option<Vec<u8>>,
    pub email_key_version: Option<i32>,
    pub failures: i32,
    pub locked_until: Option<Timestamp>,
    pub created_at: Timestamp,
    pub disabled_at: Option<Timestamp>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
