//! Contacts: one row a person, at the worst level, with every meeting that explains it.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{CaseRef, Meeting, MeetingKind, MeetingRow, Parameters};
use crate::time::SECOND;

/// Somebody who met a case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Contact {
    pub person_id: Uuid,
    /// 3 (worst), 2 or 1.
    pub level: u8,
    /// In their fixed order: by time.
    pub meetings: Vec<Meeting>,
}

/// What a trace finds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct TraceResult {
    /// Sorted by person.
    pub contacts: Vec<Contact>,
    /// How many more people were met only by visits that the plausibility rules doubt; 0 when those take part.
    pub suspect_only: u64,
}

impl TraceResult {
    /// The number of contacts of a level.
    pub fn count(&self, level: u8) -> usize {
        self.contacts.iter().filter(|c| c.level == level).count()
    }

    pub fn meetings(&self) -> usize {
        self.contacts.iter().map(|c| c.meetings.len()).sum()
    }
}

/// Groups meetings, in any order, into contacts. Meetings with a doubted visit on either side are left out and counted
/// unless the parameters include them.
pub fn contacts(rows: impl IntoIterator<Item = MeetingRow>, params: &Parameters) -> TraceResult {
    let all = rows.into_iter();
    let (mut kept, left_out): (Vec<_>, Vec<_>) =
        all.partition(|row| params.include_suspect || !row.meeting.suspect);
    kept.sort_unstable();
    let mut contacts: Vec<Contact> = Vec::new();
    for MeetingRow { person_id, meeting } in kept {
        match contacts.last_mut() {
            Some(contact) if contact.person_id == person_id => contact.meetings.push(meeting),
            Some(_) | None => contacts.push(Contact { person_id, level: 0, meetings: vec![meeting] }),
        }
    }
    for contact in &mut contacts {
        contact.level = level(&contact.meetings, params);
    }
    let doubted: BTreeSet<Uuid> = left_out.into_iter().map(|row| row.person_id).collect();
    let known = |id: &Uuid| contacts.binary_search_by_key(id, |c| c.person_id).is_ok();
    let suspect_only = doubted.iter().filter(|id| !known(id)).count() as u64;
    TraceResult { contacts, suspect_only }
}

/// The level of a person who had these meetings, of which there is at least one. 3: a long direct meeting (lengths of
/// several are not added), or direct meetings with two cases (a span without a case is none). 2: any other direct
/// meeting, or an after meeting with a small gap indoors. 1: the rest.
pub fn level(meetings: &[Meeting], params: &Parameters) -> u8 {
    let direct = || meetings.iter().filter(|m| m.kind == MeetingKind::Direct);
    let long = direct().any(|m| m.millis >= params.long_direct_seconds * SECOND);
    let cases: BTreeSet<CaseRef> =
        direct().map(|m| m.case).filter(|case| matches!(case, CaseRef::Case(_))).collect();
    let near = |m: &Meeting| m.indoor && m.millis <= params.near_gap_seconds * SECOND;
    if long || cases.len() >= 2 {
        3
    } else if direct().next().is_some() || meetings.iter().any(near) {
        2
    } else {
        1
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::super::meeting::tests::{case, other};
    use super::super::{CaseVisit, meet};
    use super::*;
    use crate::time::{HOUR, Timestamp};

    fn meeting(start: i64, end: i64, change: impl Fn(&mut CaseVisit)) -> Meeting {
        let mut at = CaseVisit { after_ms: 24 * HOUR, ..case(0) };
        change(&mut at);
        meet(&at, &other(start, end, 0), &Parameters::default()).expect("met")
    }

    fn by_case(n: u128) -> impl Fn(&mut CaseVisit) {
        move |visit| visit.case = CaseRef::Case(Uuid::from_u128(n))
    }

    fn as_is(_: &mut CaseVisit) {}

    #[rstest]
    #[case::direct_15_min(vec![meeting(1000, 1900, as_is)], 3)]
    #[case::direct_less_a_second(vec![meeting(1000, 1899, as_is)], 2)]
    #[case::lengths_are_not_added(vec![meeting(1000, 1600, as_is), meeting(1400, 2000, as_is)], 2)]
    #[case::two_cases(vec![meeting(1000, 1060, by_case(7)), meeting(1000, 1060, by_case(8))], 3)]
    #[case::one_case_twice(vec![meeting(1000, 1060, by_case(7)), meeting(1100, 1160, by_case(7))], 2)]
    #[case::two_cases_one_after(vec![meeting(1000, 1060, by_case(7)), meeting(2000, 2060, by_case(8))], 2)]
    #[case::two_spans(
        vec![meeting(1000, 1060, |v| v.case = CaseRef::Span(0)), meeting(1000, 1060, |v| v.case = CaseRef::Span(1))],
        2
    )]
    #[case::gap_1800(vec![meeting(3800, 9000, as_is)], 2)]
    #[case::gap_1801(vec![meeting(3801, 9000, as_is)], 1)]
    #[case::outdoors(vec![meeting(2000, 9000, |v| v.indoor = false)], 1)]
    #[case::the_worst_counts(vec![meeting(3801, 9000, as_is), meeting(1000, 1900, as_is)], 3)]
    fn levels(#[case] meetings: Vec<Meeting>, #[case] expected: u8) {
        assert_eq!(level(&meetings, &Parameters::default()), expected);
    }

    fn row(person: u128, meeting: Meeting) -> MeetingRow {
        MeetingRow { person_id: Uuid::from_u128(person), meeting }
    }

    #[test]
    fn one_row_a_person_with_every_meeting_in_order() {
        let (early, late) = (meeting(1000, 1060, as_is), meeting(1500, 1700, as_is));
        let rows = vec![row(9, late.clone()), row(8, early.clone()), row(9, early.clone())];
        let found = contacts(rows, &Parameters::default());
        let told: Vec<_> =
            found.contacts.iter().map(|c| (c.person_id.as_u128(), c.meetings.clone())).collect();
        assert_eq!(told, [(8, vec![early.clone()]), (9, vec![early, late])]);
        assert_eq!((found.count(2), found.count(3), found.meetings()), (2, 0, 3));
    }

    #[test]
    fn doubted_visits_are_left_out_and_counted() {
        let sure = meeting(1000, 1060, as_is);
        let doubted = Meeting { suspect: true, ..meeting(1000, 2000, as_is) };
        let rows = vec![row(8, sure), row(8, doubted.clone()), row(9, doubted.clone()), row(9, doubted)];
        let found = contacts(rows.clone(), &Parameters::default());
        assert_eq!((found.contacts.len(), found.meetings(), found.suspect_only), (1, 1, 1));
        let all = contacts(rows, &Parameters { include_suspect: true, ..Parameters::default() });
        assert_eq!((all.contacts.len(), all.meetings(), all.suspect_only), (2, 4, 0));
        assert_eq!(all.count(3), 2);
    }

    #[test]
    fn the_same_stretch_met_twice_is_two_meetings() {
        let twice = meeting(1000, 1060, as_is);
        assert_eq!(twice.visit.start, Timestamp::from_secs(1000));
        let found = contacts(vec![row(1, twice.clone()), row(1, twice)], &Parameters::default());
        assert_eq!(found.meetings(), 2);
    }
}
