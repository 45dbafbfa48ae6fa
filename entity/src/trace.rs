//! A trace; frozen once its contacts are written and hashed.

use mashang_domain::time::Timestamp;
use mashang_domain::trace::TraceState;
use sea_orm::entity::prelude::*;

#[derive(Debug, Clone, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "trace")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub division_code: String,
    pub state: TraceState,
    #[sea_orm(column_type = "JsonBinary")]
    pub case_ids: Json,
    #[sea_orm(column_type = "JsonBinary")]
    pub spans: Json,
    #[sea_orm(column_type = "JsonBinary")]
    pub parameters: Json,
    #[sea_orm(column_type = "JsonBinary", nullable)]
    pub counts: Option<Json>,
    #[sea_orm(column_type = "JsonBinary", nullable)]
    pub by_venue: Option<Json>,
    pub sha256: Option<String>,
    pub failure: Option<String>,
    pub created_by: Uuid,
    pub created_at: Timestamp,
    pub frozen_at: Option<Timestamp>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
