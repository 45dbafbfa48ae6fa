//! A warning to the people of one trace, or the correction of one.

use mashang_domain::alert::{AlertKind, AlertState};
use mashang_domain::time::Timestamp;
use sea_orm::entity::prelude::*;

#[derive(Debug, Clone, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "alert")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub kind: AlertKind,
    pub corrects: Option<Uuid>,
    pub trace_id: Uuid,
    pub trace_sha256: String,
    #[sea_orm(column_type = "JsonBinary")]
    pub templates: Json,
    #[sea_orm(column_type = "JsonBinary")]
    pub levels: Json,
    pub urgent: bool,
    pub drill: bool,
    pub state: AlertState,
    pub division_code: String,
    pub created_by: Uuid,
    pub created_at: Timestamp,
    pub submitted_by: Option<Uuid>,
    pub submitted_at: Option<Timestamp>,
    /// The first of two approvers, when an alert is so large that it needs two.
    pub first_approver: Option<Uuid>,
    pub decided_by: Option<Uuid>,
    pub decided_at: Option<Timestamp>,
    pub reason: Option<String>,
    pub expires_at: Option<Timestamp>,
    pub fanned_out_at: Option<Timestamp>,
    pub cancelled_at: Option<Timestamp>,
    pub done_at: Option<Timestamp>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
