//! What people are reminded of, and by which way.

use super::{Change, ChangeKind, Colour, Reason};

crate::macros::words! {
    /// What somebody is reminded of; once a day at most.
    ReminderKind {
        /// Today's check-in is still missing.
        CheckInDue = "check_in_due",
        /// A day was missed, and the days start again.
        DayMissed = "day_missed",
        /// The days are done and the code is green.
        QuarantineOver = "quarantine_over",
        /// An appeal was decided.
        AppealDecided = "appeal_decided",
    }
}

impl ReminderKind {
    /// The key of its template.
    pub const fn template(self) -> &'static str {
        match self {
            Self::CheckInDue => "reminder_check_in",
            Self::DayMissed => "reminder_missed",
            Self::QuarantineOver => "reminder_over",
            Self::AppealDecided => "reminder_appeal",
        }
    }

    /// What a change of a code is told by, if it is.
    pub fn of(change: &Change) -> Option<Self> {
        let green = change.to == Colour::Green && change.from > Colour::Green;
        match change.kind {
            ChangeKind::Day if change.reason == Reason::DayMissed.as_str() => Some(Self::DayMissed),
            ChangeKind::CheckIn | ChangeKind::Quarantine | ChangeKind::Release if green => {
                Some(Self::QuarantineOver)
            }
            ChangeKind::Declaration
            | ChangeKind::Record
            | ChangeKind::Contradiction
            | ChangeKind::Notice
            | ChangeKind::Gate
            | ChangeKind::CheckIn
            | ChangeKind::Day
            | ChangeKind::Review
            | ChangeKind::Quarantine
            | ChangeKind::Release
            | ChangeKind::Manual
            | ChangeKind::Appeal => None,
        }
    }
}

crate::macros::words! {
    /// How somebody wants to be reminded.
    ReminderWay {
        Sms = "sms",
        /// A message of the mini-program, where they agreed to it.
        Subscribe = "subscribe",
        None = "none",
    }
}
