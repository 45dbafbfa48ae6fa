//! Visits: what a person's scans say about where they were, from when to when.
//!
//! Every recorded in-scan opens one visit `[start, end)`. The person's first out-scan at that venue, after the in-scan
//! and before the person's next in-scan anywhere, closes it, however late, but 24 h at most. Without one it ends when
//! the venue's usual stay (dwell) is over, or when the person scans in at another venue, whichever comes first. An
//! out-scan that closes nothing ends nothing. Visits of one person may overlap; they are not merged.
//!
//! For closing and for "another venue" the *venue* counts, not the zone: leaving the building by the door of another
//! zone is leaving. A second in-scan at the same venue, in whichever zone, cuts nothing.
//!
//! One second can hold several scans of a person. They have one fixed order ([`ScanPoint::key`]): outs before ins, then
//! the smaller venue reference, then the smaller zone. So an out-scan in the second of an in-scan comes before it, and
//! of two in-scans at two venues the first one's visit is empty and meets nobody.

use std::sync::Arc;

use uuid::Uuid;

use super::Direction;
use crate::time::{HOUR, Timestamp};

/// The longest visit that a closing scan makes: 24 h, in milliseconds.
pub const CLOSED_VISIT_MAX: i64 = 24 * HOUR;

crate::macros::words! {
    /// What ended a visit: an out-scan, the venue's usual stay, or the next in-scan at another venue.
    OutSource { Scan = "scan", Default = "default", Next = "next" }
}

/// One recorded scan of one person, as the rules see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScanPoint {
    pub id: Uuid,
    pub venue_id: Uuid,
    /// The part of the venue whose code was scanned; none for the venue's own code.
    pub zone_id: Option<Uuid>,
    /// The venue's external reference, or its id as text where it has none: orders scans of one second.
    pub venue_ref: Arc<str>,
    pub direction: Direction,
    /// When, in whole seconds.
    pub at: Timestamp,
    /// Whether the plausibility rules doubt it.
    pub suspect: bool,
}

/// Where a scan stands among the scans of its person.
pub type ScanKey<'a> = (Timestamp, bool, &'a str, Option<Uuid>, Uuid);

impl ScanPoint {
    /// The order of one person's scans: second, out before in, venue reference by code points, zone (the venue's own
    /// code first), and the id, so that no two are equal.
    pub fn key(&self) -> ScanKey<'_> {
        (self.at, self.direction == Direction::In, &self.venue_ref, self.zone_id, self.id)
    }
}

/// A stay of one person at one venue, `[start, end)`. Empty (start = end) when two in-scans share a second.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visit {
    /// The in-scan that opened it.
    pub scan_id: Uuid,
    pub venue_id: Uuid,
    pub zone_id: Option<Uuid>,
    pub start: Timestamp,
    pub end: Timestamp,
    pub out_source: OutSource,
    /// Whether the in-scan is doubted. A doubted scan still ends the visits before it.
    pub suspect: bool,
}

/// All visits of one person, in the order of their in-scans, from that person's recorded scans in any order.
/// `dwell_ms` is the usual stay at a venue, in milliseconds.
pub fn visits(scans: &[ScanPoint], dwell_ms: impl Fn(&Uuid) -> i64) -> Vec<Visit> {
    let mut ordered: Vec<&ScanPoint> = scans.iter().collect();
    ordered.sort_by(|a, b| a.key().cmp(&b.key()));
    let is_in = |scan: &&ScanPoint| scan.direction == Direction::In;
    let opened = ordered.iter().enumerate().filter(|(_, scan)| is_in(scan));
    opened.map(|(i, scan)| visit(scan, &ordered[i + 1..], dwell_ms(&scan.venue_id))).collect()
}

/// The visit that `scan` opens, given what the same person scanned after it.
fn visit(scan: &ScanPoint, later: &[&ScanPoint], dwell_ms: i64) -> Visit {
    let (end, out_source) = match closing(scan, later) {
        Some(at) => (at.min(scan.at + CLOSED_VISIT_MAX), OutSource::Scan),
        None => match elsewhere(scan, later) {
            Some(at) if at < scan.at + dwell_ms => (at, OutSource::Next),
            Some(_) | None => (scan.at + dwell_ms, OutSource::Default),
        },
    };
    Visit {
        scan_id: scan.id,
        venue_id: scan.venue_id,
        zone_id: scan.zone_id,
        start: scan.at,
        end,
        out_source,
        suspect: scan.suspect,
    }
}

/// The first out-scan at the venue before the next in-scan anywhere.
fn closing(scan: &ScanPoint, later: &[&ScanPoint]) -> Option<Timestamp> {
    later
        .iter()
        .take_while(|s| s.direction == Direction::Out)
        .find(|s| s.venue_id == scan.venue_id)
        .map(|s| s.at)
}

/// The next in-scan at another venue.
fn elsewhere(scan: &ScanPoint, later: &[&ScanPoint]) -> Option<Timestamp> {
    later.iter().find(|s| s.direction == Direction::In && s.venue_id != scan.venue_id).map(|s| s.at)
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;
    use crate::time::{MINUTE, SECOND};

    const DAY_S: i64 = 24 * 60 * 60;

    /// Reads scans such as `A+0 A1-60`: venue letter, zone digit, in or out, second. Ids count up from 1.
    pub(crate) fn scans(text: &str) -> Vec<ScanPoint> {
        text.split_whitespace().enumerate().map(|(i, word)| scan(i, word)).collect()
    }

    fn scan(i: usize, word: &str) -> ScanPoint {
        let at = word.find(['+', '-']).expect("a direction");
        let zone = word[1..at].parse::<u128>().ok();
        ScanPoint {
            id: Uuid::from_u128(i as u128 + 1),
            venue_id: venue(&word[..1]),
            zone_id: zone.map(Uuid::from_u128),
            venue_ref: word[..1].into(),
            direction: if &word[at..=at] == "+" { Direction::In } else { Direction::Out },
            at: Timestamp::from_secs(word[at + 1..].parse().expect("seconds")),
            suspect: false,
        }
    }

    pub(crate) fn venue(name: &str) -> Uuid {
        Uuid::from_u128(u128::from(name.as_bytes()[0]))
    }

    /// Visits as text, dwell one hour: `A 0-60 scan`.
    fn told(scans: &[ScanPoint]) -> String {
        let told: Vec<String> = visits(scans, |_| 60 * MINUTE)
            .iter()
            .map(|v| {
                let name = scans.iter().find(|s| s.id == v.scan_id).map_or("?", |s| &s.venue_ref);
                format!("{name} {}-{} {}", v.start.secs(), v.end.secs(), v.out_source)
            })
            .collect();
        told.join(", ")
    }

    #[rstest]
    #[case::dwell("A+0", "A 0-3600 default")]
    #[case::out_before_the_dwell("A+0 A-60", "A 0-60 scan")]
    #[case::out_after_the_dwell("A+0 A-7200", "A 0-7200 scan")]
    #[case::the_first_out_counts("A+0 A-60 A-300", "A 0-60 scan")]
    #[case::an_out_elsewhere_closes_nothing("A+0 B-60", "A 0-3600 default")]
    #[case::an_out_without_an_in("A-60", "")]
    #[case::in_in_out("A+0 A+600 A-900", "A 0-3600 default, A 600-900 scan")]
    #[case::next_elsewhere("A+0 B+600", "A 0-600 next, B 600-4200 default")]
    #[case::next_elsewhere_past_the_same_venue(
        "A+0 A+300 B+600",
        "A 0-600 next, A 300-600 next, B 600-4200 default"
    )]
    #[case::next_elsewhere_at_the_dwell("A+0 B+3600", "A 0-3600 default, B 3600-7200 default")]
    #[case::out_after_an_in_elsewhere("A+0 B+600 A-700", "A 0-600 next, B 600-4200 default")]
    #[case::out_in_the_second_of_the_next_in("A+0 B+600 A-600", "A 0-600 scan, B 600-4200 default")]
    #[case::out_in_the_second_of_the_in("A+0 A-0", "A 0-3600 default")]
    #[case::same_second("B+0 A+0", "A 0-0 next, B 0-3600 default")]
    #[case::same_second_and_a_late_out("B+0 A+0 A-60 B-90", "A 0-0 next, B 0-90 scan")]
    #[case::zones_are_one_venue("A1+0 A2-60", "A 0-60 scan")]
    #[case::a_zone_is_not_elsewhere("A1+0 A2+60", "A 0-3600 default, A 60-3660 default")]
    #[case::zones_in_one_second("A2+0 A+0 A1+0 A-60", "A 0-3600 default, A 0-3600 default, A 0-60 scan")]
    fn ends(#[case] given: &str, #[case] expected: &str) {
        assert_eq!(told(&scans(given)), expected);
    }

    #[rstest]
    #[case(DAY_S - 1, DAY_S - 1)]
    #[case(DAY_S, DAY_S)]
    #[case(DAY_S + 1, DAY_S)]
    #[case(20 * DAY_S, DAY_S)]
    fn a_closing_scan_counts_for_a_day_at_most(#[case] out: i64, #[case] end: i64) {
        assert_eq!(told(&scans(&format!("A+0 A-{out}"))), format!("A 0-{end} scan"));
    }

    #[test]
    fn references_are_compared_by_code_points() {
        let mut two = scans("A+0 B+0");
        two[0].venue_ref = "YN-10".into();
        two[1].venue_ref = "YN-9".into();
        assert_eq!(told(&two), "YN-10 0-0 next, YN-9 0-3600 default");
    }

    /// Up to twelve scans of one person at three venues within a few minutes, so that seconds collide.
    pub(crate) fn any_scans() -> impl Strategy<Value = Vec<ScanPoint>> {
        let one = (0..3usize, 0..3u128, any::<bool>(), 0..40i64, any::<bool>());
        proptest::collection::vec(one, 0..12).prop_map(|rows| {
            let point =
                |(i, (v, zone, is_in, at, suspect)): (usize, (usize, u128, bool, i64, bool))| ScanPoint {
                    id: Uuid::from_u128(i as u128 + 1),
                    venue_id: venue(["A", "B", "C"][v]),
                    zone_id: (zone > 0).then(|| Uuid::from_u128(zone)),
                    venue_ref: ["A", "B", "C"][v].into(),
                    direction: if is_in { Direction::In } else { Direction::Out },
                    at: Timestamp(at * 20 * SECOND),
                    suspect,
                };
            rows.into_iter().enumerate().map(point).collect()
        })
    }

    proptest! {
        #[test]
        fn order_of_arrival_plays_no_part(given in any_scans().prop_shuffle(), dwell in 1..2000i64) {
            let mut sorted = given.clone();
            sorted.sort_by_key(|s| s.id);
            prop_assert_eq!(visits(&given, |_| dwell * SECOND), visits(&sorted, |_| dwell * SECOND));
            let kept = |scans: &[ScanPoint]| {
                let mut ids: Vec<Uuid> = super::super::repeat::recorded(scans).iter().map(|s| s.id).collect();
                ids.sort();
                ids
            };
            prop_assert_eq!(kept(&given), kept(&sorted));
        }

        #[test]
        fn every_in_scan_opens_one_visit_of_a_day_at_most(given in any_scans()) {
            let all = visits(&given, |_| 45 * MINUTE);
            prop_assert_eq!(all.len(), given.iter().filter(|s| s.direction == Direction::In).count());
            prop_assert!(all.iter().all(|v| v.start <= v.end && v.end - v.start <= CLOSED_VISIT_MAX));
        }
    }
}
