//! A file's scans of the last day, in the order of time, each with the way to the one before it of the same person.

use std::collections::{HashMap, VecDeque};
use std::iter::successors;

use mashang_domain::time::Timestamp;
use mashang_domain::venue::plausibility::Sighting;
use uuid::Uuid;

/// A scan that was judged.
pub(super) struct Seen {
    pub sighting: Sighting,
    pub repeat: bool,
    person: Uuid,
    /// The number of the scan before it.
    before: Option<u64>,
}

/// Scans have numbers in the order in which they came.
#[derive(Default)]
pub(super) struct Lately {
    seen: VecDeque<Seen>,
    /// The number of the oldest that is held.
    oldest: u64,
    /// The number of everybody's last scan.
    last: HashMap<Uuid, u64>,
}

impl Lately {
    pub fn len(&self) -> usize {
        self.seen.len()
    }

    /// What is held of a person, the latest first.
    pub fn of(&self, person: Uuid) -> impl Iterator<Item = &Seen> {
        let last = self.last.get(&person).and_then(|number| self.get(*number));
        successors(last, |seen| seen.before.and_then(|number| self.get(number)))
    }

    pub fn push(&mut self, person: Uuid, sighting: Sighting, repeat: bool) {
        let number = self.oldest + self.seen.len() as u64;
        let before = self.last.insert(person, number);
        self.seen.push_back(Seen { sighting, repeat, person, before });
    }

    pub fn forget_before(&mut self, from: Timestamp) {
        while let Some(seen) = self.seen.pop_front_if(|seen| seen.sighting.point.at < from) {
            if self.last.get(&seen.person) == Some(&self.oldest) {
                self.last.remove(&seen.person);
            }
            self.oldest += 1;
        }
    }

    fn get(&self, number: u64) -> Option<&Seen> {
        self.seen.get(usize::try_from(number.checked_sub(self.oldest)?).ok()?)
    }
}
