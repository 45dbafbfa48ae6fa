//! One printed code: its number stands in the token, everything else here.

use mashang_domain::time::Timestamp;
use mashang_domain::venue::Direction;
use sea_orm::entity::prelude::*;

#[derive(Debug, Clone, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "venue_code")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub number: i64,
    pub venue_id: Uuid,
    pub zone_id: Option<Uuid>,
    pub direction: Direction,
    pub version: i32,
    pub created_at: Timestamp,
    pub revoked_at: Option<Timestamp>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
