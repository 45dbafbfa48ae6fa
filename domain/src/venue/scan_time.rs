//! Which time of a scan counts: the server's or the telephone's.
//!
//! A telephone's clock may be off, so the server's time wins where both are close. Where they are not, the scan was made
//! offline and uploaded later: then the telephone's time is all there is, and it is kept in any case.

use crate::time::{DAY, Timestamp};

/// The bounds, from the settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScanTimeRules {
    /// Client times that differ by at most this many milliseconds are replaced by the server's.
    pub tolerance_ms: i64,
    /// Days after which a client time is too old to be believed.
    pub max_age_days: i64,
}

/// The times a scan is recorded with, in whole seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScanTime {
    pub at: Timestamp,
    /// The client's time, where it differs by more than the tolerance.
    pub client_at: Option<Timestamp>,
}

/// A client time that cannot be right. Its `code` is the one the API answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ScanTimeError {
    #[error("the scan is said to be made in the future")]
    InFuture,
    #[error("the scan is older than scans are accepted")]
    TooOld,
}

impl ScanTimeError {
    pub const fn code(self) -> &'static str {
        match self {
            ScanTimeError::InFuture => "scanned_at_in_future",
            ScanTimeError::TooOld => "scanned_at_too_old",
        }
    }
}

/// Decides which time counts.
pub fn scan_time(
    client: Option<Timestamp>,
    now: Timestamp,
    rules: &ScanTimeRules,
) -> Result<ScanTime, ScanTimeError> {
    let now = now.floor_to_second();
    let Some(client) = client.map(Timestamp::floor_to_second) else {
        return Ok(ScanTime { at: now, client_at: None });
    };
    let age = now - client;
    if age.abs() <= rules.tolerance_ms {
        Ok(ScanTime { at: now, client_at: None })
    } else if age < 0 {
        Err(ScanTimeError::InFuture)
    } else if age > rules.max_age_days * DAY {
        Err(ScanTimeError::TooOld)
    } else {
        Ok(ScanTime { at: client, client_at: Some(client) })
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::time::SECOND;

    const RULES: ScanTimeRules = ScanTimeRules { tolerance_ms: 300 * SECOND, max_age_days: 14 };
    const DAYS_14: i64 = 14 * 86_400;

    #[rstest]
    #[case::absent(None, Ok((0, None)))]
    #[case::close(Some(-299_500), Ok((0, None)))]
    #[case::at_the_tolerance(Some(-300_000), Ok((0, None)))]
    #[case::offline(Some(-301_000), Ok((-301, Some(-301))))]
    #[case::offline_with_a_fraction(Some(-400_001), Ok((-401, Some(-401))))]
    #[case::a_little_ahead(Some(300_000), Ok((0, None)))]
    #[case::ahead(Some(301_000), Err(ScanTimeError::InFuture))]
    #[case::fourteen_days(Some(-DAYS_14 * SECOND), Ok((-DAYS_14, Some(-DAYS_14))))]
    #[case::older(Some(-(DAYS_14 + 1) * SECOND), Err(ScanTimeError::TooOld))]
    fn which_time_counts(
        #[case] client_ms: Option<i64>,
        #[case] expected: Result<(i64, Option<i64>), ScanTimeError>,
    ) {
        let now = Timestamp::parse("2020-02-12T04:00:00Z").expect("parses");
        let expected = expected.map(|(at, client)| ScanTime {
            at: now + at * SECOND,
            client_at: client.map(|s| now + s * SECOND),
        });
        assert_eq!(scan_time(client_ms.map(|ms| now + ms), now + 999, &RULES), expected);
    }
}
