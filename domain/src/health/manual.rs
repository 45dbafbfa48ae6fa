//! Colours that an official sets: on a closed list of grounds, with evidence, and with a second official where many
//! changes or a red code ask for one.
//!
//! The grounds are all of the epidemic. Codes have been turned red for other reasons; here there is no word for those.

use uuid::Uuid;

use super::{Colour, Refused};
use crate::time::{HOUR, Timestamp};

/// Longest reference to evidence, in characters.
const MAX_DOCUMENT: usize = 200;

crate::macros::words! {
    /// Why an official sets a colour.
    Ground {
        /// The code rests on a record of somebody else, or one that is wrong.
        RecordError = "record_error",
        /// A quarantine was ended with a notice of release that no list holds.
        ReleaseNotice = "release_notice",
        /// Tests or doctors rule an infection out.
        RuledOut = "ruled_out",
        /// A test or a doctor finds an infection or its signs.
        ClinicalFinding = "clinical_finding",
        /// An investigation finds a contact or a stay that no list holds.
        EpidemiologicalFinding = "epidemiological_finding",
    }
}

impl Ground {
    /// Whether it makes a colour worse; else it makes it milder.
    pub const fn worsens(self) -> bool {
        match self {
            Self::RecordError | Self::ReleaseNotice | Self::RuledOut => false,
            Self::ClinicalFinding | Self::EpidemiologicalFinding => true,
        }
    }

    /// What the person reads, in Chinese and English.
    pub const fn text(self) -> (&'static str, &'static str) {
        match self {
            Self::RecordError => ("记录有误", "A record was wrong"),
            Self::ReleaseNotice => ("解除隔离通知", "Notice of release from quarantine"),
            Self::RuledOut => ("检测或诊断排除感染", "An infection was ruled out"),
            Self::ClinicalFinding => ("检测或诊断发现", "Finding of a test or a doctor"),
            Self::EpidemiologicalFinding => ("流行病学调查发现", "Finding of an investigation"),
        }
    }
}

/// When a change needs a second official.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ManualLimits {
    /// Changes that one official may make alone within an hour.
    pub alone_per_hour: usize,
    /// Whether every change to red needs a second official.
    pub second_for_red: bool,
}

/// What an official wants to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManualChange {
    /// The row of this change.
    pub decision: Uuid,
    pub to: Colour,
    pub ground: Ground,
    /// The document that it rests on: a reference number, a file.
    pub document: String,
    pub by: Uuid,
    /// Who confirmed it.
    pub second: Option<Uuid>,
}

/// A change that as many officials stand behind as it needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authorised(ManualChange);

impl ManualChange {
    /// Whether a second official is needed. `recent` are the official's earlier changes; those with a later time than `now`
    /// count too, so that a clock that went back gives nobody more of them.
    pub fn needs_second(&self, recent: &[Timestamp], limits: ManualLimits, now: Timestamp) -> bool {
        let within = recent.iter().filter(|at| **at > now - HOUR).count();
        within >= limits.alone_per_hour || (limits.second_for_red && self.to == Colour::Red)
    }

    /// Whether the ground leads from this colour to the one that is wanted. Grey comes of no decision, and green not of grey:
    /// only a declaration ends that.
    pub fn fits(&self, from: Colour) -> Result<(), Refused> {
        match (from, self.to) {
            (from, to) if from == to => Err(Refused::SameColour(to)),
            (_, Colour::Grey) => Err(Refused::WrongColour),
            (Colour::Grey, Colour::Green) => Err(Refused::NotDeclared),
            (_, to) if (to > from) == self.ground.worsens() => Ok(()),
            _ => Err(Refused::WrongGround),
        }
    }

    /// Checks evidence and officials. Whether the ground fits the present colour is seen when it is applied.
    pub fn authorise(
        self,
        recent: &[Timestamp],
        limits: ManualLimits,
        now: Timestamp,
    ) -> Result<Authorised, Refused> {
        let length = self.document.trim().chars().count();
        if !(1..=MAX_DOCUMENT).contains(&length) {
            return Err(Refused::NoEvidence);
        }
        match self.second {
            Some(second) if second == self.by => Err(Refused::SameOfficial),
            None if self.needs_second(recent, limits, now) => Err(Refused::SecondOfficial),
            Some(_) | None => Ok(Authorised(self)),
        }
    }
}

impl Authorised {
    pub fn to(&self) -> Colour {
        self.0.to
    }

    pub fn decision(&self) -> Uuid {
        self.0.decision
    }

    pub fn change(&self) -> &ManualChange {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::SECOND;

    const LIMITS: ManualLimits = ManualLimits { alone_per_hour: 3, second_for_red: true };
    const NOW: Timestamp = Timestamp(100 * HOUR);

    fn change(to: Colour, second: Option<u128>) -> ManualChange {
        ManualChange {
            decision: Uuid::from_u128(9),
            to,
            ground: Ground::RecordError,
            document: "杭卫函〔2020〕12号".to_owned(),
            by: Uuid::from_u128(1),
            second: second.map(Uuid::from_u128),
        }
    }

    fn ago(seconds: &[i64]) -> Vec<Timestamp> {
        seconds.iter().map(|s| NOW - s * SECOND).collect()
    }

    #[test]
    fn the_fourth_change_within_an_hour_needs_a_second_official() {
        let alone =
            |recent: &[i64]| change(Colour::Green, None).authorise(&ago(recent), LIMITS, NOW).map(|_| ());
        assert_eq!(alone(&[10, 20]), Ok(()));
        assert_eq!(alone(&[10, 20, 3600]), Ok(()), "an hour ago is no longer within the hour");
        assert_eq!(alone(&[10, 20, 3599]), Err(Refused::SecondOfficial));
        assert_eq!(alone(&[10, 20, -7200]), Err(Refused::SecondOfficial), "made before the clock went back");
        assert!(change(Colour::Green, Some(2)).authorise(&ago(&[1, 2, 3]), LIMITS, NOW).is_ok());
    }

    #[test]
    fn red_needs_a_second_official_who_is_another() {
        let red = |second, limits| change(Colour::Red, second).authorise(&[], limits, NOW).map(|_| ());
        assert_eq!(red(None, LIMITS), Err(Refused::SecondOfficial));
        assert_eq!(red(Some(1), LIMITS), Err(Refused::SameOfficial));
        assert_eq!(red(Some(2), LIMITS), Ok(()));
        assert_eq!(red(None, ManualLimits { second_for_red: false, ..LIMITS }), Ok(()));
    }

    #[test]
    fn no_change_without_evidence() {
        for document in ["", "  ", &"字".repeat(201)] {
            let bare = ManualChange { document: document.to_owned(), ..change(Colour::Green, Some(2)) };
            assert_eq!(bare.authorise(&[], LIMITS, NOW), Err(Refused::NoEvidence));
        }
    }

    #[test]
    fn grounds_lead_one_way() {
        for ground in Ground::ALL.iter().copied() {
            for (from, to) in [(Colour::Red, Colour::Yellow), (Colour::Green, Colour::Yellow)] {
                let change = ManualChange { ground, ..change(to, None) };
                assert_eq!(
                    change.fits(from).is_ok(),
                    (to > from) == ground.worsens(),
                    "{ground} {from} {to}"
                );
            }
            let grey = ManualChange { ground, ..change(Colour::Grey, None) };
            assert_eq!(grey.fits(Colour::Red), Err(Refused::WrongColour));
            let green = ManualChange { ground, ..change(Colour::Green, None) };
            assert_eq!(green.fits(Colour::Grey), Err(Refused::NotDeclared));
            assert_eq!(green.fits(Colour::Green), Err(Refused::SameColour(Colour::Green)));
        }
    }
}
