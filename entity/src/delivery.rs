//! One rung of the ladder for one notice, one login code, or the summary of an alert for one official, on its way.

use mashang_domain::delivery::{Channel, DeliveryState, RungKind};
use mashang_domain::time::Timestamp;
use sea_orm::entity::prelude::*;

#[derive(Debug, Clone, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "delivery")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub alert_id: Option<Uuid>,
    pub notice_id: Option<Uuid>,
    pub login_id: Option<Uuid>,
    pub person_id: Option<Uuid>,
    /// The member of staff it is for, in place of a person.
    pub staff_id: Option<Uuid>,
    pub level: i16,
    pub rung: i16,
    pub rung_kind: RungKind,
    pub channel: Channel,
    pub template_key: String,
    #[sea_orm(column_type = "JsonBinary")]
    pub variables: Json,
    pub urgent: bool,
    pub drill: bool,
    pub state: DeliveryState,
    pub due_at: Timestamp,
    pub expires_at: Timestamp,
    pub tries: i32,
    pub epoch: i32,
    pub lease_owner: Option<Uuid>,
    pub lease_until: Option<Timestamp>,
    pub gateway: Option<String>,
    /// The provider's id of the newest accepted attempt, where a receipt may name nothing else.
    pub provider_id: Option<String>,
    pub code: Option<String>,
    pub possible_duplicates: i32,
    pub created_at: Timestamp,
    pub accepted_at: Option<Timestamp>,
    pub settled_at: Option<Timestamp>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
