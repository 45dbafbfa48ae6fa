//! A gateway that some notifier uses, and whether an operator has paused it.

use mashang_domain::delivery::Channel;
use mashang_domain::time::Timestamp;
use sea_orm::entity::prelude::*;

#[derive(Debug, Clone, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "gateway")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub name: String,
    pub channel: Channel,
    /// When a notifier last said that it uses it.
    pub seen_at: Timestamp,
    pub paused_at: Option<Timestamp>,
    pub paused_by: Option<Uuid>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
