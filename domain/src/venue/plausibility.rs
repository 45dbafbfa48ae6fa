//! Plausibility: scans that one person can hardly have made.
//!
//! A doubted scan is recorded like any other and marked; officials see it separately, and nobody is coloured or warned
//! for it. A scan is judged by the *recorded* scans of the same person before it ([`ScanPoint::key`]), never by later ones:
//! so what was answered stays true, and a forged scan cannot cast doubt on an honest one made earlier. The verdicts are
//! a function of the person's scans; the order in which they arrived plays no part.

use super::repeat::repeats;
use super::visit::ScanPoint;
use crate::time::{DAY, HOUR, Timestamp};

crate::macros::words! {
    /// Why a scan is doubted; the first that holds, in this order.
    SuspectReason {
        /// The venue was suspended or closed.
        VenueClosed = "venue_closed",
        /// Another venue a moment before.
        TwoVenues = "two_venues",
        /// More scans on one Asia/Shanghai day than a person makes.
        TooMany = "too_many",
        /// Nobody travels that fast.
        TooFast = "too_fast",
    }
}

/// How far back a scan's neighbours are looked at, in milliseconds: no rule looks further.
pub const NEIGHBOURS_MILLIS: i64 = DAY;

/// Distances up to this many kilometres are never too fast: coordinates are not that exact.
const NEAR_KM: f64 = 1.0;

const EARTH_RADIUS_KM: f64 = 6_371.0;

/// The numbers of the rules, from the settings.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PlausibilityRules {
    /// Two venues less than this many milliseconds apart are at once.
    pub at_once_ms: i64,
    /// Recorded scans on one Asia/Shanghai day; those above are doubted.
    pub max_per_day: usize,
    pub max_speed_kmh: f64,
}

/// Degrees north and east.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Coordinates {
    pub lat: f64,
    pub lon: f64,
}

/// A scan with what plausibility wants to know of its venue.
#[derive(Debug, Clone, PartialEq)]
pub struct Sighting {
    pub point: ScanPoint,
    pub place: Option<Coordinates>,
    /// Whether the venue was open when the scan was taken in.
    pub venue_open: bool,
}

/// What the rules say about one scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// The two-minute rule swallows it.
    pub repeat: bool,
    /// For a repeat only that its venue was closed: this is no matter of its neighbours.
    pub suspect: Option<SuspectReason>,
}

/// The verdict on every scan of one person, given in any order; the answer is in the order given.
pub fn verdicts(scans: &[Sighting], rules: &PlausibilityRules) -> Vec<Verdict> {
    let points: Vec<ScanPoint> = scans.iter().map(|s| s.point.clone()).collect();
    let swallowed = repeats(&points);
    let mut recorded: Vec<usize> = (0..scans.len()).filter(|&i| !swallowed[i]).collect();
    recorded.sort_by(|&a, &b| points[a].key().cmp(&points[b].key()));
    let closed = |s: &Sighting| (!s.venue_open).then_some(SuspectReason::VenueClosed);
    let mut verdicts: Vec<Verdict> =
        scans.iter().zip(swallowed).map(|(s, repeat)| Verdict { repeat, suspect: closed(s) }).collect();
    let mut first = 0;
    for (nr, &i) in recorded.iter().enumerate() {
        while points[recorded[first]].at < points[i].at - NEIGHBOURS_MILLIS {
            first += 1;
        }
        let earlier = recorded[first..nr].iter().map(|&e| &scans[e]);
        verdicts[i].suspect = judge(&scans[i], earlier, rules);
    }
    verdicts
}

/// Judges a recorded scan by the recorded scans before it, in their order, back to [`NEIGHBOURS_MILLIS`] at least.
pub fn judge<'a>(
    scan: &Sighting,
    earlier: impl DoubleEndedIterator<Item = &'a Sighting> + Clone,
    rules: &PlausibilityRules,
) -> Option<SuspectReason> {
    let at = scan.point.at;
    let elsewhere = |s: &&Sighting| s.point.venue_id != scan.point.venue_id;
    let day = at.shanghai_day_start();
    if !scan.venue_open {
        Some(SuspectReason::VenueClosed)
    } else if earlier.clone().filter(elsewhere).any(|s| at - s.point.at < rules.at_once_ms) {
        Some(SuspectReason::TwoVenues)
    } else if earlier.clone().filter(|s| s.point.at >= day).count() >= rules.max_per_day {
        Some(SuspectReason::TooMany)
    } else {
        too_fast(scan, earlier, rules.max_speed_kmh).then_some(SuspectReason::TooFast)
    }
}

/// Whether the way from the last place that is known took no time a vehicle needs.
fn too_fast<'a>(
    scan: &Sighting,
    earlier: impl DoubleEndedIterator<Item = &'a Sighting>,
    max_speed_kmh: f64,
) -> bool {
    let Some(here) = scan.place else { return false };
    let from = |s: &Sighting| s.place.map(|place| (place, s.point.at));
    let since = |at: Timestamp| (scan.point.at - at) as f64 / HOUR as f64;
    earlier.rev().find_map(from).is_some_and(|(place, at)| {
        let distance = great_circle_km(place, here);
        distance > NEAR_KM && distance > max_speed_kmh * since(at)
    })
}

/// The shortest way over the earth in kilometres (haversine formula).
pub fn great_circle_km(a: Coordinates, b: Coordinates) -> f64 {
    let half = |from: f64, to: f64| ((to - from).to_radians() / 2.0).sin().powi(2);
    let chord = half(a.lat, b.lat) + a.lat.to_radians().cos() * b.lat.to_radians().cos() * half(a.lon, b.lon);
    2.0 * EARTH_RADIUS_KM * chord.sqrt().min(1.0).asin()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::venue::visit::tests::scans;

    const RULES: PlausibilityRules =
        PlausibilityRules { at_once_ms: 10_000, max_per_day: 20, max_speed_kmh: 150.0 };
    /// Kilometres of one degree of latitude.
    const DEGREE: f64 = 111.194_926_644_558_74;

    fn sightings(text: &str) -> Vec<Sighting> {
        let open = |point| Sighting { point, place: None, venue_open: true };
        scans(text).into_iter().map(open).collect()
    }

    fn north(km: f64) -> Option<Coordinates> {
        Some(Coordinates { lat: 25.0 + km / DEGREE, lon: 102.7 })
    }

    /// One word a scan: `-` when it is believed, `repeat`, or the reason.
    fn told(scans: &[Sighting]) -> String {
        let word = |v: &Verdict| match (v.repeat, v.suspect) {
            (true, _) => "repeat",
            (false, Some(reason)) => reason.as_str(),
            (false, None) => "-",
        };
        verdicts(scans, &RULES).iter().map(word).collect::<Vec<_>>().join(" ")
    }

    #[rstest]
    #[case::same_second("A+0 B+0", "- two_venues")]
    #[case::within_ten_seconds("A+0 B+9", "- two_venues")]
    #[case::at_ten_seconds("A+0 B+10", "- -")]
    #[case::an_out_scan_counts_as_well("A-0 B+9", "- two_venues")]
    #[case::one_venue("A+0 A-5", "- -")]
    #[case::zones_are_one_venue("A1+0 A2+5", "- -")]
    #[case::the_later_one_is_doubted_whoever_arrives_first("B+9 A+0", "two_venues -")]
    #[case::a_repeat_casts_no_doubt("A+0 A+60 B+65", "- repeat -")]
    fn two_venues_at_once(#[case] given: &str, #[case] expected: &str) {
        assert_eq!(told(&sightings(given)), expected);
    }

    #[rstest]
    #[case(0, 20, 0)]
    #[case(0, 21, 1)]
    #[case(0, 25, 5)]
    // 15:50 UTC is 23:50 in Shanghai: ten scans a minute apart, then a new day.
    #[case(57_000, 20, 0)]
    #[case(57_000, 30, 0)]
    #[case(57_000, 31, 1)]
    fn more_than_twenty_a_day(#[case] start: i64, #[case] count: i64, #[case] doubted: usize) {
        let words: Vec<String> = (0..count)
            .map(|i| format!("{}+{}", if i % 2 == 0 { "A" } else { "B" }, start + i * 60))
            .collect();
        let all = verdicts(&sightings(&words.join(" ")), &RULES);
        let too_many = |v: &&Verdict| v.suspect == Some(SuspectReason::TooMany);
        assert!(all.iter().all(|v| !v.repeat));
        assert_eq!(all.iter().filter(too_many).count(), doubted);
        assert!(all.iter().rev().take(doubted).all(|v| v.suspect.is_some()), "the later ones");
    }

    #[rstest]
    #[case::below_the_limit(149.999, 3600, false)]
    #[case::above_it(150.001, 3600, true)]
    #[case::near_is_never_too_fast(0.99, 11, false)]
    #[case::near_enough_to_judge(1.01, 11, true)]
    #[case::a_day_is_enough(3_599.0, 86_400, false)]
    fn impossible_speed(#[case] km: f64, #[case] seconds: i64, #[case] doubted: bool) {
        let mut two = sightings(&format!("A+0 B+{seconds}"));
        two[0].place = north(0.0);
        two[1].place = north(km);
        let found = verdicts(&two, &RULES)[1].suspect;
        assert_eq!(found, doubted.then_some(SuspectReason::TooFast));
    }

    #[test]
    fn speed_is_measured_from_the_last_known_place() {
        let mut three = sightings("A+0 C+1800 B+3600");
        three[0].place = north(0.0);
        three[2].place = north(200.0);
        assert_eq!(told(&three), "- - too_fast");
        three[0].place = None;
        assert_eq!(told(&three), "- - -");
    }

    #[test]
    fn a_closed_venue_comes_first() {
        let mut two = sightings("A+0 B+0");
        two[1].venue_open = false;
        assert_eq!(told(&two), "- venue_closed");
    }

    #[test]
    fn from_kunming_to_guiyang() {
        let (kunming, guiyang) =
            (Coordinates { lat: 25.04, lon: 102.71 }, Coordinates { lat: 26.65, lon: 106.63 });
        let km = great_circle_km(kunming, guiyang);
        assert!((430.0..440.0).contains(&km), "{km}");
    }
}
