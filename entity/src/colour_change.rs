//! A change of a colour by an official, applied or waiting for a second official.

use mashang_domain::health::{Colour, Ground, RequestState};
use mashang_domain::person::Role;
use mashang_domain::time::Timestamp;
use sea_orm::entity::prelude::*;

#[derive(Debug, Clone, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "colour_change")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub person_id: Uuid,
    pub division_code: String,
    /// As stored: one that waits for too long has expired without a word here.
    pub state: RequestState,
    /// The colour when it was asked for.
    pub from_colour: Colour,
    pub to_colour: Colour,
    pub ground: Ground,
    /// Document and note, sealed.
    pub sealed: Vec<u8>,
    pub key_version: i32,
    pub requested_by: Uuid,
    pub requested_role: Role,
    pub requested_at: Timestamp,
    pub expires_at: Timestamp,
    /// The second official; none for a change that was made alone.
    pub decided_by: Option<Uuid>,
    pub decided_at: Option<Timestamp>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
