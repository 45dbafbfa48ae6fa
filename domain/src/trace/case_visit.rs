//! The visits a trace starts from.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Parameters;
use crate::time::Timestamp;
use crate::venue::Visit;

/// A half-open stretch of time, `[start, end)`.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema,
)]
pub struct Span {
    pub start: Timestamp,
    pub end: Timestamp,
}

impl Span {
    pub const fn is_empty(&self) -> bool {
        self.start.0 >= self.end.0
    }

    /// What both have in common; empty when they only touch.
    pub fn cut(&self, other: &Span) -> Span {
        Span { start: self.start.max(other.start), end: self.end.min(other.end) }
    }

    /// Milliseconds from start to end; negative when the end is before the start.
    pub fn millis(&self) -> i64 {
        self.end - self.start
    }
}

/// What a case visit belongs to: a case, or the n-th venue-and-time span of a trace that knows no case.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum CaseRef {
    Case(Uuid),
    Span(u32),
}

/// How a venue's category counts: how long people stay, how long the air keeps it, and whether it is indoors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct VenueRules {
    /// The usual stay, in milliseconds.
    pub dwell_ms: i64,
    /// How long after a case has left somebody who enters is still met, in milliseconds; 0 = not at all.
    pub after_ms: i64,
    pub indoor: bool,
}

/// A visit of an index person, already cut to the infectious window, or a span at a venue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaseVisit {
    pub case: CaseRef,
    /// The index person, who is never in the result; none for a span and for a case without a phone.
    pub person_id: Option<Uuid>,
    /// The in-scan of the visit, or the id under which an official entered it.
    pub visit_id: Option<Uuid>,
    pub venue_id: Uuid,
    pub zone_id: Option<Uuid>,
    pub start: Timestamp,
    pub end: Timestamp,
    /// The usual stay at this venue, in milliseconds: it ends the visits of others there.
    pub dwell_ms: i64,
    /// The after-window of this venue, in milliseconds.
    pub after_ms: i64,
    pub indoor: bool,
    pub suspect: bool,
}

impl CaseVisit {
    pub const fn span(&self) -> Span {
        Span { start: self.start, end: self.end }
    }
}

/// The case visits that a person's own visits make: cut to the infectious window, the empty ones dropped. Two visits
/// cut to the same stretch are still two.
pub fn case_visits(
    case: CaseRef,
    person_id: Option<Uuid>,
    visits: &[Visit],
    window: Span,
    rules: impl Fn(&Uuid) -> VenueRules,
    params: &Parameters,
) -> Vec<CaseVisit> {
    let cut = |visit: &Visit| {
        let span = Span { start: visit.start, end: visit.end }.cut(&window);
        let rules = params.apply(rules(&visit.venue_id));
        (!span.is_empty()).then_some(CaseVisit {
            case,
            person_id,
            visit_id: Some(visit.scan_id),
            venue_id: visit.venue_id,
            zone_id: visit.zone_id,
            start: span.start,
            end: span.end,
            dwell_ms: rules.dwell_ms,
            after_ms: rules.after_ms,
            indoor: rules.indoor,
            suspect: visit.suspect,
        })
    };
    visits.iter().filter_map(cut).collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::time::MINUTE;
    use crate::venue::visit::tests::scans;
    use crate::venue::visits;

    #[rstest]
    #[case::within(0, 10_000, &[(600, 4200)])]
    #[case::cut_on_both_sides(700, 800, &[(700, 800)])]
    #[case::window_ends_at_the_in(0, 600, &[])]
    #[case::window_ends_a_second_later(0, 601, &[(600, 601)])]
    #[case::window_starts_at_the_out(4200, 9000, &[])]
    #[case::window_starts_a_second_before(4199, 9000, &[(4199, 4200)])]
    fn cut_to_the_window(#[case] start: i64, #[case] end: i64, #[case] expected: &[(i64, i64)]) {
        let own = visits(&scans("A+600"), |_| 60 * MINUTE);
        let window = Span { start: Timestamp::from_secs(start), end: Timestamp::from_secs(end) };
        let rules = VenueRules { dwell_ms: 60 * MINUTE, after_ms: 30 * MINUTE, indoor: true };
        let case = CaseRef::Case(Uuid::nil());
        let made = case_visits(case, None, &own, window, |_| rules, &Parameters::default());
        assert_eq!(made.iter().map(|c| (c.start.secs(), c.end.secs())).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn overlapping_visits_stay_two() {
        let own = visits(&scans("A+0 A+600"), |_| 60 * MINUTE);
        let window = Span { start: Timestamp::from_secs(1000), end: Timestamp::from_secs(2000) };
        let rules = VenueRules { dwell_ms: 0, after_ms: 0, indoor: true };
        let made = case_visits(CaseRef::Span(0), None, &own, window, |_| rules, &Parameters::default());
        assert_eq!(made.len(), 2);
        assert_eq!(made[0].span(), made[1].span());
    }
}
