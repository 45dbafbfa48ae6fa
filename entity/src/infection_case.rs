//! An index person with an infectious window `[window_start, window_end)`.

use mashang_domain::time::Timestamp;
use sea_orm::entity::prelude::*;

#[derive(Debug, Clone, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "infection_case")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub person_id: Uuid,
    pub division_code: String,
    pub reported_at: Timestamp,
    pub onset_at: Option<Timestamp>,
    pub positive_at: Option<Timestamp>,
    pub isolated_at: Option<Timestamp>,
    pub window_start: Timestamp,
    pub window_end: Timestamp,
    pub note_sealed: Option<Vec<u8>>,
    pub key_version: i32,
    pub created_by: Uuid,
    pub created_at: Timestamp,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
