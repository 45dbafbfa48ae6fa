//! A person whom no message reaches, or who asked for a call: somebody has to see to it.

use mashang_domain::alert::work::{WorkReason, WorkResult, WorkState};
use mashang_domain::time::Timestamp;
use sea_orm::entity::prelude::*;

#[derive(Debug, Clone, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "work_item")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub alert_id: Uuid,
    pub notice_id: Uuid,
    pub person_id: Uuid,
    pub level: i16,
    pub reason: WorkReason,
    pub state: WorkState,
    /// Calls that nobody answered.
    pub calls: i32,
    pub result: Option<WorkResult>,
    pub created_at: Timestamp,
    pub taken_by: Option<Uuid>,
    pub taken_at: Option<Timestamp>,
    pub done_at: Option<Timestamp>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
