//! The ladder: by which channels a person is warned, and when each rung is due.
//!
//! A call rings between 08:00 and 21:00 (Asia/Shanghai) unless the approver marked the alert urgent; outside, it is due
//! at the next 08:00, and expired at once when the warning is stale by then. A call that waits for a receipt has no due
//! time of its own until the SMS before it was accepted.

use crate::delivery::{Channel, RungKind};
use crate::time::{DAY, HOUR, MINUTE, Timestamp};

/// The hours in which a call may ring, `[from, until)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VoiceHours {
    pub from: i64,
    pub until: i64,
}

/// What the due times of one alert depend on.
#[derive(Debug, Clone, Copy)]
pub struct Timing {
    pub expires_at: Timestamp,
    pub urgent: bool,
    pub voice: VoiceHours,
    /// Milliseconds from the acceptance of the SMS to the call that follows when no receipt came.
    pub call_after: i64,
}

/// When a rung is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    At(Timestamp),
    /// The warning is stale before the rung may be climbed.
    Expired,
}

/// The channel of a rung. A login code goes by the channel that was asked for instead.
pub const fn channel(rung: RungKind) -> Channel {
    match rung {
        RungKind::Login | RungKind::Sms => Channel::Sms,
        RungKind::Call | RungKind::CallWithoutReceipt => Channel::Voice,
        RungKind::Email => Channel::Email,
        RungKind::Subscribe => Channel::Subscribe,
    }
}

/// The first instant from `at` on at which a call may ring.
pub fn voice_from(at: Timestamp, hours: VoiceHours, urgent: bool) -> Timestamp {
    let hour = at.shanghai_minute_of_day() / 60;
    let opening = at.shanghai_day_start() + hours.from * HOUR;
    if urgent || (hours.from..hours.until).contains(&hour) {
        at
    } else if hour < hours.from {
        opening
    } else {
        opening + DAY
    }
}

/// When `rung` is due, as seen at `now`, at fan-out. A call without receipt is due when the SMS could have been accepted
/// at once; [`due_after_accepted`] puts it right when it was.
pub fn due(rung: RungKind, now: Timestamp, timing: &Timing) -> Due {
    let wanted = match rung {
        RungKind::Login | RungKind::Sms | RungKind::Email | RungKind::Subscribe => {
            return before(now, timing.expires_at);
        }
        RungKind::Call => now,
        RungKind::CallWithoutReceipt => now + timing.call_after,
    };
    before(voice_from(wanted, timing.voice, timing.urgent), timing.expires_at)
}

/// When the call is due that follows an SMS accepted at `accepted_at`, as seen at `now`.
pub fn due_after_accepted(accepted_at: Timestamp, now: Timestamp, timing: &Timing) -> Due {
    let wanted = (accepted_at + timing.call_after).max(now);
    before(voice_from(wanted, timing.voice, timing.urgent), timing.expires_at)
}

fn before(at: Timestamp, expires_at: Timestamp) -> Due {
    if at < expires_at { Due::At(at) } else { Due::Expired }
}

/// Minutes, for settings that are written so.
pub const fn minutes(n: i64) -> i64 {
    n * MINUTE
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const HOURS: VoiceHours = VoiceHours { from: 8, until: 21 };

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(&format!("2020-02-{text}+08:00")).expect("parses")
    }

    #[rstest]
    #[case::at_eight("12T08:00:00", "12T08:00:00")]
    #[case::a_second_before_eight("12T07:59:59", "12T08:00:00")]
    #[case::midnight("12T00:00:00", "12T08:00:00")]
    #[case::a_second_before_nine_pm("12T20:59:59", "12T20:59:59")]
    #[case::nine_pm("12T21:00:00", "13T08:00:00")]
    #[case::a_second_before_midnight("12T23:59:59", "13T08:00:00")]
    fn calls_ring_by_day(#[case] given: &str, #[case] expected: &str) {
        assert_eq!(voice_from(at(given), HOURS, false), at(expected));
        assert_eq!(voice_from(at(given), HOURS, true), at(given), "urgent");
    }

    fn timing(expires: &str, urgent: bool) -> Timing {
        Timing { expires_at: at(expires), urgent, voice: HOURS, call_after: minutes(10) }
    }

    #[test]
    fn rungs_are_due_at_their_time_or_never() {
        let night = timing("13T22:00:00", false);
        let now = at("12T22:00:00");
        assert_eq!(due(RungKind::Sms, now, &night), Due::At(now));
        assert_eq!(due(RungKind::Call, now, &night), Due::At(at("13T08:00:00")));
        assert_eq!(due(RungKind::Call, now, &timing("13T08:00:00", false)), Due::Expired);
        assert_eq!(due(RungKind::Call, now, &timing("13T08:00:00", true)), Due::At(now));
        assert_eq!(due(RungKind::Sms, now, &timing("12T22:00:00", true)), Due::Expired);
        let day = at("12T20:50:00");
        assert_eq!(due(RungKind::CallWithoutReceipt, day, &night), Due::At(at("13T08:00:00")));
        assert_eq!(due(RungKind::CallWithoutReceipt, day - 1, &night), Due::At(at("12T21:00:00") - 1));
    }

    #[test]
    fn the_second_call_counts_from_the_acceptance() {
        let day = timing("13T10:00:00", false);
        let accepted = at("12T10:00:00");
        assert_eq!(due_after_accepted(accepted, accepted, &day), Due::At(at("12T10:10:00")));
        assert_eq!(due_after_accepted(accepted, at("12T10:30:00"), &day), Due::At(at("12T10:30:00")));
    }
}
