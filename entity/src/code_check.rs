//! One check of a code at a gate.

use mashang_domain::health::Colour;
use mashang_domain::time::Timestamp;
use sea_orm::entity::prelude::*;
#[derive(Debug, Clone, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "code_check")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub person_id: Uuid,
    /// Of the code; of a look-up by document the check's own id, since nothing was shown twice.
    pub token_id: Uuid,
    /// Who checked: a member of staff, or a device by the id of its API key.
    pub staff_id: Uuid,
    /// Where, as the guard's device says.
    pub place: Option<String>,
    pub purpose: String,
    pub colour: Colour,
    pub allowed: bool,
    /// Measured temperature in tenths of a degree Celsius.
    pub tenths: Option<i16>,
    pub at: Timestamp,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
