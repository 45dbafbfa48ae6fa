//! What a trace comes to, in numbers: shown before anything is sent.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::TraceResult;

/// People per level, under the keys "1", "2" and "3".
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ByLevel {
    #[serde(rename = "1")]
    pub one: u64,
    #[serde(rename = "2")]
    pub two: u64,
    #[serde(rename = "3")]
    pub three: u64,
}

impl ByLevel {
    pub fn add(&mut self, level: u8) {
        match level {
            3 => self.three += 1,
            2 => self.two += 1,
            _ => self.one += 1,
        }
    }

    pub fn of(&self, level: i16) -> u64 {
        match level {
            3 => self.three,
            2 => self.two,
            1 => self.one,
            _ => 0,
        }
    }

    pub fn total(&self) -> u64 {
        self.one + self.two + self.three
    }
}

/// The contacts that met a case at one venue, each at their worst level anywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VenueCount {
    pub venue_id: Uuid,
    pub by_level: ByLevel,
}

/// People per level.
pub fn by_level(result: &TraceResult) -> ByLevel {
    let mut counts = ByLevel::default();
    result.contacts.iter().for_each(|c| counts.add(c.level));
    counts
}

/// People per venue, most first. Who met a case at two venues counts at both.
pub fn by_venue(result: &TraceResult) -> Vec<VenueCount> {
    let mut counts: BTreeMap<Uuid, ByLevel> = BTreeMap::new();
    for contact in &result.contacts {
        let venues: BTreeSet<Uuid> = contact.meetings.iter().map(|m| m.venue_id).collect();
        venues.into_iter().for_each(|v| counts.entry(v).or_default().add(contact.level));
    }
    let mut list: Vec<VenueCount> =
        counts.into_iter().map(|(venue_id, by_level)| VenueCount { venue_id, by_level }).collect();
    list.sort_by_key(|v| (std::cmp::Reverse(v.by_level.total()), v.venue_id));
    list
}

#[cfg(test)]
mod tests {
    use super::super::meeting::tests::{case, other};
    use super::super::{CaseVisit, Contact, Meeting, Parameters, meet};
    use super::*;

    fn at(venue: u128) -> Meeting {
        let venue_id = Uuid::from_u128(venue);
        let visit = crate::venue::Visit { venue_id, ..other(1000, 1500, 0) };
        meet(&CaseVisit { venue_id, ..case(0) }, &visit, &Parameters::default()).expect("met")
    }

    fn contact(person: u128, level: u8, venues: &[u128]) -> Contact {
        let meetings = venues.iter().map(|v| at(*v)).collect();
        Contact { person_id: Uuid::from_u128(person), level, meetings }
    }

    #[test]
    fn people_are_counted_once_a_venue() {
        let contacts = vec![contact(1, 3, &[7, 8, 8]), contact(2, 1, &[8]), contact(3, 2, &[8])];
        let result = TraceResult { contacts, suspect_only: 0 };
        assert_eq!(by_level(&result), ByLevel { one: 1, two: 1, three: 1 });
        let venues: Vec<_> =
            by_venue(&result).iter().map(|v| (v.venue_id.as_u128(), v.by_level.total())).collect();
        assert_eq!(venues, [(8, 3), (7, 1)]);
    }

    #[test]
    fn the_keys_are_the_levels() {
        let text = serde_json::to_string(&ByLevel { one: 1, two: 2, three: 3 }).expect("serialises");
        assert_eq!(text, r#"{"1":1,"2":2,"3":3}"#);
    }
}
