//! The two-minute rule: which scans repeat the one before and are not recorded.
//!
//! People scan twice because the first answer was slow. A scan less than 120 s after the person's last *recorded* scan
//! of the same direction at the same place (venue and zone) is answered like that one and records nothing. The distance
//! is counted from the recorded scan, so a chain of scans a minute apart leaves one every two minutes; whatever lies
//! between them, an out-scan for example, changes nothing.

use std::collections::HashMap;

use super::visit::ScanPoint;
use crate::time::{SECOND, Timestamp};

/// A scan closer than this to the last recorded one of its place and direction is a repeat (product rule: 2 minutes).
pub const REPEAT_MILLIS: i64 = 120 * SECOND;

/// Whether a scan at `at` repeats the one recorded at `last`: 119 s later it does, 120 s later it does not.
pub const fn is_repeat(last: Timestamp, at: Timestamp) -> bool {
    at.0 - last.0 < REPEAT_MILLIS
}

/// Tells for every scan of one person, given in any order, whether it is a repeat; the answer is in the order given.
pub fn repeats(scans: &[ScanPoint]) -> Vec<bool> {
    repeats_within(scans, REPEAT_MILLIS)
}

/// As [`repeats`], for a rule of `millis` in place of two minutes; 0 = nothing is a repeat.
pub fn repeats_within(scans: &[ScanPoint], millis: i64) -> Vec<bool> {
    let mut order: Vec<usize> = (0..scans.len()).collect();
    order.sort_by(|&a, &b| scans[a].key().cmp(&scans[b].key()));
    let mut last = HashMap::new();
    let mut repeat = vec![false; scans.len()];
    for i in order {
        let scan = &scans[i];
        let place = (scan.venue_id, scan.zone_id, scan.direction);
        match last.get(&place) {
            Some(&recorded) if scan.at - recorded < millis => repeat[i] = true,
            Some(_) | None => {
                last.insert(place, scan.at);
            }
        }
    }
    repeat
}

/// The scans of one person that are recorded: those that repeat nothing.
pub fn recorded(scans: &[ScanPoint]) -> Vec<ScanPoint> {
    scans.iter().zip(repeats(scans)).filter(|(_, repeat)| !repeat).map(|(scan, _)| scan.clone()).collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::venue::visit::tests::scans;

    #[rstest]
    #[case::in_119_s("A+0 A+119", "01")]
    #[case::in_120_s("A+0 A+120", "00")]
    #[case::equal_rows("A+0 A+0", "01")]
    #[case::counted_from_the_last_recorded("A+0 A+70 A+140 A+210 A+259", "01011")]
    #[case::other_venue("A+0 B+10 A+20", "001")]
    #[case::other_direction("A+0 A-10 A+20 A-129 A-130", "00110")]
    #[case::an_out_scan_between_changes_nothing("A+0 A-60 A+119", "001")]
    #[case::other_zone("A+0 A1+10 A2+20 A1+129 A1+130", "00010")]
    #[case::given_backwards("A+240 A+119 A+0", "010")]
    fn two_minutes(#[case] given: &str, #[case] expected: &str) {
        let flags: String = repeats(&scans(given)).iter().map(|r| if *r { '1' } else { '0' }).collect();
        assert_eq!(flags, expected);
    }

    #[test]
    fn recorded_scans_repeat_nothing() {
        let kept = recorded(&scans("A+0 A+70 A+140 A+210 A+259"));
        assert_eq!(kept.iter().map(|s| s.at.secs()).collect::<Vec<_>>(), [0, 140]);
        assert!(repeats(&kept).iter().all(|r| !r));
    }
}
