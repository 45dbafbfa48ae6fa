//! The infectious window of a case: the stretch of time in which its visits count.
//!
//! It starts `lead_hours` before the onset of symptoms (or before the positive sample, when there is no onset) and ends
//! with isolation, or with the report when the case is not isolated yet. A computed start is moved up to `max_days`
//! before the report; a window that an official sets is taken as it is, or refused.

use super::Span;
use crate::time::{DAY, HOUR, Timestamp};

/// What is known of a case when it is reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CaseFacts {
    pub reported_at: Timestamp,
    pub onset_at: Option<Timestamp>,
    pub positive_at: Option<Timestamp>,
    pub isolated_at: Option<Timestamp>,
    /// Set by an official in place of the computed one.
    pub window: Option<Span>,
}

/// The bounds of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WindowRule {
    /// Hours before onset or positive sample.
    pub lead_hours: i64,
    /// Days before the report that a window starts at most, and days after it that a window ends at most.
    pub max_days: i64,
}

/// Why there is no window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WindowError {
    #[error("onset_at, positive_at or a window is wanted")]
    NoBeginning,
    #[error("the window ends before it starts")]
    Empty,
    #[error("the window starts more than {0} days before the report")]
    TooEarly(i64),
    #[error("the window ends more than {0} days after the report")]
    TooLate(i64),
}

/// The window of a case.
///
/// # Errors
/// When nothing says where it begins, when it is empty, or when it reaches too far from the report.
pub fn infectious_window(facts: &CaseFacts, rule: &WindowRule) -> Result<Span, WindowError> {
    let earliest = facts.reported_at - rule.max_days * DAY;
    let window = match facts.window {
        Some(set) if set.start < earliest => return Err(WindowError::TooEarly(rule.max_days)),
        Some(set) => set,
        None => {
            let begun = facts.onset_at.or(facts.positive_at).ok_or(WindowError::NoBeginning)?;
            let start = (begun - rule.lead_hours * HOUR).max(earliest);
            Span { start, end: facts.isolated_at.unwrap_or(facts.reported_at) }
        }
    };
    if window.is_empty() {
        Err(WindowError::Empty)
    } else if window.end > facts.reported_at + rule.max_days * DAY {
        Err(WindowError::TooLate(rule.max_days))
    } else {
        Ok(window)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const RULE: WindowRule = WindowRule { lead_hours: 48, max_days: 14 };

    /// Hours since the report at hour 1,000.
    const fn at(hours: i64) -> Timestamp {
        Timestamp((1_000 + hours) * HOUR)
    }

    fn facts(onset: Option<i64>, positive: Option<i64>, isolated: Option<i64>) -> CaseFacts {
        CaseFacts {
            reported_at: at(0),
            onset_at: onset.map(at),
            positive_at: positive.map(at),
            isolated_at: isolated.map(at),
            window: None,
        }
    }

    #[rstest]
    #[case::onset_to_report(Some(-72), None, None, Ok((-120, 0)))]
    #[case::onset_to_isolation(Some(-72), None, Some(-24), Ok((-120, -24)))]
    #[case::isolated_after_the_report(Some(-72), None, Some(6), Ok((-120, 6)))]
    #[case::positive_without_onset(None, Some(-24), None, Ok((-72, 0)))]
    #[case::onset_wins(Some(-24), Some(-72), None, Ok((-72, 0)))]
    #[case::thirteen_days(Some(-13 * 24 + 48), None, None, Ok((-13 * 24, 0)))]
    #[case::fourteen_days(Some(-14 * 24 + 48), None, None, Ok((-14 * 24, 0)))]
    #[case::fifteen_days_are_cut(Some(-15 * 24 + 48), None, None, Ok((-14 * 24, 0)))]
    #[case::nothing_known(None, None, None, Err(WindowError::NoBeginning))]
    #[case::isolated_at_its_very_start(Some(-24), None, Some(-72), Err(WindowError::Empty))]
    #[case::isolated_an_hour_later(Some(-24), None, Some(-71), Ok((-72, -71)))]
    #[case::isolated_fourteen_days_on(Some(-24), None, Some(14 * 24), Ok((-72, 14 * 24)))]
    #[case::isolated_later_still(Some(-24), None, Some(14 * 24 + 1), Err(WindowError::TooLate(14)))]
    fn computed(
        #[case] onset: Option<i64>,
        #[case] positive: Option<i64>,
        #[case] isolated: Option<i64>,
        #[case] expected: Result<(i64, i64), WindowError>,
    ) {
        let expected = expected.map(|(start, end)| Span { start: at(start), end: at(end) });
        assert_eq!(infectious_window(&facts(onset, positive, isolated), &RULE), expected);
    }

    #[rstest]
    #[case::as_it_is(-14 * 24, 14 * 24, None)]
    #[case::too_early(-14 * 24 - 1, 0, Some(WindowError::TooEarly(14)))]
    #[case::too_late(-24, 14 * 24 + 1, Some(WindowError::TooLate(14)))]
    #[case::empty(-24, -24, Some(WindowError::Empty))]
    #[case::backwards(-24, -25, Some(WindowError::Empty))]
    fn set_by_an_official(#[case] start: i64, #[case] end: i64, #[case] refused: Option<WindowError>) {
        let set = Span { start: at(start), end: at(end) };
        let given = CaseFacts { window: Some(set), ..facts(Some(-500), None, None) };
        assert_eq!(infectious_window(&given, &RULE), refused.map_or(Ok(set), Err));
    }
}
