//! Judging a file's scans on the way, as long as its lines are in the order of time.
//!
//! Then everything that can bear on a scan has been seen before it, within the last day. What is held is bounded: a file
//! with more scans a day than that, or with a line out of order, is judged at the end instead, in the database.

use std::collections::HashMap;

use mashang_domain::time::Timestamp;
use mashang_domain::venue::SuspectReason;
use mashang_domain::venue::plausibility::{NEIGHBOURS_MILLIS, PlausibilityRules, Sighting, Verdict, judge};
use uuid::Uuid;

use super::lately::{Lately, Seen};

/// Scans that are held, some 200 bytes each with what finds them.
const HELD_AT_MOST: usize = 250_000;

/// People with scans of one second in another order than the rules have; they are judged again at the end.
const LATE_AT_MOST: usize = 20_000;

pub(super) enum Judged {
    Verdict(Verdict),
    /// The same was said before.
    Duplicate,
}

pub(super) struct Judge {
    rules: PlausibilityRules,
    lately: Lately,
    newest: Timestamp,
    in_order: bool,
    late: HashMap<Uuid, Timestamp>,
}

impl Judge {
    pub fn new(rules: PlausibilityRules) -> Self {
        let newest = Timestamp(i64::MIN);
        Self { rules, lately: Lately::default(), newest, in_order: true, late: HashMap::new() }
    }

    /// Whether the verdicts so far are final as far as this file is concerned, but for those of [`Judge::late`].
    pub fn in_order(&self) -> bool {
        self.in_order
    }

    /// People whose verdicts are not final, each from some moment on.
    pub fn late(&self) -> Vec<(Uuid, Timestamp)> {
        self.late.iter().map(|(person, at)| (*person, *at)).collect()
    }

    /// From now on verdicts are provisional.
    pub fn give_up(&mut self) {
        self.in_order = false;
        self.lately = Lately::default();
        self.late = HashMap::new();
    }

    pub fn judge(&mut self, person: Uuid, sighting: Sighting) -> Judged {
        if sighting.point.at < self.newest || self.lately.len() >= HELD_AT_MOST {
            self.give_up();
        }
        if !self.in_order {
            return Judged::Verdict(provisional(&sighting));
        }
        self.newest = sighting.point.at;
        self.lately.forget_before(self.newest - NEIGHBOURS_MILLIS);
        // From the oldest on.
        let mut seen: Vec<&Seen> = self.lately.of(person).collect();
        seen.reverse();
        if seen.iter().any(|s| s.sighting.point.id == sighting.point.id) {
            return Judged::Duplicate;
        }
        if seen.last().is_some_and(|last| last.sighting.point.key() > sighting.point.key()) {
            self.late.entry(person).or_insert(sighting.point.at);
        }
        let verdict = verdict(&seen, &sighting, &self.rules);
        self.lately.push(person, sighting, verdict.repeat);
        if self.late.len() > LATE_AT_MOST {
            self.give_up();
        }
        Judged::Verdict(verdict)
    }
}

/// What the rules say of a scan of somebody who was seen there lately.
fn verdict(seen: &[&Seen], sighting: &Sighting, rules: &PlausibilityRules) -> Verdict {
    let point = &sighting.point;
    let place = (point.venue_id, point.zone_id, point.direction);
    let recorded = seen.iter().filter(|s| !s.repeat).map(|s| &s.sighting);
    let last =
        recorded.clone().rev().find(|s| (s.point.venue_id, s.point.zone_id, s.point.direction) == place);
    if last.is_some_and(|last| point.at - last.point.at < rules.repeat_ms) {
        return Verdict { repeat: true, ..provisional(sighting) };
    }
    Verdict { repeat: false, suspect: judge(sighting, recorded, rules) }
}

/// What a scan says of itself.
fn provisional(sighting: &Sighting) -> Verdict {
    Verdict { repeat: false, suspect: (!sighting.venue_open).then_some(SuspectReason::VenueClosed) }
}

#[cfg(test)]
mod tests {
    use mashang_domain::venue::plausibility::{Coordinates, verdicts};
    use mashang_domain::venue::{Direction, ScanPoint};
    use proptest::prelude::*;

    use super::*;

    const RULES: PlausibilityRules =
        PlausibilityRules { repeat_ms: 120_000, at_once_ms: 10_000, max_per_day: 3, max_speed_kmh: 150.0 };

    fn sighting((venue, is_in, at, open): (u8, bool, i64, bool)) -> Sighting {
        let direction = if is_in { Direction::In } else { Direction::Out };
        let venue_id = Uuid::from_u128(u128::from(venue));
        let at = Timestamp::from_secs(at * 7);
        let point = ScanPoint {
            id: mashang_infra::store::import::row_id(Uuid::nil(), venue_id, direction, at),
            venue_id,
            zone_id: None,
            venue_ref: venue.to_string().into(),
            direction,
            at,
            suspect: false,
        };
        let place = Some(Coordinates { lat: f64::from(venue), lon: 0.0 });
        Sighting { point, place, venue_open: open }
    }

    proptest! {
        // Some of them minutes apart, some days, so that what is long ago is forgotten.
        #[test]
        fn on_the_way_or_at_the_end_is_the_same(
            rows in proptest::collection::vec(
                (0..3_u128, 0..3_u8, any::<bool>(), prop_oneof![0..200_i64, 0..40_000_i64]), 0..60
            )
        ) {
            let of = |(person, venue, is_in, at)| (Uuid::from_u128(person), sighting((venue, is_in, at, true)));
            let mut scans: Vec<(Uuid, Sighting)> = rows.into_iter().map(of).collect();
            scans.sort_by(|(_, a), (_, b)| a.point.key().cmp(&b.point.key()));
            let mut judge = Judge::new(RULES);
            let mut judged: HashMap<Uuid, (Vec<Sighting>, Vec<Verdict>)> = HashMap::new();
            for (person, scan) in scans {
                if let Judged::Verdict(verdict) = judge.judge(person, scan.clone()) {
                    let (scans, verdicts) = judged.entry(person).or_default();
                    scans.push(scan);
                    verdicts.push(verdict);
                }
            }
            prop_assert!(judge.in_order() && judge.late().is_empty());
            for (scans, on_the_way) in judged.into_values() {
                prop_assert_eq!(on_the_way, verdicts(&scans, &RULES));
            }
        }
    }
}
