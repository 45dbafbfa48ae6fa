//! An appeal of a citizen against a colour, with what was answered.

use mashang_domain::health::Colour;
use mashang_domain::health::appeal::AppealState;
use mashang_domain::time::Timestamp;
use sea_orm::entity::prelude::*;

#[derive(Debug, Clone, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "appeal")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub person_id: Uuid,
    pub division_code: String,
    pub state: AppealState,
    /// The colour that is appealed against, its reason, since when, and what it rested on.
    pub colour: Colour,
    pub reason: String,
    pub since: Timestamp,
    pub evidence: Option<Uuid>,
    /// Text and documents, sealed.
    pub sealed: Vec<u8>,
    pub key_version: i32,
    pub filed_at: Timestamp,
    pub due_at: Timestamp,
    /// The official who decided; none for one that was withdrawn.
    pub decided_by: Option<Uuid>,
    pub decided_at: Option<Timestamp>,
    /// The colour that it led to.
    pub to_colour: Option<Colour>,
    /// The reason of the decision, sealed.
    pub answer_sealed: Option<Vec<u8>>,
    pub answer_key_version: Option<i32>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
