//! The colour machine: one event, one step.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::work::Work;
use super::{
    Authorised, ChangeKind, Colour, Event, Fact, HealthState, Outcome, Reason, Refused, Review, RuleSet,
    Symptom, Temperature,
};
use crate::time::Timestamp;

/// The state after `event` at `now`, or why it changes nothing. Days that passed since the last event are settled first,
/// so that nothing rests on a job that runs every night.
pub fn apply(
    state: &HealthState,
    event: &Event,
    rules: &RuleSet,
    now: Timestamp,
) -> Result<Outcome, Refused> {
    let mut work = Work::begin(state, rules, now);
    let kind = event.kind();
    match event {
        Event::Declared { facts, declaration } => declare(&mut work, rules, facts, *declaration)?,
        Event::Combined { facts, evidence } => work.meet(kind, facts, *evidence),
        Event::Reviewed { facts, because } => review(&mut work, rules, facts, *because)?,
        Event::Matched { kind: list, record } => work.meet(kind, &BTreeSet::from([list.fact()]), *record),
        Event::Contradicted { record } => {
            work.meet(kind, &BTreeSet::from([Fact::FalseDeclaration]), *record);
        }
        Event::Notice { level, notice } => work.meet(kind, &notice_facts(*level), *notice),
        Event::GateTemperature { temperature, gate_event } => {
            if *temperature >= rules.fever {
                work.observe(kind, Fact::GateFever, *gate_event);
            }
        }
        Event::CheckIn { symptoms, temperature, check_in } => {
            let normal = is_normal(symptoms, *temperature, rules.fever);
            check_in_day(&mut work, rules, normal, *check_in)?;
        }
        Event::DayTurned => {}
        Event::QuarantineCompleted { record } => end_quarantine(&mut work, rules, *record)?,
        Event::Released { decision } => release(&mut work, *decision)?,
        Event::Manual(change) => set_colour(&mut work, change)?,
        Event::AppealGranted { to, appeal } => grant(&mut work, *to, *appeal)?,
    }
    Ok(work.done())
}

/// The state as it is at `now`, for whoever shows it: missed days and expiry settled, nothing else.
pub fn as_of(state: &HealthState, rules: &RuleSet, now: Timestamp) -> HealthState {
    Work::begin(state, rules, now).done().state
}

/// Whether a check-in reports neither a symptom nor a fever.
pub fn is_normal(symptoms: &BTreeSet<Symptom>, temperature: Option<Temperature>, fever: Temperature) -> bool {
    symptoms.is_empty() && temperature.is_none_or(|t| t < fever)
}

fn notice_facts(level: u8) -> BTreeSet<Fact> {
    let fact = match level {
        0 => None,
        1 => Some(Fact::NoticeLevel1),
        2 => Some(Fact::NoticeLevel2),
        _ => Some(Fact::NoticeLevel3),
    };
    fact.into_iter().collect()
}

fn declare(
    work: &mut Work<'_>,
    rules: &RuleSet,
    facts: &BTreeSet<Fact>,
    declaration: Uuid,
) -> Result<(), Refused> {
    let mut facts = facts.clone();
    facts.insert(Fact::Declared);
    let restricts = rules.winner(&facts).is_some_and(|(_, rule)| rule.colour >= Colour::Yellow);
    if !restricts {
        work.lightens()?;
    }
    work.state.valid_from = Some(work.today);
    work.meet(ChangeKind::Declaration, &facts, declaration);
    Ok(())
}

fn check_in_day(work: &mut Work<'_>, rules: &RuleSet, normal: bool, check_in: Uuid) -> Result<(), Refused> {
    if !normal {
        work.extend_validity();
        work.observe(ChangeKind::CheckIn, Fact::CheckInAbnormal, check_in);
        return Ok(());
    }
    work.lightens()?;
    if work.state.colour == Colour::Grey {
        return Err(Refused::NotDeclared);
    }
    work.extend_validity();
    if work.state.checked_on == Some(work.today) {
        return Ok(());
    }
    work.state.checked_on = Some(work.today);
    let waited = work.state.awaits_release();
    work.state.left = work.state.left.saturating_sub(1);
    let released_by_rule = !(waited && rules.red_release_needs_approval);
    if work.state.awaits_release() && released_by_rule {
        work.finish(ChangeKind::CheckIn, Some(check_in));
    }
    Ok(())
}

/// What the rules ask for now. Lighter than at present only where the colour rests on a rule: a decision by a person stands,
/// and a taken-back warning lightens the colour that came of it alone.
fn review(
    work: &mut Work<'_>,
    rules: &RuleSet,
    facts: &BTreeSet<Fact>,
    because: Review,
) -> Result<(), Refused> {
    let state = &work.state;
    let rests = state.is_restricted() && state.rule.is_some();
    let (reason, evidence, concerned) = match because {
        Review::RulesChanged { evidence } => (Reason::RulesChanged, evidence, true),
        Review::Withdrawn { evidence } => (Reason::Withdrawn, evidence, state.evidence == Some(evidence)),
    };
    let found = rules.winner(facts).map(|(_, rule)| rule);
    let colour = found.map_or(Colour::Green, |rule| rule.colour.max(Colour::Green));
    if rests && concerned && colour < state.colour {
        work.lightens()?;
        work.turn(ChangeKind::Review, colour, reason, Some(evidence));
        if let Some(rule) = found.filter(|_| work.state.is_restricted()) {
            work.rest_on(rule);
        }
    } else if colour > state.colour && colour > Colour::Green {
        work.meet(ChangeKind::Review, facts, evidence);
    }
    Ok(())
}

fn end_quarantine(work: &mut Work<'_>, rules: &RuleSet, record: Uuid) -> Result<(), Refused> {
    work.lightens()?;
    let rule = work.state.rule.as_deref().and_then(|id| rules.rule(id));
    if !work.state.is_restricted() || !rule.is_some_and(|(_, rule)| rule.quarantine_ends) {
        return Err(Refused::NotByQuarantine);
    }
    if work.state.left > 0 {
        work.state.left = 0;
        let colour = work.state.colour;
        work.note(ChangeKind::Quarantine, colour, Reason::QuarantineCompleted.as_str(), Some(record));
        work.finish(ChangeKind::Quarantine, Some(record));
    }
    Ok(())
}

fn release(work: &mut Work<'_>, decision: Uuid) -> Result<(), Refused> {
    work.lightens()?;
    match (work.state.colour, work.state.left) {
        (Colour::Red, 0) => {
            work.turn(ChangeKind::Release, Colour::Green, Reason::Released, Some(decision));
            Ok(())
        }
        (Colour::Red, left) => Err(Refused::DaysLeft { left }),
        (Colour::Grey | Colour::Green | Colour::Yellow, _) => Err(Refused::NotRed),
    }
}

fn set_colour(work: &mut Work<'_>, change: &Authorised) -> Result<(), Refused> {
    let (from, to) = (work.state.colour, change.to());
    change.change().fits(from)?;
    if to < from {
        work.lightens()?;
    }
    work.turn(ChangeKind::Manual, to, Reason::Manual, Some(change.decision()));
    Ok(())
}

fn grant(work: &mut Work<'_>, to: Colour, appeal: Uuid) -> Result<(), Refused> {
    work.lightens()?;
    let lighter = work.state.is_restricted() && to < work.state.colour;
    if to == Colour::Grey || !lighter {
        return Err(Refused::WrongColour);
    }
    work.turn(ChangeKind::Appeal, to, Reason::AppealGranted, Some(appeal));
    Ok(())
}
