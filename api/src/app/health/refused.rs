//! What the rules refuse, as problems.

use mashang_domain::health::Refused;
use mashang_domain::health::appeal::AppealRefused;
use mashang_domain::health::request::RequestRefused;
use mashang_infra::health::decision::DecisionError;

use crate::error::{Code, Problem};

/// A refusal by the rules, as clients read it.
pub(crate) fn refusal(refused: Refused) -> Problem {
    let field = |name, code| Problem::field(name, code, refused.to_string());
    match refused {
        Refused::ClockBehind => Problem::retry(Code::Unavailable, 1_000),
        Refused::NotDeclared => Problem::new(Code::NotDeclared),
        Refused::DaysLeft { left } => Problem::new(Code::DaysLeft).with("days_left", left),
        Refused::NotRed | Refused::NotByQuarantine => Problem::new(Code::WrongState),
        Refused::SameColour(_) => Problem::new(Code::SameColour),
        Refused::WrongColour => field("to", "wrong_colour"),
        Refused::WrongGround => field("ground", "wrong_ground"),
        Refused::NoEvidence => field("document", "invalid"),
        Refused::SecondOfficial => Problem::new(Code::WrongState),
        Refused::SameOfficial => Problem::new(Code::OwnRequest),
    }
}

impl From<DecisionError> for Problem {
    fn from(error: DecisionError) -> Self {
        match error {
            DecisionError::NotFound => Self::new(Code::NotFound),
            DecisionError::Waiting => Self::new(Code::RequestWaiting),
            DecisionError::Rule(refused) => refusal(refused),
            DecisionError::Request(RequestRefused::WrongState(state)) => {
                Self::new(Code::WrongState).with("state", state.as_str())
            }
            DecisionError::Request(RequestRefused::SameOfficial) => Self::new(Code::OwnRequest),
            DecisionError::Appeal(refused) => appeal(refused),
            DecisionError::Seal(error) => error.into(),
            DecisionError::Db(error) => error.into(),
        }
    }
}

fn appeal(refused: AppealRefused) -> Problem {
    match refused {
        AppealRefused::NotRestricted => Problem::new(Code::NotRestricted),
        AppealRefused::AlreadyOpen => Problem::new(Code::AppealOpen),
        AppealRefused::WrongState(state) => Problem::new(Code::WrongState).with("state", state.as_str()),
        AppealRefused::OwnDecision => Problem::new(Code::OwnDecision),
        AppealRefused::NotTheirs => Problem::new(Code::NotFound),
        AppealRefused::NotMilder => Problem::field("to", "not_milder", refused.to_string()),
    }
}
