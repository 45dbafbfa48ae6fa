//! A place with codes at its doors.

use mashang_domain::time::Timestamp;
use mashang_domain::venue::{Category, VenueState};
use sea_orm::entity::prelude::*;

#[derive(Debug, Clone, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "venue")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub external_ref: Option<String>,
    pub name: String,
    pub category: Category,
    pub division_code: String,
    pub address: String,
    pub contact_sealed: Option<Vec<u8>>,
    pub key_version: i32,
    pub lat: Option<f64>,
    pub lon: Option<f64>,
    pub indoor: Option<bool>,
    pub state: VenueState,
    pub manager_id: Option<Uuid>,
    pub decided_by: Option<Uuid>,
    pub decided_at: Option<Timestamp>,
    pub decided_reason: Option<String>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
