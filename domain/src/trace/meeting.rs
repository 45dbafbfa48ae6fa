//! Meetings: what it takes for two visits at one venue to be one, and of which kind.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{CaseRef, CaseVisit, Parameters, Span};
use crate::time::Timestamp;
use crate::venue::{OutSource, Visit};

crate::macros::words! {
    /// Whether two people were there together, or one came, or stayed, after the case had left.
    MeetingKind { Direct = "direct", After = "after" }
}

/// A case visit and a visit of somebody else at the same venue. Meetings sort by time first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Meeting {
    /// The other person's visit, not cut.
    pub visit: Span,
    pub venue_id: Uuid,
    /// The zone of the other person's visit; none for the venue's own code.
    pub zone_id: Option<Uuid>,
    /// The in-scan of the other person's visit.
    pub scan_id: Uuid,
    pub out_source: OutSource,
    pub case: CaseRef,
    /// The case's visit, cut to the infectious window.
    pub case_visit: Span,
    pub case_visit_id: Option<Uuid>,
    pub kind: MeetingKind,
    /// Direct: how long both were there; after: the gap between the case leaving and the other coming. Milliseconds.
    pub millis: i64,
    /// Whether the venue's category is indoors.
    pub indoor: bool,
    /// Whether either of the two visits is doubted.
    pub suspect: bool,
}

impl Meeting {
    /// When the two met: both there, or the other there after the case.
    pub fn at(&self) -> Timestamp {
        match self.kind {
            MeetingKind::Direct => self.visit.start.max(self.case_visit.start),
            MeetingKind::After => self.visit.start.max(self.case_visit.end),
        }
    }
}

/// A meeting and who it is that met the case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct MeetingRow {
    pub person_id: Uuid,
    pub meeting: Meeting,
}

/// The meeting of a case visit and somebody else's visit, if it is one. Half-open everywhere: who leaves in the second
/// in which the case comes, or enters at the very end of the after-window, is not met. An empty visit meets nobody.
pub fn meet(case: &CaseVisit, visit: &Visit, params: &Parameters) -> Option<Meeting> {
    let span = Span { start: visit.start, end: visit.end };
    if !same_place(case, visit) || span.is_empty() {
        return None;
    }
    let (kind, millis) = kind(case, span, params)?;
    Some(Meeting {
        visit: span,
        venue_id: visit.venue_id,
        zone_id: visit.zone_id,
        scan_id: visit.scan_id,
        out_source: visit.out_source,
        case: case.case,
        case_visit: case.span(),
        case_visit_id: case.visit_id,
        kind,
        millis,
        indoor: case.indoor,
        suspect: case.suspect || visit.suspect,
    })
}

/// Zones: a visit to a zone meets visits to the same zone and to the venue's own code.
fn same_place(case: &CaseVisit, visit: &Visit) -> bool {
    let zones = (case.zone_id, visit.zone_id);
    case.venue_id == visit.venue_id && (zones.0.is_none() || zones.1.is_none() || zones.0 == zones.1)
}

/// The kind of a meeting and its length or gap in milliseconds.
fn kind(case: &CaseVisit, visit: Span, params: &Parameters) -> Option<(MeetingKind, i64)> {
    let overlap = visit.cut(&case.span()).millis();
    if overlap >= params.min_overlap_ms() {
        return Some((MeetingKind::Direct, overlap));
    }
    let after = case.after_ms > 0 && visit.start < case.end + case.after_ms && visit.end > case.end;
    after.then(|| (MeetingKind::After, (visit.start - case.end).max(0)))
}

#[cfg(test)]
pub(crate) mod tests {
    use rstest::rstest;

    use super::*;
    use crate::time::{MINUTE, SECOND};

    /// A case that was at the venue in seconds 1000..2000, in the given zone; 30 min after-window.
    pub(crate) fn case(zone: u128) -> CaseVisit {
        CaseVisit {
            case: CaseRef::Case(Uuid::from_u128(1)),
            person_id: Some(Uuid::from_u128(2)),
            visit_id: Some(Uuid::from_u128(3)),
            venue_id: Uuid::from_u128(4),
            zone_id: (zone > 0).then(|| Uuid::from_u128(zone)),
            start: Timestamp::from_secs(1000),
            end: Timestamp::from_secs(2000),
            dwell_ms: 60 * MINUTE,
            after_ms: 30 * MINUTE,
            indoor: true,
            suspect: false,
        }
    }

    pub(crate) fn other(start: i64, end: i64, zone: u128) -> Visit {
        Visit {
            scan_id: Uuid::from_u128(5),
            venue_id: Uuid::from_u128(4),
            zone_id: (zone > 0).then(|| Uuid::from_u128(zone)),
            start: Timestamp::from_secs(start),
            end: Timestamp::from_secs(end),
            out_source: OutSource::Scan,
            suspect: false,
        }
    }

    #[rstest]
    #[case::together(1100, 1500, Some((MeetingKind::Direct, 400)))]
    #[case::around_the_case(0, 9000, Some((MeetingKind::Direct, 1000)))]
    #[case::overlap_60_s_before(500, 1060, Some((MeetingKind::Direct, 60)))]
    #[case::overlap_59_s_and_gone(500, 1059, None)]
    #[case::touching_the_start(500, 1000, None)]
    #[case::overlap_60_s_at_the_end(1940, 2600, Some((MeetingKind::Direct, 60)))]
    #[case::overlap_59_s_and_still_there(1941, 2600, Some((MeetingKind::After, 0)))]
    #[case::left_in_the_very_second(1941, 2000, None)]
    #[case::enters_in_the_very_second(2000, 2600, Some((MeetingKind::After, 0)))]
    #[case::gap_1800_less_a_second(2000 + 1799, 9000, Some((MeetingKind::After, 1799)))]
    #[case::at_the_end_of_the_after_window(2000 + 1800, 9000, None)]
    #[case::empty(1500, 1500, None)]
    #[case::empty_after(2001, 2001, None)]
    fn edges(#[case] start: i64, #[case] end: i64, #[case] expected: Option<(MeetingKind, i64)>) {
        let met = meet(&case(0), &other(start, end, 0), &Parameters::default());
        assert_eq!(met.map(|m| (m.kind, m.millis / SECOND)), expected);
    }

    #[test]
    fn without_an_after_window_only_direct_meetings_count() {
        let none = CaseVisit { after_ms: 0, ..case(0) };
        assert_eq!(meet(&none, &other(1941, 2600, 0), &Parameters::default()), None);
        assert!(meet(&none, &other(1940, 2600, 0), &Parameters::default()).is_some());
    }

    #[test]
    fn a_case_visit_shorter_than_the_least_overlap_is_only_met_after() {
        let short = CaseVisit { end: Timestamp::from_secs(1059), ..case(0) };
        let kind = |v: &Visit| meet(&short, v, &Parameters::default()).map(|m| m.kind);
        assert_eq!(kind(&other(0, 9000, 0)), Some(MeetingKind::After));
        assert_eq!(kind(&other(0, 1059, 0)), None);
    }

    #[rstest]
    #[case(0, 0, true)]
    #[case(0, 1, true)]
    #[case(1, 0, true)]
    #[case(1, 1, true)]
    #[case(1, 2, false)]
    fn zones(#[case] of_case: u128, #[case] of_other: u128, #[case] met: bool) {
        let params = Parameters::default();
        assert_eq!(meet(&case(of_case), &other(1100, 1500, of_other), &params).is_some(), met);
        let elsewhere = Visit { venue_id: Uuid::from_u128(9), ..other(1100, 1500, of_other) };
        assert_eq!(meet(&case(of_case), &elsewhere, &params), None);
    }

    #[rstest]
    #[case::direct(500, 1060, 1000)]
    #[case::direct_later(1100, 1500, 1100)]
    #[case::after_still_there(1941, 2600, 2000)]
    #[case::after(2100, 2600, 2100)]
    fn when_they_met(#[case] start: i64, #[case] end: i64, #[case] at: i64) {
        let met = meet(&case(0), &other(start, end, 0), &Parameters::default()).expect("met");
        assert_eq!(met.at().secs(), at);
    }
}
