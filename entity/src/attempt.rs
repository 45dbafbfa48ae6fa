//! One call to a gateway, written before the call is made.

use mashang_domain::time::Timestamp;
use sea_orm::entity::prelude::*;

#[derive(Debug, Clone, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "attempt")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub reference: String,
    pub delivery_id: Uuid,
    pub gateway: String,
    pub epoch: i32,
    pub batch: String,
    /// When its provider was last asked what became of it.
    pub asked_at: Option<Timestamp>,
    /// When its provider last said that it knows nothing of it.
    pub denied_at: Option<Timestamp>,
    pub started_at: Timestamp,
    pub finished_at: Option<Timestamp>,
    pub outcome: Option<String>,
    pub code: Option<String>,
    pub provider_id: Option<String>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
