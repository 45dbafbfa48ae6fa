//! What happens to a health code, and what comes of it.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::{Authorised, Colour, Fact, HealthState, RecordKind, Symptom, Temperature};
use crate::time::Timestamp;

/// Something that happens. Ids name the row that is the evidence. A scan is none of these: it recolours nobody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A declaration, with everything that is known when it is verified: what it states, what records and notices say,
    /// and whether they contradict it.
    Declared { facts: BTreeSet<Fact>, declaration: Uuid },
    /// An entry of an official list fits.
    Matched { kind: RecordKind, record: Uuid },
    /// A record turned out to contradict the declaration.
    Contradicted { record: Uuid },
    /// A warning of a trace, by its level.
    Notice { level: u8, notice: Uuid },
    /// Measured at a gate or a checkpoint.
    GateTemperature { temperature: Temperature, gate_event: Uuid },
    /// The daily report.
    CheckIn { symptoms: BTreeSet<Symptom>, temperature: Option<Temperature>, check_in: Uuid },
    /// Nothing but time: finds missed days and what has expired.
    DayTurned,
    /// What is known came to mean more together than each by itself: a symptom, and a stay that a list tells of.
    Combined { facts: BTreeSet<Fact>, evidence: Uuid },
    /// Everything that is known and still counts is looked at again; the only event by which the rules lighten a colour.
    Reviewed { facts: BTreeSet<Fact>, because: Review },
    /// An official record says that a quarantine was completed.
    QuarantineCompleted { record: Uuid },
    /// An official confirms the release of somebody whose days are done.
    Released { decision: Uuid },
    /// An official sets the colour.
    Manual(Authorised),
    /// An appeal was granted, and this is the colour that it leads to.
    AppealGranted { to: Colour, appeal: Uuid },
}

/// Why what is known is looked at again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Review {
    /// The rules have another version; `evidence` is that of the newest fact.
    RulesChanged { evidence: Uuid },
    /// A warning or a record turned out to be wrong and was taken back.
    Withdrawn { evidence: Uuid },
}

crate::macros::words! {
    /// What caused a change.
    ChangeKind {
        Declaration = "declaration", Record = "record", Contradiction = "contradiction", Notice = "notice",
        Gate = "gate", CheckIn = "check_in", Day = "day", Review = "review", Quarantine = "quarantine", Release = "release",
        Manual = "manual", Appeal = "appeal",
    }
}

impl Event {
    pub const fn kind(&self) -> ChangeKind {
        match self {
            Self::Declared { .. } => ChangeKind::Declaration,
            Self::Matched { .. } | Self::Combined { .. } => ChangeKind::Record,
            Self::Contradicted { .. } => ChangeKind::Contradiction,
            Self::Notice { .. } => ChangeKind::Notice,
            Self::GateTemperature { .. } => ChangeKind::Gate,
            Self::CheckIn { .. } => ChangeKind::CheckIn,
            Self::DayTurned => ChangeKind::Day,
            Self::Reviewed { .. } => ChangeKind::Review,
            Self::QuarantineCompleted { .. } => ChangeKind::Quarantine,
            Self::Released { .. } => ChangeKind::Release,
            Self::Manual(_) => ChangeKind::Manual,
            Self::AppealGranted { .. } => ChangeKind::Appeal,
        }
    }
}

/// An entry of the history: the colour changed, or the count of days did other than by a normal check-in. Who acted is the
/// caller's to add; for [`ChangeKind::Day`] it is the system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    pub kind: ChangeKind,
    pub at: Timestamp,
    pub from: Colour,
    pub to: Colour,
    pub reason: String,
    pub rule: Option<String>,
    pub rule_set: String,
    pub rule_version: u32,
    pub days_left: u16,
    pub evidence: Option<Uuid>,
}

/// An entry of the integrity record: the declaration was false.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Integrity {
    pub at: Timestamp,
    pub rule: String,
    /// The declaration, or the record that contradicts it.
    pub evidence: Uuid,
}

crate::macros::words! {
    /// What an entry of the integrity record says.
    IntegrityKind {
        FalseDeclaration = "false_declaration",
        /// An earlier entry no longer stands: an appeal against it was granted, or what it rests on was taken back.
        Lifted = "lifted",
    }
}

/// The state to store, with the history that has to be written in the same transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    pub state: HealthState,
    pub changes: Vec<Change>,
    pub integrity: Option<Integrity>,
}

/// Why an event changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("the clock is behind the last event, and that would lighten the colour")]
    ClockBehind,
    #[error("there is no valid declaration")]
    NotDeclared,
    #[error("only a red code is released")]
    NotRed,
    #[error("{left} days are left")]
    DaysLeft { left: u16 },
    #[error("a completed quarantine does not end what the colour rests on")]
    NotByQuarantine,
    #[error("the colour is {0} already")]
    SameColour(Colour),
    #[error("that colour cannot be set")]
    WrongColour,
    #[error("this ground does not lead to that colour")]
    WrongGround,
    #[error("a change needs the evidence it rests on")]
    NoEvidence,
    #[error("a second official has to confirm it")]
    SecondOfficial,
    #[error("the second official is somebody else")]
    SameOfficial,
}
