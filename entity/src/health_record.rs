//! An entry of an official list: whom it names, by keyed hashes and sealed, and from which day on.

use mashang_domain::health::RecordKind;
use mashang_domain::time::Timestamp;
use sea_orm::entity::prelude::*;

#[derive(Debug, Clone, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "health_record")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub import_id: Uuid,
    pub kind: RecordKind,
    pub division_code: String,
    /// Keyed digest of kind, document, number and day.
    pub digest: Vec<u8>,
    pub identity_hash: Option<Vec<u8>>,
    pub phone_hash: Option<Vec<u8>>,
    pub day: i32,
    /// The last day of a quarantine.
    pub ends_on: Option<i32>,
    /// When its end was applied to those it fits.
    pub completed_at: Option<Timestamp>,
    /// Document, number and name, for who has to look at an appeal.
    pub sealed: Vec<u8>,
    pub key_version: i32,
    pub created_at: Timestamp,
    pub withdrawn_at: Option<Timestamp>,
    pub withdrawn_by: Option<Uuid>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
