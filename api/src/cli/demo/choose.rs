//! Picks whom the demo reports as a case: the person who was near most others within 14 days.
//!
//! One pass over the rows in the order of time. People with more than twenty scans on a day are left out: they are
//! machines, and their visits are doubted.

use std::collections::{HashMap, VecDeque};

use mashang_domain::time::{DAY, HOUR, Timestamp};

use super::city::Row;

/// Scans on one day above which nobody is chosen.
const MACHINE: usize = 20;

/// A person and the window in which they were near most others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Chosen {
    pub(super) user: String,
    pub(super) start: Timestamp,
    pub(super) end: Timestamp,
}

pub(super) fn case(rows: &[Row]) -> Option<Chosen> {
    let near = encounters(rows);
    let best = near.iter().filter(|(_, times)| !is_machine(times)).filter_map(|(user, times)| {
        let (count, end) = best_window(times)?;
        Some((count, std::cmp::Reverse(*user), end))
    });
    let (_, user, end) = best.max()?;
    let end = end + 2 * HOUR;
    Some(Chosen { user: user.0.to_owned(), start: end - 14 * DAY, end })
}

/// Per person: when they scanned, and how many others had scanned there within the hour before.
fn encounters(rows: &[Row]) -> HashMap<&str, Vec<(Timestamp, usize)>> {
    let mut lately: HashMap<&str, VecDeque<(Timestamp, &str)>> = HashMap::new();
    let mut near: HashMap<&str, Vec<(Timestamp, usize)>> = HashMap::new();
    for row in rows {
        let here = lately.entry(row.venue.as_str()).or_default();
        while here.front().is_some_and(|(t, _)| *t < row.at - HOUR) {
            here.pop_front();
        }
        let others = here.iter().filter(|(_, user)| *user != row.user).count();
        near.entry(row.user.as_str()).or_default().push((row.at, others));
        here.push_back((row.at, row.user.as_str()));
    }
    near
}

fn is_machine(times: &[(Timestamp, usize)]) -> bool {
    times.windows(MACHINE + 1).any(|w| w[MACHINE].0 - w[0].0 < DAY)
}

/// The largest number of encounters in 14 days, and the last scan of that window.
fn best_window(times: &[(Timestamp, usize)]) -> Option<(usize, Timestamp)> {
    let (mut from, mut sum, mut best) = (0, 0, None);
    for (at, others) in times {
        sum += others;
        while times[from].0 < *at - 13 * DAY {
            sum -= times[from].1;
            from += 1;
        }
        best = best.max(Some((sum, *at)));
    }
    best.filter(|(count, _)| *count > 0)
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
