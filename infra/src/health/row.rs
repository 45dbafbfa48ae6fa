//! Between the row of a table and the state that the rules know.

use mashang_domain::health::{Change, HealthState, ReminderWay, RuleSet};
use mashang_domain::person::Actor;
use mashang_domain::time::{Timestamp, day_number, day_of_number};
use mashang_entity::{health, health_change};
use uuid::Uuid;

/// The state in a row.
pub fn state_of(row: &health::Model) -> HealthState {
    let days = |n: i16| u16::try_from(n).unwrap_or(0);
    HealthState {
        colour: row.colour,
        reason: row.reason.clone(),
        rule: row.rule.clone(),
        evidence: row.evidence,
        since: row.since,
        required: days(row.days_required),
        left: days(row.days_left),
        checked_on: row.checked_on.map(day_of_number),
        valid_from: row.valid_from.map(day_of_number),
        last_at: row.last_at,
    }
}

/// The row of somebody of whom nothing is known yet. `code_ref` comes from a random source.
pub(super) fn undeclared(person: Uuid, division: &str, code_ref: i64, at: Timestamp) -> health::Model {
    let state = HealthState::undeclared(at);
    let row = health::Model {
        person_id: person,
        code_ref,
        division_code: division.to_owned(),
        declaration_id: None,
        colour: state.colour,
        reason: String::new(),
        rule: None,
        rule_version: 0,
        evidence: None,
        since: at,
        days_required: 0,
        days_left: 0,
        checked_on: None,
        valid_from: None,
        last_at: at,
        cleared_at: None,
        set_by: None,
        set_second: None,
        turns_on: None,
        reminders: ReminderWay::Sms,
    };
    health::Model { reason: state.reason, ..row }
}

/// Puts a state into its row.
pub(super) fn put_state(row: &mut health::Model, state: &HealthState, rules: &RuleSet) {
    let days = |n: u16| i16::try_from(n).unwrap_or(i16::MAX);
    row.colour = state.colour;
    row.reason.clone_from(&state.reason);
    row.rule.clone_from(&state.rule);
    row.rule_version = i32::try_from(rules.version).unwrap_or(i32::MAX);
    row.evidence = state.evidence;
    row.since = state.since;
    (row.days_required, row.days_left) = (days(state.required), days(state.left));
    row.checked_on = state.checked_on.map(day_number);
    row.valid_from = state.valid_from.map(day_number);
    row.last_at = state.last_at;
    row.turns_on = state.turns_on(rules).map(day_number);
}

/// The entry of the history for a change by `actor`.
pub(super) fn change_row(
    row: &health::Model,
    change: Change,
    actor: &Actor,
    second: Option<Uuid>,
) -> health_change::Model {
    let days = i16::try_from(change.days_left).unwrap_or(i16::MAX);
    health_change::Model {
        id: Uuid::now_v7(),
        person_id: row.person_id,
        division_code: row.division_code.clone(),
        at: change.at,
        kind: change.kind,
        from_colour: change.from,
        to_colour: change.to,
        reason: change.reason,
        rule: change.rule,
        rule_set: change.rule_set,
        rule_version: i32::try_from(change.rule_version).unwrap_or(i32::MAX),
        days_left: days,
        evidence: change.evidence,
        actor_kind: actor.kind().to_owned(),
        actor_id: actor.id(),
        second_id: second,
    }
}
