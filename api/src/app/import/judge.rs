//! Judging a file's scans on the way, as long as its lines are in the order of time.
//!
//! Then everything that can bear on a scan has been seen before it, within the last day. What is held is bounded: a file
//! with more scans a day than that, or with a line out of order, is judged at the end instead, in the database.

use std::collections::{HashMap, VecDeque};

use mashang_domain::time::Timestamp;
use mashang_domain::venue::SuspectReason;
use mashang_domain::venue::plausibility::{NEIGHBOURS_MILLIS, PlausibilityRules, Sighting, Verdict, judge};
use mashang_domain::venue::repeat::is_repeat;
use uuid::Uuid;

/// Scans that are held, some 120 bytes each.
const HELD_AT_MOST: usize = 250_000;

/// People with scans of one second in another order than the rules have; they are judged again at the end.
const LATE_AT_MOST: usize = 20_000;

/// Scans between two looks for people who are over.
const SWEEP_EVERY: usize = 65_536;

pub(super) enum Judged {
    Verdict(Verdict),
    /// The same was said before.
    Duplicate,
}

struct Seen {
    sighting: Sighting,
    repeat: bool,
}

pub(super) struct Judge {
    rules: PlausibilityRules,
    people: HashMap<Uuid, VecDeque<Seen>>,
    held: usize,
    until_sweep: usize,
    newest: Timestamp,
    in_order: bool,
    late: HashMap<Uuid, Timestamp>,
}

impl Judge {
    pub fn new(rules: PlausibilityRules) -> Self {
        let (people, late) = (HashMap::new(), HashMap::new());
        let newest = Timestamp(i64::MIN);
        Self { rules, people, held: 0, until_sweep: SWEEP_EVERY, newest, in_order: true, late }
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
        self.people = HashMap::new();
        self.late = HashMap::new();
        self.held = 0;
    }

    pub fn judge(&mut self, person: Uuid, sighting: Sighting) -> Judged {
        if sighting.point.at < self.newest {
            self.give_up();
        }
        if !self.in_order {
            return Judged::Verdict(provisional(&sighting));
        }
        self.newest = sighting.point.at;
        self.sweep();
        let Some(seen) = self.in_order.then(|| self.people.entry(person).or_default()) else {
            return Judged::Verdict(provisional(&sighting));
        };
        if seen.iter().any(|s| s.sighting.point.id == sighting.point.id) {
            return Judged::Duplicate;
        }
        if seen.back().is_some_and(|last| last.sighting.point.key() > sighting.point.key()) {
            self.late.entry(person).or_insert(sighting.point.at);
        }
        let point = &sighting.point;
        let place = (point.venue_id, point.zone_id, point.direction);
        let recorded = seen.iter().filter(|s| !s.repeat).map(|s| &s.sighting);
        let last =
            recorded.clone().rev().find(|s| (s.point.venue_id, s.point.zone_id, s.point.direction) == place);
        let verdict = if last.is_some_and(|last| is_repeat(last.point.at, point.at)) {
            Verdict { repeat: true, ..provisional(&sighting) }
        } else {
            let from = point.at - NEIGHBOURS_MILLIS;
            let near = recorded.filter(|s| s.point.at >= from);
            Verdict { repeat: false, suspect: judge(&sighting, near, &self.rules) }
        };
        seen.push_back(Seen { sighting, repeat: verdict.repeat });
        self.held += 1;
        if self.late.len() > LATE_AT_MOST {
            self.give_up();
        }
        Judged::Verdict(verdict)
    }

    /// Forgets what can bear on nothing any more.
    fn sweep(&mut self) {
        self.until_sweep -= 1;
        if self.until_sweep > 0 && self.held < HELD_AT_MOST {
            return;
        }
        self.until_sweep = SWEEP_EVERY;
        let from = self.newest - NEIGHBOURS_MILLIS;
        self.people.retain(|_, seen| {
            seen.retain(|s| s.sighting.point.at >= from);
            !seen.is_empty()
        });
        self.held = self.people.values().map(VecDeque::len).sum();
        if self.held > HELD_AT_MOST / 2 {
            self.give_up();
        }
    }
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
        PlausibilityRules { at_once_ms: 10_000, max_per_day: 3, max_speed_kmh: 150.0 };

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
        #[test]
        fn on_the_way_or_at_the_end_is_the_same(
            rows in proptest::collection::vec((0..3_u8, any::<bool>(), 0..200_i64, Just(true)), 0..30)
        ) {
            let mut scans: Vec<Sighting> = rows.into_iter().map(sighting).collect();
            scans.sort_by(|a, b| a.point.key().cmp(&b.point.key()));
            let mut judge = Judge::new(RULES);
            let mut judged = Vec::new();
            scans.retain(|scan| match judge.judge(Uuid::nil(), scan.clone()) {
                Judged::Verdict(verdict) => {
                    judged.push(verdict);
                    true
                }
                Judged::Duplicate => false,
            });
            prop_assert!(judge.in_order() && judge.late().is_empty());
            prop_assert_eq!(judged, verdicts(&scans, &RULES));
        }
    }
}
