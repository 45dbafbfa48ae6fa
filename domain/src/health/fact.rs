//! What is known of somebody that a rule can ask for.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

crate::macros::words! {
    /// One thing that is true of somebody. Conditions of rules are made of these; a scan is none of them.
    Fact {
        /// A declaration was made.
        Declared = "declared",
        DeclaredSymptom = "declared_symptom",
        /// Declared temperature at or above the threshold.
        DeclaredFever = "declared_fever",
        DeclaredContact = "declared_contact",
        DeclaredKeyArea = "declared_key_area",
        RecordConfirmed = "record_confirmed",
        RecordCloseContact = "record_close_contact",
        RecordKeyArea = "record_key_area",
        RecordQuarantine = "record_quarantine",
        /// An official record contradicts the declaration.
        FalseDeclaration = "false_declaration",
        NoticeLevel1 = "notice_level_1",
        NoticeLevel2 = "notice_level_2",
        NoticeLevel3 = "notice_level_3",
        /// Measured at a gate, at or above the threshold.
        GateFever = "gate_fever",
        /// A check-in with a symptom, or with a temperature at or above the threshold.
        CheckInAbnormal = "check_in_abnormal",
    }
}

impl Fact {
    /// Whether a declaration states it: a newer declaration takes its place.
    pub const fn is_declared(self) -> bool {
        matches!(
            self,
            Self::Declared
                | Self::DeclaredSymptom
                | Self::DeclaredFever
                | Self::DeclaredContact
                | Self::DeclaredKeyArea
        )
    }
}

crate::macros::words! {
    /// The official lists that are imported.
    RecordKind {
        Confirmed = "confirmed", CloseContact = "close_contact", KeyArea = "key_area", Quarantine = "quarantine",
    }
}

crate::macros::words! {
    /// What an official file can hold: one of those lists, or the key areas themselves.
    ListKind {
        Confirmed = "confirmed", CloseContact = "close_contact", KeyArea = "key_area", Quarantine = "quarantine",
        KeyAreaList = "key_area_list",
    }
}

impl ListKind {
    /// The kind of its records of people; none for a list of areas.
    pub const fn of_people(self) -> Option<RecordKind> {
        match self {
            Self::Confirmed => Some(RecordKind::Confirmed),
            Self::CloseContact => Some(RecordKind::CloseContact),
            Self::KeyArea => Some(RecordKind::KeyArea),
            Self::Quarantine => Some(RecordKind::Quarantine),
            Self::KeyAreaList => None,
        }
    }
}

crate::macros::words! {
    /// Symptoms that the forms ask for.
    Symptom {
        Fever = "fever", Cough = "cough", Fatigue = "fatigue", SoreThroat = "sore_throat", Dyspnoea = "dyspnoea",
        Diarrhoea = "diarrhoea", LossOfSmell = "loss_of_smell",
    }
}

impl RecordKind {
    /// The fact that an entry in this list is.
    pub const fn fact(self) -> Fact {
        match self {
            Self::Confirmed => Fact::RecordConfirmed,
            Self::CloseContact => Fact::RecordCloseContact,
            Self::KeyArea => Fact::RecordKeyArea,
            Self::Quarantine => Fact::RecordQuarantine,
        }
    }
}

/// A body temperature in tenths of a degree Celsius: 373 is 37.3 °C.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Temperature(pub u16);

impl Temperature {
    /// From degrees; `None` outside 30 to 45 °C, which no thermometer at a gate can mean. Rounded to the nearest tenth.
    pub fn from_celsius(degrees: f64) -> Option<Self> {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "300 to 450 fit")]
        (30.0..=45.0).contains(&degrees).then(|| Self((degrees * 10.0).round() as u16))
    }

    /// In degrees.
    pub fn celsius(self) -> f64 {
        f64::from(self.0) / 10.0
    }
}

/// The answers of a declaration that rules look at.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Declared {
    pub symptoms: BTreeSet<Symptom>,
    pub temperature: Option<Temperature>,
    pub contact_with_case: bool,
    pub from_key_area: bool,
}

impl Declared {
    /// The facts that a declaration states.
    pub fn facts(&self, fever: Temperature) -> BTreeSet<Fact> {
        let hot = self.temperature.is_some_and(|t| t >= fever);
        let stated = [
            (Fact::Declared, true),
            (Fact::DeclaredSymptom, !self.symptoms.is_empty()),
            (Fact::DeclaredFever, hot || self.symptoms.contains(&Symptom::Fever)),
            (Fact::DeclaredContact, self.contact_with_case),
            (Fact::DeclaredKeyArea, self.from_key_area),
        ];
        stated.into_iter().filter(|(_, holds)| *holds).map(|(fact, _)| fact).collect()
    }
}

/// Whether a declaration that states these facts denies what an entry in a list says. Somebody who named a contact has not
/// denied to be a case, which they may not know.
fn denies(stated: &BTreeSet<Fact>, record: RecordKind) -> bool {
    let states = |fact: Fact| stated.contains(&fact);
    match record {
        RecordKind::KeyArea => !states(Fact::DeclaredKeyArea),
        RecordKind::CloseContact => !states(Fact::DeclaredContact),
        RecordKind::Confirmed | RecordKind::Quarantine => {
            !states(Fact::DeclaredContact) && !states(Fact::DeclaredKeyArea) && !states(Fact::DeclaredSymptom)
        }
    }
}

/// The records that contradict a declaration that states these facts: of those kinds that the rules count as such (`contradicts`), and known on
/// the day of the declaration or before. What happens later makes nobody a liar.
pub fn contradictions(
    stated: &BTreeSet<Fact>,
    on: chrono::NaiveDate,
    records: &[(RecordKind, chrono::NaiveDate)],
    contradicts: &BTreeSet<RecordKind>,
) -> Vec<RecordKind> {
    let counts = |kind: RecordKind, as_of| as_of <= on && contradicts.contains(&kind) && denies(stated, kind);
    records.iter().filter(|(kind, as_of)| counts(*kind, *as_of)).map(|(kind, _)| *kind).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn temperatures_are_tenths() {
        let at = |degrees| Temperature::from_celsius(degrees).map(|t| t.0);
        assert_eq!([at(37.3), at(37.29), at(37.24), at(36.5)], [Some(373), Some(373), Some(372), Some(365)]);
        assert_eq!([at(0.0), at(29.9), at(45.1), at(f64::NAN), at(f64::INFINITY)], [None; 5]);
    }

    #[test]
    fn a_declaration_states_its_facts() {
        let fever = Temperature(373);
        let healthy = Declared { temperature: Some(Temperature(372)), ..Declared::default() };
        assert_eq!(healthy.facts(fever), BTreeSet::from([Fact::Declared]));
        let hot = Declared { temperature: Some(fever), ..Declared::default() };
        assert_eq!(hot.facts(fever), BTreeSet::from([Fact::Declared, Fact::DeclaredFever]));
        let said = Declared { symptoms: BTreeSet::from([Symptom::Fever]), ..Declared::default() };
        assert!(said.facts(fever).contains(&Fact::DeclaredFever));
    }

    #[test]
    fn only_what_was_known_and_denied_is_a_contradiction() {
        let on = |d| chrono::NaiveDate::from_ymd_opt(2020, 2, d).expect("a date");
        let all = RecordKind::ALL.iter().copied().collect();
        let stated = |declared: &Declared| declared.facts(Temperature(373));
        let found = |declared: &Declared, kind, day| {
            contradictions(&stated(declared), on(11), &[(kind, on(day))], &all)
        };
        let denies = Declared::default();
        for kind in RecordKind::ALL.iter().copied() {
            assert_eq!(found(&denies, kind, 11), [kind]);
            assert_eq!(found(&denies, kind, 12), [], "{kind} came later");
        }
        let admits = Declared { contact_with_case: true, from_key_area: true, ..Declared::default() };
        assert!(RecordKind::ALL.iter().all(|kind| found(&admits, *kind, 1).is_empty()));
        let denied = stated(&denies);
        assert_eq!(contradictions(&denied, on(11), &[(RecordKind::KeyArea, on(1))], &BTreeSet::new()), []);
    }
}
