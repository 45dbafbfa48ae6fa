//! The trace in plain loops: every case visit against every visit of everybody.
//!
//! Slow and obviously right. The stores' SQL must give the same result on every field; nothing else uses this.

use std::collections::HashSet;

use uuid::Uuid;

use super::{CaseVisit, MeetingRow, Parameters, TraceResult, contacts, meet};
use crate::venue::{ScanPoint, visits};

/// Somebody and their recorded scans, in any order.
#[derive(Debug, Clone)]
pub struct Person {
    pub id: Uuid,
    pub scans: Vec<ScanPoint>,
}

/// Who met the case visits, among these people. The index persons of all case visits are never in the result.
pub fn trace(world: &[Person], case_visits: &[CaseVisit], params: &Parameters) -> TraceResult {
    let index: HashSet<Uuid> = case_visits.iter().filter_map(|case| case.person_id).collect();
    let mut rows = Vec::new();
    for case in case_visits {
        for person in world.iter().filter(|person| !index.contains(&person.id)) {
            for visit in visits(&person.scans, |_| case.dwell_ms) {
                let met = meet(case, &visit, params);
                rows.extend(met.map(|meeting| MeetingRow { person_id: person.id, meeting }));
            }
        }
    }
    contacts(rows, params)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{CaseRef, MeetingKind, Span, VenueRules, case_visits};
    use super::*;
    use crate::time::{SECOND, Timestamp};
    use crate::venue::visit::tests::any_scans;

    fn any_world() -> impl Strategy<Value = Vec<Person>> {
        proptest::collection::vec(any_scans(), 2..6).prop_map(|all| {
            let person = |(i, scans): (usize, Vec<ScanPoint>)| {
                let own = |scan: ScanPoint| ScanPoint {
                    id: Uuid::from_u128(i as u128 * 100 + scan.id.as_u128()),
                    ..scan
                };
                Person { id: Uuid::from_u128(i as u128), scans: scans.into_iter().map(own).collect() }
            };
            all.into_iter().enumerate().map(person).collect()
        })
    }

    /// The visits of the first person of the world, in seconds 100..700, as those of a case.
    fn first(world: &[Person], dwell_s: i64, after_s: i64) -> Vec<CaseVisit> {
        let rules = VenueRules { dwell_ms: dwell_s * SECOND, after_ms: after_s * SECOND, indoor: true };
        let window = Span { start: Timestamp::from_secs(100), end: Timestamp::from_secs(700) };
        let own = visits(&world[0].scans, |_| rules.dwell_ms);
        let case = CaseRef::Case(Uuid::from_u128(1));
        case_visits(case, Some(world[0].id), &own, window, |_| rules, &Parameters::default())
    }

    fn keys(result: &TraceResult) -> HashSet<(Uuid, Uuid, Option<Uuid>, MeetingKind)> {
        let of = |m: &super::super::Meeting| (m.scan_id, m.case_visit_id, m.kind);
        let meetings =
            result.contacts.iter().flat_map(|c| c.meetings.iter().map(move |m| (c.person_id, of(m))));
        meetings.map(|(person, (scan, case, kind))| (person, scan, case, kind)).collect()
    }

    proptest! {
        #[test]
        fn insertion_order_plays_no_part(world in any_world(), seed in any::<u64>(), dwell in 1..900i64, after in 0..900i64) {
            let mut other = world.clone();
            for person in &mut other {
                person.scans.sort_by_key(|s| s.id.as_u128().wrapping_mul(u128::from(seed | 1)) % 1009);
            }
            let cases = first(&world, dwell, after);
            prop_assert_eq!(&cases, &first(&other, dwell, after));
            let mut backwards = cases.clone();
            backwards.reverse();
            other.reverse();
            let params = Parameters::default();
            prop_assert_eq!(trace(&world, &cases, &params), trace(&other, &backwards, &params));
        }

        #[test]
        fn a_longer_after_window_only_adds(world in any_world(), dwell in 1..900i64, after in 0..900i64, more in 0..900i64) {
            let params = Parameters { near_gap_seconds: 300, ..Parameters::default() };
            let short = trace(&world, &first(&world, dwell, after), &params);
            let long = trace(&world, &first(&world, dwell, after + more), &params);
            prop_assert!(keys(&short).is_subset(&keys(&long)));
            for contact in &short.contacts {
                let same = long.contacts.iter().find(|c| c.person_id == contact.person_id);
                prop_assert!(same.is_some_and(|c| c.level >= contact.level));
            }
        }

        #[test]
        fn the_case_is_never_in_its_own_result(world in any_world(), dwell in 1..900i64, after in 0..900i64) {
            let found = trace(&world, &first(&world, dwell, after), &Parameters::default());
            prop_assert!(found.contacts.iter().all(|c| c.person_id != world[0].id));
        }

        #[test]
        fn meetings_are_half_open(world in any_world(), dwell in 1..900i64, after in 0..900i64) {
            let found = trace(&world, &first(&world, dwell, after), &Parameters::default());
            for m in found.contacts.iter().flat_map(|c| &c.meetings) {
                prop_assert!(!m.visit.is_empty());
                match m.kind {
                    MeetingKind::Direct => prop_assert!(m.millis >= 60 * SECOND),
                    MeetingKind::After => {
                        prop_assert!(m.millis < after * SECOND && m.visit.end > m.case_visit.end);
                    }
                }
            }
        }
    }
}
