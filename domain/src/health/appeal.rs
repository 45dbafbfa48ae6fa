//! The life of an appeal against a colour: `open -> granted`, `rejected` or `withdrawn`, with a clock that runs until a person
//! has decided.

use uuid::Uuid;

use super::Colour;
use crate::time::{HOUR, Timestamp};

crate::macros::words! {
    AppealState { Open = "open", Granted = "granted", Rejected = "rejected", Withdrawn = "withdrawn" }
}

/// What somebody wants to do with an appeal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AppealStep {
    /// An official grants it: the colour becomes this one. Of a code that is no longer restricted it is green, and stays.
    Grant { to: Colour },
    /// An official turns it down, with a reason.
    Reject,
    /// The citizen takes it back.
    Withdraw,
}

/// Why an appeal cannot be filed, or a step not be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AppealRefused {
    #[error("only a yellow or red code is appealed against")]
    NotRestricted,
    #[error("an appeal is open already")]
    AlreadyOpen,
    #[error("the appeal is {0}")]
    WrongState(AppealState),
    #[error("who set the colour does not decide on the appeal against it")]
    OwnDecision,
    #[error("it is not this person's appeal")]
    NotTheirs,
    #[error("an appeal that is granted leads to a milder colour than the present one")]
    NotMilder,
}

/// What the rules need to know of an appeal.
#[derive(Debug, Clone, Copy)]
pub struct AppealFacts<'a> {
    pub state: AppealState,
    pub person: Uuid,
    /// The officials by whose hand the colour came about, that of the appeal and what became of it since.
    pub set_by: &'a [Uuid],
    /// The colour at present.
    pub colour: Colour,
}

/// Whether somebody with this colour may file one.
pub fn may_file(colour: Colour, open: Option<Uuid>) -> Result<(), AppealRefused> {
    match (colour, open) {
        (Colour::Yellow | Colour::Red, None) => Ok(()),
        (Colour::Yellow | Colour::Red, Some(_)) => Err(AppealRefused::AlreadyOpen),
        (Colour::Grey | Colour::Green, _) => Err(AppealRefused::NotRestricted),
    }
}

/// The state after `step` by `actor`: the citizen for a withdrawal, else an official.
pub fn step(appeal: &AppealFacts<'_>, step: AppealStep, actor: Uuid) -> Result<AppealState, AppealRefused> {
    if appeal.state != AppealState::Open {
        return Err(AppealRefused::WrongState(appeal.state));
    }
    let own = appeal.set_by.contains(&actor) || appeal.person == actor;
    match step {
        AppealStep::Withdraw if appeal.person != actor => Err(AppealRefused::NotTheirs),
        AppealStep::Withdraw => Ok(AppealState::Withdrawn),
        AppealStep::Grant { .. } | AppealStep::Reject if own => Err(AppealRefused::OwnDecision),
        AppealStep::Grant { to } if !is_milder(appeal.colour, to) => Err(AppealRefused::NotMilder),
        AppealStep::Grant { .. } => Ok(AppealState::Granted),
        AppealStep::Reject => Ok(AppealState::Rejected),
    }
}

/// Whether a granted appeal leads here. A code whose days were done meanwhile stays as it is: what is granted then clears
/// the record only.
fn is_milder(colour: Colour, to: Colour) -> bool {
    match colour {
        Colour::Grey | Colour::Green => to == Colour::Green,
        Colour::Yellow | Colour::Red => to != Colour::Grey && to < colour,
    }
}

/// Until when a person has to decide. An overdue appeal stays open and is shown as such: time grants nothing.
pub fn due_at(filed_at: Timestamp, hours: u16) -> Timestamp {
    filed_at + i64::from(hours) * HOUR
}

/// Milliseconds left on the clock of an open appeal; negative when it is overdue.
pub fn time_left(filed_at: Timestamp, hours: u16, now: Timestamp) -> i64 {
    due_at(filed_at, hours) - now
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERSON: Uuid = Uuid::from_u128(1);
    const SETTER: Uuid = Uuid::from_u128(2);
    const OTHER: Uuid = Uuid::from_u128(3);

    fn facts(state: AppealState) -> AppealFacts<'static> {
        AppealFacts { state, person: PERSON, set_by: &[SETTER], colour: Colour::Red }
    }

    #[test]
    fn only_an_open_appeal_moves() {
        for state in AppealState::ALL.iter().copied() {
            let f = facts(state);
            let open = state == AppealState::Open;
            for (wanted, actor) in [
                (AppealStep::Grant { to: Colour::Green }, OTHER),
                (AppealStep::Reject, OTHER),
                (AppealStep::Withdraw, PERSON),
            ] {
                assert_eq!(step(&f, wanted, actor).is_ok(), open, "{state} {wanted:?}");
            }
        }
    }

    #[test]
    fn somebody_else_decides_and_only_for_the_better() {
        let f = facts(AppealState::Open);
        assert_eq!(step(&f, AppealStep::Reject, SETTER), Err(AppealRefused::OwnDecision));
        assert_eq!(
            step(&f, AppealStep::Grant { to: Colour::Green }, PERSON),
            Err(AppealRefused::OwnDecision)
        );
        assert_eq!(step(&f, AppealStep::Withdraw, OTHER), Err(AppealRefused::NotTheirs));
        assert_eq!(step(&f, AppealStep::Grant { to: Colour::Red }, OTHER), Err(AppealRefused::NotMilder));
        assert_eq!(step(&f, AppealStep::Grant { to: Colour::Grey }, OTHER), Err(AppealRefused::NotMilder));
        assert_eq!(step(&f, AppealStep::Grant { to: Colour::Yellow }, OTHER), Ok(AppealState::Granted));
    }

    #[test]
    fn who_has_served_their_days_meanwhile_can_still_be_right() {
        let f = AppealFacts { colour: Colour::Green, ..facts(AppealState::Open) };
        assert_eq!(step(&f, AppealStep::Grant { to: Colour::Green }, OTHER), Ok(AppealState::Granted));
        for to in [Colour::Grey, Colour::Yellow, Colour::Red] {
            assert_eq!(step(&f, AppealStep::Grant { to }, OTHER), Err(AppealRefused::NotMilder));
        }
    }

    #[test]
    fn one_at_a_time_and_against_a_restriction() {
        assert_eq!(may_file(Colour::Red, None), Ok(()));
        assert_eq!(may_file(Colour::Yellow, Some(OTHER)), Err(AppealRefused::AlreadyOpen));
        assert_eq!(may_file(Colour::Green, None), Err(AppealRefused::NotRestricted));
        assert_eq!(may_file(Colour::Grey, None), Err(AppealRefused::NotRestricted));
    }

    #[test]
    fn the_clock_runs_on() {
        let filed = Timestamp(HOUR);
        assert_eq!(time_left(filed, 24, filed), 24 * HOUR);
        assert_eq!(time_left(filed, 24, filed + 24 * HOUR), 0);
        assert_eq!(time_left(filed, 24, filed + 25 * HOUR), -HOUR);
    }
}
