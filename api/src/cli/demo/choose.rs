//! Picks whom the demo reports as a case: the person who was near most others within 14 days.
//!
//! One pass over the rows in the order of time. People with more than twenty scans on a day are left out: they are
//! machines, and their visits are doubted.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet, VecDeque};

use mashang_domain::time::{DAY, HOUR, Timestamp};

use super::city::Row;

/// Scans on one day above which nobody is chosen.
const MACHINE: usize = 20;
/// People whose windows are looked at closely.
const SHORT_LIST: usize = 200;

/// A person and the window in which they were near most others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Chosen {
    pub(super) user: String,
    pub(super) start: Timestamp,
    pub(super) end: Timestamp,
}

/// A scan, and who had scanned there within the hour before.
type Encounter<'a> = (Timestamp, Vec<&'a str>);

pub(super) fn case(rows: &[Row]) -> Option<Chosen> {
    let near = encounters(rows);
    let mut people: Vec<_> = near.iter().filter(|(_, scans)| !is_machine(scans)).collect();
    people.sort_by_key(|(user, scans)| {
        (Reverse(scans.iter().map(|(_, others)| others.len()).sum::<usize>()), **user)
    });
    let best = people.into_iter().take(SHORT_LIST).filter_map(|(user, scans)| {
        let (count, end) = best_window(scans)?;
        Some((count, Reverse(*user), end))
    });
    let (_, Reverse(user), end) = best.max()?;
    let end = end + 2 * HOUR;
    Some(Chosen { user: user.to_owned(), start: end - 14 * DAY, end })
}

fn encounters(rows: &[Row]) -> HashMap<&str, Vec<Encounter<'_>>> {
    let mut lately: HashMap<&str, VecDeque<(Timestamp, &str)>> = HashMap::new();
    let mut near: HashMap<&str, Vec<Encounter<'_>>> = HashMap::new();
    for row in rows {
        let here = lately.entry(row.venue.as_str()).or_default();
        while here.front().is_some_and(|(t, _)| *t < row.at - HOUR) {
            here.pop_front();
        }
        let others = here.iter().map(|(_, user)| *user).filter(|user| *user != row.user).collect();
        near.entry(row.user.as_str()).or_default().push((row.at, others));
        here.push_back((row.at, row.user.as_str()));
    }
    near
}

fn is_machine(scans: &[Encounter<'_>]) -> bool {
    scans.windows(MACHINE + 1).any(|w| w[MACHINE].0 - w[0].0 < DAY)
}

/// The largest number of different people met in 14 days, and the last scan of that window.
fn best_window(scans: &[Encounter<'_>]) -> Option<(usize, Timestamp)> {
    let windows = scans.iter().map(|(end, _)| {
        let inside = scans.iter().filter(|(at, _)| (*end - 13 * DAY..=*end).contains(at));
        let met: HashSet<&str> = inside.flat_map(|(_, others)| others.iter().copied()).collect();
        (met.len(), *end)
    });
    windows.max().filter(|(count, _)| *count > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_one_among_others_is_chosen_and_no_machine() {
        let row = |at: i64, user: &str, venue: &str| Row {
            at: Timestamp::from_secs(at),
            user: user.into(),
            venue: venue.into(),
        };
        let mut rows: Vec<Row> = (0..30).map(|i| row(i * 60, "robot", "hall")).collect();
        rows.extend([row(2000, "a", "shop"), row(2100, "b", "shop"), row(2200, "c", "shop")]);
        rows.sort_by_key(|r| r.at);
        assert_eq!(case(&rows).map(|c| c.user), Some("c".to_owned()));
        assert_eq!(case(&[]), None);
    }
}
