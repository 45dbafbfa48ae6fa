//! An entry of the history of a health code; never changed.

use mashang_domain::health::{ChangeKind, Colour};
use mashang_domain::time::Timestamp;
use sea_orm::entity::prelude::*;
#[derive(Debug, Clone, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "health_change")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub person_id: Uuid,
    pub division_code: String,
    pub at: Timestamp,
    pub kind: ChangeKind,
    pub from_colour: Colour,
    pub to_colour: Colour,
    pub reason: String,
    pub rule: Option<String>,
    pub rule_set: String,
    pub rule_version: i32,
    pub days_left: i16,
    pub evidence: Option<Uuid>,
    pub actor_kind: String,
    pub actor_id: String,
    /// The second official of a change by hand.
    pub second_id: Option<Uuid>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
