//! Counts that are shown without showing anybody: a cell of one to four people is hidden.
//!
//! A hidden cell could be computed where its neighbours and their sum are known, the sum from a question one level up. So of
//! cells that add up to such a sum never one alone is hidden: the next smallest one goes with it.

/// Counts below this, and above nothing, are hidden.
pub const SMALL: i64 = 5;

/// What a spreadsheet shows in place of a hidden count.
pub const HIDDEN: &str = "<5";

/// The count, unless so few stand behind it that they could be recognised.
pub const fn shown(count: i64) -> Option<i64> {
    if count > 0 && count < SMALL { None } else { Some(count) }
}

/// As [`shown`], for cells that add up to a sum that is known elsewhere.
pub fn shown_together(counts: &[i64]) -> Vec<Option<i64>> {
    let mut cells: Vec<Option<i64>> = counts.iter().map(|count| shown(*count)).collect();
    if cells.iter().filter(|cell| cell.is_none()).count() == 1 {
        let next = cells.iter_mut().filter(|cell| cell.is_some_and(|count| count > 0)).min();
        if let Some(next) = next {
            *next = None;
        }
    }
    cells
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn few_are_hidden_and_none_and_many_are_not() {
        let cells = [-1, 0, 1, 4, 5, 1_000].map(shown);
        assert_eq!(cells, [Some(-1), Some(0), None, None, Some(5), Some(1_000)]);
    }

    #[test]
    fn no_cell_is_hidden_alone() {
        let together = |counts: &[i64]| shown_together(counts);
        assert_eq!(together(&[9, 2, 6, 0]), [Some(9), None, None, Some(0)]);
        assert_eq!(together(&[9, 2, 3]), [Some(9), None, None]);
        assert_eq!(together(&[9, 7]), [Some(9), Some(7)]);
        assert_eq!(together(&[2, 0]), [None, Some(0)], "there is nothing to go with it");
        assert_eq!(together(&[]), []);
    }

    proptest! {
        #[test]
        fn what_is_shown_is_right_and_never_small(counts in proptest::collection::vec(0i64..20, 0..12)) {
            let cells = shown_together(&counts);
            let hidden: Vec<i64> =
                counts.iter().zip(&cells).filter(|(_, cell)| cell.is_none()).map(|(count, _)| *count).collect();
            for (count, cell) in counts.iter().zip(&cells) {
                prop_assert!(cell.is_none_or(|shown| shown == *count && !(1..SMALL).contains(&shown)));
            }
            let others = counts.iter().filter(|count| **count > 0).count();
            prop_assert!(hidden.len() != 1 || others == 1, "{counts:?} {cells:?}");
        }
    }
}
