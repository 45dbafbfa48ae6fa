//! An entry of the integrity record; never changed: what lifts one is an entry of its own.

use mashang_domain::health::IntegrityKind;
use mashang_domain::time::Timestamp;
use sea_orm::entity::prelude::*;
#[derive(Debug, Clone, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "integrity_record")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub person_id: Uuid,
    pub division_code: String,
    pub kind: IntegrityKind,
    /// The entry that this one lifts.
    pub refers_to: Option<Uuid>,
    pub rule: String,
    pub declaration_id: Option<Uuid>,
    pub evidence: Uuid,
    pub actor_kind: String,
    pub actor_id: String,
    pub at: Timestamp,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
