//! What a provider allows one number: known beforehand, it costs no refusal, and no place in the provider's own count.
//!
//! Windows roll. Those of a provider may begin at the full minute or hour; a rolling window is never laxer.

use crate::time::{DAY, HOUR, MINUTE, Timestamp};

/// Messages or calls to one number; `None` = as many as one likes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct NumberCaps {
    pub minute: Option<u32>,
    pub hour: Option<u32>,
    pub day: Option<u32>,
}

impl NumberCaps {
    pub const fn is_none(&self) -> bool {
        self.minute.is_none() && self.hour.is_none() && self.day.is_none()
    }

    /// When another one may be sent after those of `sent`; `None` = now.
    pub fn free_at(&self, sent: &[Timestamp], now: Timestamp) -> Option<Timestamp> {
        let windows = [(self.minute, MINUTE), (self.hour, HOUR), (self.day, DAY)];
        windows.into_iter().filter_map(|(cap, window)| free_in(cap?, window, sent, now)).max()
    }
}

fn free_in(cap: u32, window: i64, sent: &[Timestamp], now: Timestamp) -> Option<Timestamp> {
    let mut recent: Vec<Timestamp> = sent.iter().copied().filter(|at| now - *at < window).collect();
    let cap = usize::try_from(cap).unwrap_or(usize::MAX);
    if recent.len() < cap {
        return None;
    }
    recent.sort_unstable();
    // As soon as fewer than `cap` lie in the window; a cap of nothing never ends.
    recent.get(recent.len() - cap).map_or(Some(now + window), |at| Some(*at + window))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const NOW: i64 = 100 * DAY;

    fn caps(minute: u32, hour: u32, day: u32) -> NumberCaps {
        NumberCaps { minute: Some(minute), hour: Some(hour), day: Some(day) }
    }

    /// Minutes ago, and the minutes from now until another one may be sent.
    #[rstest]
    #[case::nothing(&[], None)]
    #[case::just_now(&[0], Some(1))]
    #[case::a_minute_ago(&[1], None)]
    #[case::hour_full(&[59, 40, 30, 20, 10], Some(1))]
    #[case::hour_and_minute(&[50, 40, 30, 20, 0], Some(10))]
    #[case::an_hour_ago(&[60, 40, 30, 20, 10], None)]
    #[case::order_does_not_matter(&[10, 59, 20, 40, 30], Some(1))]
    #[case::day_full(&[1_439, 1_000, 900, 800, 700, 600, 500, 400, 300, 200], Some(1))]
    #[case::a_day_ago(&[1_440, 1_000, 900, 800, 700, 600, 500, 400, 300, 200], None)]
    #[case::one_too_many(&[1_439, 1_430, 1_000, 900, 800, 700, 600, 500, 400, 300, 200], Some(10))]
    fn aliyun_allows(#[case] ago: &[i64], #[case] wait: Option<i64>) {
        let sent: Vec<Timestamp> = ago.iter().map(|m| Timestamp(NOW - m * MINUTE)).collect();
        let expected = wait.map(|m| Timestamp(NOW + m * MINUTE));
        assert_eq!(caps(1, 5, 10).free_at(&sent, Timestamp(NOW)), expected);
    }

    #[test]
    fn no_cap_is_no_wait_and_a_cap_of_nothing_has_no_end() {
        let sent = [Timestamp(NOW); 50];
        assert_eq!(NumberCaps::default().free_at(&sent, Timestamp(NOW)), None);
        assert_eq!(
            NumberCaps { day: Some(0), ..Default::default() }.free_at(&[], Timestamp(NOW)),
            Some(Timestamp(NOW + DAY))
        );
    }
}
