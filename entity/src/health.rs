//! The present state of a health code. Days are numbers of Asia/Shanghai days since 1970-01-01.

use mashang_domain::health::{Colour, ReminderWay};
use mashang_domain::time::Timestamp;
use sea_orm::entity::prelude::*;
#[derive(Debug, Clone, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "health")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub person_id: Uuid,
    /// What signed codes carry, enciphered.
    pub code_ref: i64,
    pub division_code: String,
    /// The declaration in force.
    pub declaration_id: Option<Uuid>,
    pub colour: Colour,
    pub reason: String,
    pub rule: Option<String>,
    /// The version of the rules that it was last looked at by.
    pub rule_version: i32,
    pub evidence: Option<Uuid>,
    pub since: Timestamp,
    pub days_required: i16,
    pub days_left: i16,
    pub checked_on: Option<i32>,
    pub valid_from: Option<i32>,
    pub last_at: Timestamp,
    /// When it last became lighter: what was known before has been served.
    pub cleared_at: Option<Timestamp>,
    /// The officials who set the present colour by hand.
    pub set_by: Option<Uuid>,
    pub set_second: Option<Uuid>,
    /// The first day on which time alone changes something.
    pub turns_on: Option<i32>,
    pub reminders: ReminderWay,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
