//! The invariants of dispatch, each over both sides of what happened.

use std::collections::{HashMap, HashSet};

use mashang_domain::delivery::{Channel, DeliveryState};
use mashang_domain::time::Timestamp;
use uuid::Uuid;

use super::checker::Expected;
use super::stage::LEASE;
use super::told::{Told, e164};
use crate::report::Report;

/// I3.
pub(super) fn ended(report: &mut Report, told: &Told, expected: Expected) {
    let open = told
        .in_state(|s| matches!(s, DeliveryState::Pending | DeliveryState::Sending | DeliveryState::Unknown));
    let reached = told.in_state(|s| matches!(s, DeliveryState::Accepted | DeliveryState::Delivered));
    let given_up: Vec<_> = told
        .deliveries
        .iter()
        .filter(|d| d.state.is_final() && d.state != DeliveryState::Delivered)
        .collect();
    let without_reason = given_up.iter().filter(|d| d.code.as_deref().unwrap_or_default().is_empty()).count();
    let mut reasons: HashMap<&str, usize> = HashMap::new();
    for code in given_up.iter().filter_map(|d| d.code.as_deref()) {
        *reasons.entry(code).or_default() += 1;
    }
    let mut reasons: Vec<_> = reasons.into_iter().map(|(code, n)| format!("{n} {code}")).collect();
    reasons.sort_unstable();
    let reasons = if reasons.is_empty() { "none given up".to_owned() } else { reasons.join(", ") };
    let figure = format!(
        "{reached} accepted or delivered, {reasons}; {open} left open, {without_reason} without a reason"
    );
    let holds = open == 0 && without_reason == 0 && !told.deliveries.is_empty();
    report.line("I3", "every delivery came to an end", figure, holds);
    if expected.spoilt > 0 {
        let seen = told.deliveries.iter().filter(|d| d.code.as_deref() == Some("unreadable")).count();
        let figure = format!("{seen} of {} put aside", expected.spoilt);
        report.line("I3", "what cannot be read is put aside", figure, seen == expected.spoilt);
    }
}

/// I4: by the providers' own books, not by ours.
pub(super) fn nobody_missing(report: &mut Report, told: &Told, exposed: &[String]) {
    let listed: HashSet<Uuid> = told.listed.iter().map(|item| item.person_id).collect();
    let noticed: HashSet<Uuid> = told.notices.iter().map(|n| n.person_id).collect();
    let (mut missing, mut by_list) = (0, 0);
    for phone in exposed.iter().map(|phone| e164(phone)) {
        if told.messages.contains_key(&phone) {
            continue;
        }
        let is_listed = told.people.get(&phone).is_some_and(|id| listed.contains(id));
        by_list += usize::from(is_listed);
        missing += usize::from(!is_listed);
    }
    // Whose row is gone has no number any more; the list knows them by their id.
    let known: HashSet<Uuid> = told.people.values().copied().collect();
    let gone = listed.iter().filter(|id| !known.contains(id)).count();
    let missing = missing - gone.min(missing);
    let claimed = claimed_only(told);
    let figure = format!(
        "{} exposed, {} told, {} listed, {missing} missing, {claimed} told only by our own books, {} notices",
        exposed.len(),
        told.messages.len(),
        by_list + gone,
        noticed.len(),
    );
    report.line(
        "I4",
        "nobody is missing",
        figure,
        missing == 0 && claimed == 0 && noticed.len() == exposed.len(),
    );
}

/// Deliveries that we call accepted and no provider has taken.
fn claimed_only(told: &Told) -> usize {
    let phones: HashMap<Uuid, &String> = told.people.iter().map(|(phone, id)| (*id, phone)).collect();
    let reached = told
        .deliveries
        .iter()
        .filter(|d| matches!(d.state, DeliveryState::Accepted | DeliveryState::Delivered));
    let unknown = |d: &&mashang_entity::delivery::Model| {
        let phone = d.person_id.and_then(|id| phones.get(&id));
        phone.is_some_and(|phone| told.count(phone, d.channel == Channel::Voice) == 0)
    };
    reached.filter(unknown).count()
}

/// I5.
pub(super) fn once(report: &mut Report, told: &Told, exposed: &[String], expected: Expected) {
    let mut counted: HashMap<(Uuid, bool), usize> = HashMap::new();
    for delivery in &told.deliveries {
        let Some(person) = delivery.person_id else { continue };
        let resent = usize::try_from(delivery.possible_duplicates).unwrap_or_default();
        *counted.entry((person, delivery.channel == Channel::Voice)).or_default() += resent;
    }
    let (mut extra, mut uncounted) = (0, 0);
    for phone in exposed.iter().map(|phone| e164(phone)) {
        for voice in [false, true] {
            let more = told.count(&phone, voice).saturating_sub(1);
            let allowed =
                told.people.get(&phone).and_then(|id| counted.get(&(*id, voice))).copied().unwrap_or(0);
            extra += more;
            uncounted += more.saturating_sub(allowed);
        }
    }
    let resent: usize = counted.values().sum();
    let lost = told
        .attempts
        .values()
        .flatten()
        .filter(|a| a.outcome.as_deref().is_none_or(|o| o == "unknown"))
        .count();
    let figure = format!(
        "{extra} extra messages, {uncounted} of them not counted; {resent} resent of {lost} unresolved answers"
    );
    let holds = uncounted == 0 && extra <= lost && (expected.blind || extra == 0);
    report.line("I5", "nobody is told twice", figure, holds);
    if !expected.blind {
        told_twice(report, told, exposed);
    }
    let late = after_their_lease(told);
    report.line("I5", "no call begins without its lease", format!("{late} late calls"), late == 0);
}

/// How it came about, for the first few.
fn told_twice(report: &Report, told: &Told, exposed: &[String]) {
    let twice = exposed.iter().map(|phone| e164(phone)).filter(|phone| told.count(phone, false) > 1).take(3);
    for phone in twice {
        let taken: Vec<i64> =
            told.messages.get(&phone).into_iter().flatten().map(|m| m.at.millis()).collect();
        report.note(&format!("told twice, at {taken:?}:"));
        let deliveries = told.deliveries.iter().filter(|d| d.person_id == told.people.get(&phone).copied());
        for a in deliveries.filter_map(|d| told.attempts.get(&d.id)).flatten() {
            let millis = |at: Option<Timestamp>| at.map(Timestamp::millis);
            report.note(&format!(
                "   epoch {} began {}, ended {:?}, {:?}, asked {:?}, denied {:?}",
                a.epoch,
                a.started_at.millis(),
                millis(a.finished_at),
                a.outcome,
                millis(a.asked_at),
                millis(a.denied_at),
            ));
        }
    }
}

/// Messages that a provider took when the lease of their attempt had ended.
fn after_their_lease(told: &Told) -> usize {
    let lease = i64::try_from(LEASE.as_millis()).unwrap_or(i64::MAX);
    let mut began: HashMap<&str, Timestamp> = HashMap::new();
    for attempt in told.attempts.values().flatten() {
        let last = began.entry(attempt.batch.as_str()).or_insert(attempt.started_at);
        *last = (*last).max(attempt.started_at);
    }
    let late = |m: &&mashang_tests::fake_provider::Accepted| {
        began.get(m.reference.as_str()).is_some_and(|at| m.at > *at + lease)
    };
    told.messages.values().flatten().filter(late).count()
}

/// I6.
pub(super) fn nobody_else(report: &mut Report, told: &Told, exposed: &[String]) {
    let wanted: HashSet<String> = exposed.iter().map(|phone| e164(phone)).collect();
    let strangers = told.messages.keys().filter(|phone| !wanted.contains(*phone)).count();
    let wrong =
        told.messages.values().flatten().filter(|m| !m.template.is_empty() && m.template != "T_3").count();
    let figure = format!("{strangers} strangers told, {wrong} messages with another text");
    report.line("I6", "nobody else is told, nor anything else", figure, strangers + wrong == 0);
}
