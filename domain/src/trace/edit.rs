//! What officials know better than the scans: added, corrected and removed visits of a case.
//!
//! A visit of a case goes by the id of its opening scan; one that an official added goes by an id of its own. An edit
//! holds the whole visit, so that it stands when the scans behind it are gone. Every visit, edited or not, is cut to the
//! infectious window and dropped when nothing is left.

use uuid::Uuid;

use super::{EditAction, Span};
use crate::venue::{OutSource, Visit};

/// One correction of a case's visits. There is at most one for a visit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    pub visit_id: Uuid,
    pub action: EditAction,
    /// What the visit is now; none when it is removed.
    pub place: Option<Place>,
}

/// A stay at a venue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub venue_id: Uuid,
    pub zone_id: Option<Uuid>,
    pub span: Span,
}

/// A visit of a case as a trace uses it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CaseStay {
    pub visit_id: Uuid,
    pub place: Place,
    /// What ended it; none when an official said so.
    pub out_source: Option<OutSource>,
    pub suspect: bool,
}

/// The visits of a case: the person's own with the edits laid over, cut to the window, in the order of time.
pub fn edited(own: &[Visit], edits: &[Edit], window: Span) -> Vec<CaseStay> {
    let untouched = own.iter().filter(|v| edits.iter().all(|e| e.visit_id != v.scan_id)).map(|v| CaseStay {
        visit_id: v.scan_id,
        place: Place { venue_id: v.venue_id, zone_id: v.zone_id, span: Span { start: v.start, end: v.end } },
        out_source: Some(v.out_source),
        suspect: v.suspect,
    });
    let entered = edits.iter().filter_map(|e| match (e.action, e.place) {
        (EditAction::Add | EditAction::Replace, Some(place)) => {
            Some(CaseStay { visit_id: e.visit_id, place, out_source: None, suspect: false })
        }
        (EditAction::Add | EditAction::Replace | EditAction::Remove, _) => None,
    });
    let mut stays: Vec<CaseStay> = untouched
        .chain(entered)
        .map(|mut stay| {
            stay.place.span = stay.place.span.cut(&window);
            stay
        })
        .filter(|stay| !stay.place.span.is_empty())
        .collect();
    stays.sort_by_key(|s| (s.place.span.start, s.place.venue_id, s.visit_id));
    stays
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    fn span(start: i64, end: i64) -> Span {
        Span { start: Timestamp::from_secs(start), end: Timestamp::from_secs(end) }
    }

    fn own(id: u128, start: i64, end: i64) -> Visit {
        let Span { start, end } = span(start, end);
        let venue_id = Uuid::from_u128(70);
        let out_source = OutSource::Scan;
        Visit { scan_id: Uuid::from_u128(id), venue_id, zone_id: None, start, end, out_source, suspect: true }
    }

    fn edit(id: u128, action: EditAction, place: Option<(u128, i64, i64)>) -> Edit {
        let place = place.map(|(venue, start, end)| Place {
            venue_id: Uuid::from_u128(venue),
            zone_id: None,
            span: span(start, end),
        });
        Edit { visit_id: Uuid::from_u128(id), action, place }
    }

    fn told(edits: &[Edit]) -> Vec<(u128, u128, i64, i64)> {
        let own = [own(1, 100, 200), own(2, 300, 400), own(3, 900, 1100)];
        let stays = edited(&own, edits, span(150, 1000));
        let told = |s: &CaseStay| {
            let Place { venue_id, span, .. } = s.place;
            (s.visit_id.as_u128(), venue_id.as_u128(), span.start.secs(), span.end.secs())
        };
        stays.iter().map(told).collect()
    }

    #[test]
    fn edits_lie_over_the_own_visits() {
        assert_eq!(told(&[]), [(1, 70, 150, 200), (2, 70, 300, 400), (3, 70, 900, 1000)]);
        let edits = [
            edit(1, EditAction::Remove, None),
            edit(2, EditAction::Replace, Some((71, 350, 2000))),
            edit(9, EditAction::Add, Some((72, 0, 151))),
        ];
        assert_eq!(told(&edits), [(9, 72, 150, 151), (2, 71, 350, 1000), (3, 70, 900, 1000)]);
    }

    #[test]
    fn what_lies_outside_the_window_is_dropped() {
        let before = edit(9, EditAction::Add, Some((72, 0, 150)));
        let after = edit(8, EditAction::Replace, Some((72, 1000, 1001)));
        assert_eq!(told(&[before, after]).len(), 3);
    }

    #[test]
    fn an_official_s_word_is_not_doubted() {
        let stays =
            edited(&[own(1, 100, 200)], &[edit(1, EditAction::Replace, Some((71, 1, 2)))], span(0, 9));
        assert_eq!((stays[0].suspect, stays[0].out_source), (false, None));
    }
}
