//! The operation all data belongs to.

use mashang_domain::protection::OperationState;
use mashang_domain::protection::ending::DestructionStep;
use mashang_domain::time::Timestamp;
use sea_orm::entity::prelude::*;

#[derive(Debug, Clone, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "operation")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub name: String,
    pub legal_basis: String,
    pub state: OperationState,
    pub started_at: Timestamp,
    pub end_requested_by: Option<Uuid>,
    pub end_requested_at: Option<Timestamp>,
    pub ended_by: Option<Uuid>,
    pub ended_at: Option<Timestamp>,
    /// The last finished step of the destruction.
    pub destruction_step: Option<DestructionStep>,
    /// What the steps found out so far, for the certificate.
    #[sea_orm(column_type = "JsonBinary", nullable)]
    pub destruction: Option<Json>,
    #[sea_orm(column_type = "JsonBinary", nullable)]
    pub certificate: Option<Json>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
