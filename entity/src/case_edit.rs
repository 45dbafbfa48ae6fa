//! An official's correction of a case's visits.

use mashang_domain::time::Timestamp;
use mashang_domain::trace::EditAction;
use sea_orm::entity::prelude::*;

#[derive(Debug, Clone, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "case_edit")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub case_id: Uuid,
    pub visit_id: Uuid,
    pub action: EditAction,
    pub venue_id: Option<Uuid>,
    pub zone_id: Option<Uuid>,
    pub start_at: Option<Timestamp>,
    pub end_at: Option<Timestamp>,
    pub created_by: Uuid,
    pub created_at: Timestamp,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
