//! A division that was declared a key area, with its days.

use mashang_domain::time::Timestamp;
use sea_orm::entity::prelude::*;

#[derive(Debug, Clone, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "key_area")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub import_id: Uuid,
    /// Whose list it is.
    pub division_code: String,
    /// The code of the area.
    pub area: String,
    pub from_day: i32,
    /// None: until further notice.
    pub until_day: Option<i32>,
    pub created_at: Timestamp,
    pub withdrawn_at: Option<Timestamp>,
    pub withdrawn_by: Option<Uuid>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
