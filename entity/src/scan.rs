//! A scan, in whole seconds. On PostgreSQL the table is partitioned by day and its key is (id, at).

use mashang_domain::time::Timestamp;
use mashang_domain::venue::{Direction, ScanSource};
use sea_orm::entity::prelude::*;

#[derive(Debug, Clone, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "scan")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub person_id: Uuid,
    pub venue_id: Uuid,
    pub zone_id: Option<Uuid>,
    pub direction: Direction,
    pub at: Timestamp,
    pub client_at: Option<Timestamp>,
    pub received_at: Timestamp,
    pub companions: i16,
    pub suspect: bool,
    pub suspect_reason: Option<String>,
    pub repeat: bool,
    pub source: ScanSource,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
