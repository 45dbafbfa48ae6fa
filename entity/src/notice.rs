//! What one person is told by one alert.

use mashang_domain::time::Timestamp;
use sea_orm::entity::prelude::*;

#[derive(Debug, Clone, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "notice")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub alert_id: Uuid,
    pub person_id: Uuid,
    pub level: i16,
    pub merged_into: Option<Uuid>,
    pub created_at: Timestamp,
    pub acknowledged_at: Option<Timestamp>,
    pub call_back: bool,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
