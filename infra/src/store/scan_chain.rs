//! Where new scans meet those that are there already: what the rules say of a person's scans from some moment on.
//!
//! Scans arrive out of order (an offline batch, an import), and then they may turn later ones into repeats, or repeats
//! back into recorded scans, and cast or lift doubts. So whoever writes reads the neighbourhood first, asks
//! [`mashang_domain::venue::plausibility::verdicts_of`] about all of it, and writes down what changed.

use std::collections::HashMap;

use mashang_domain::time::{DAY, HOUR, Timestamp};
use mashang_domain::venue::ScanPoint;
use mashang_domain::venue::plausibility::{
    NEIGHBOURS_MILLIS, PlausibilityRules, Sighting, Verdict, verdicts_of,
};
use sea_orm::{ConnectionTrait, DbErr};
use uuid::Uuid;

use super::scan::{self, Neighbour};
use super::scan_tx::ScanTx;

/// A person's scans as far as the rules want them: recorded ones before the moment, all from it on.
#[derive(Debug, Default)]
pub(crate) struct Chain {
    pub sightings: Vec<Sighting>,
    /// As they stand in the database; `None` for a new one.
    stored: Vec<Option<Verdict>>,
    /// Before the moment: nothing changes there.
    settled: Vec<bool>,
    pub verdicts: Vec<Verdict>,
}

impl Chain {
    /// The chain of one person. What stands `before` the moment is as it is.
    fn new(
        neighbours: Vec<Neighbour>,
        new: Vec<Sighting>,
        before: impl Fn(&ScanPoint) -> bool,
        rules: &PlausibilityRules,
    ) -> Self {
        let mut chain = Chain::default();
        for Neighbour { sighting, verdict, .. } in neighbours {
            let before = before(&sighting.point);
            if !(before && verdict.repeat) {
                chain.push(sighting, Some(verdict), before);
            }
        }
        for sighting in new {
            chain.push(sighting, None, false);
        }
        chain.verdicts = verdicts_of(&chain.sightings, rules, |i| !chain.settled[i]);
        for (i, stored) in chain.stored.iter().enumerate().filter(|(i, _)| chain.settled[*i]) {
            chain.verdicts[i] = stored.unwrap_or(chain.verdicts[i]);
        }
        chain
    }

    fn push(&mut self, sighting: Sighting, stored: Option<Verdict>, settled: bool) {
        self.sightings.push(sighting);
        self.stored.push(stored);
        self.settled.push(settled);
    }

    /// Rows whose marks are no longer right.
    pub fn changes(&self) -> impl Iterator<Item = (Uuid, Timestamp, Verdict)> + '_ {
        let rows = self.sightings.iter().zip(&self.stored).zip(&self.settled).zip(&self.verdicts);
        rows.filter(|(((_, stored), settled), verdict)| {
            !**settled && stored.is_some_and(|stored| stored != **verdict)
        })
        .map(|(((sighting, _), _), verdict)| (sighting.point.id, sighting.point.at, *verdict))
    }

    pub fn position(&self, id: Uuid) -> Option<usize> {
        self.sightings.iter().position(|s| s.point.id == id)
    }

    /// The recorded scan that the scan at `position` repeats.
    pub fn repeated(&self, position: usize) -> Option<usize> {
        let point = &self.sightings[position].point;
        let place = (point.venue_id, point.zone_id, point.direction);
        let same = |&i: &usize| {
            let other = &self.sightings[i].point;
            !self.verdicts[i].repeat
                && (other.venue_id, other.zone_id, other.direction) == place
                && other.key() < point.key()
        };
        (0..self.sightings.len()).filter(same).max_by_key(|&i| self.sightings[i].point.at)
    }
}

/// The chains of all people who have something new, by person.
pub(crate) async fn chains_with(
    tx: &mut ScanTx,
    new: HashMap<Uuid, Vec<Sighting>>,
    now: Timestamp,
    rules: &PlausibilityRules,
) -> Result<HashMap<Uuid, Chain>, DbErr> {
    // An old scan makes us read everything its person has scanned since; nobody else's.
    let hour_ago = now - HOUR;
    let earliest = |scans: &[Sighting]| scans.iter().map(|s| s.point.at).min().unwrap_or(now);
    let last = new.values().flatten().map(|s| s.point.at).max().unwrap_or(now).max(now);
    let (recent, old): (Vec<_>, Vec<_>) =
        new.iter().map(|(person, scans)| (*person, earliest(scans))).partition(|(_, at)| *at >= hour_ago);
    let mut near = HashMap::new();
    for people in [recent, old] {
        let Some(from) = people.iter().map(|(_, at)| *at).min() else { continue };
        let ids: Vec<Uuid> = people.into_iter().map(|(person, _)| person).collect();
        near.extend(by_person(tx.neighbours(&ids, from - NEIGHBOURS_MILLIS, last + DAY).await?));
    }
    let chain = |(person, new): (Uuid, Vec<Sighting>)| {
        let there = near.remove(&person).unwrap_or_default();
        let first: Option<ScanPoint> =
            new.iter().map(|s| &s.point).min_by(|a, b| a.key().cmp(&b.key())).cloned();
        let before = |point: &ScanPoint| first.as_ref().is_some_and(|first| point.key() < first.key());
        (person, Chain::new(there, new, before, rules))
    };
    Ok(new.into_iter().map(chain).collect())
}

fn by_person(rows: Vec<Neighbour>) -> HashMap<Uuid, Vec<Neighbour>> {
    let mut people: HashMap<Uuid, Vec<Neighbour>> = HashMap::new();
    for row in rows {
        people.entry(row.person_id).or_default().push(row);
    }
    people
}

/// Puts the marks of these people's scans right, from each one's moment on. Returns how many rows changed.
pub(crate) async fn settle(
    tx: &impl ConnectionTrait,
    people: &[(Uuid, Timestamp)],
    to: Timestamp,
    rules: &PlausibilityRules,
) -> Result<usize, DbErr> {
    let Some(from) = people.iter().map(|(_, at)| *at).min() else { return Ok(0) };
    let ids: Vec<Uuid> = people.iter().map(|(person, _)| *person).collect();
    scan::lock_people(tx, &ids).await?;
    let mut near = by_person(scan::neighbours(tx, &ids, from - NEIGHBOURS_MILLIS, to).await?);
    let mut changes = Vec::new();
    for (person, moment) in people {
        let there = near.remove(person).unwrap_or_default();
        changes.extend(Chain::new(there, Vec::new(), |point| point.at < *moment, rules).changes());
    }
    scan::mark(tx, &changes).await?;
    Ok(changes.len())
}
