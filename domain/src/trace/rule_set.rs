//! The check-in rules of other systems, as parameter sets of ours.
//!
//! Only what their public documents say, and only as far as our parameters carry it; each entry names its source and
//! what does not fit. They are for comparison and for operations that must follow a neighbour's rules.

use super::Parameters;

crate::macros::words! {
    /// Whose rules a trace follows.
    RuleSet {
        Mashang = "mashang", Cwa = "cwa", Nhs = "nhs", Clea = "clea", Nz = "nz", Luca = "luca",
        CrowdNotifier = "crowd_notifier",
    }
}

impl RuleSet {
    /// The parameters of this rule set, in version 1.
    pub fn parameters(self) -> Parameters {
        let own = Parameters { rule_set: self.as_str().to_owned(), rule_version: 1, ..Parameters::default() };
        match self {
            RuleSet::Mashang => own,
            // Corona-Warn-App, cwa-server `presence-tracing-parameters.yaml`: high risk from 10 min, check-ins of less
            // than 10 min dropped, warnings stretched by up to 30 min of aerosol. The stay is the venue's. Minutes there
            // are weighted by the transmission risk of the day, ours are not.
            RuleSet::Cwa => Parameters {
                after_minutes: Some(30),
                min_overlap_seconds: 600,
                long_direct_seconds: 600,
                ..own
            },
            // NHS COVID-19 app, its FAQ "Do I need to check out": the next check-in or midnight ends a visit, and
            // everybody of the same date may be alerted. Ours: a day either way, the next check-in ends a visit.
            RuleSet::Nhs => Parameters {
                dwell_minutes: Some(24 * 60),
                after_minutes: Some(24 * 60),
                min_overlap_seconds: 1,
                ..own
            },
            // CLEA protocol version 0 (Inria), scoring by venue type: an exposure time per type, in slots, nothing
            // after it. The stay is the category's; its cluster threshold (several cases) is left to the official.
            RuleSet::Clea => Parameters { after_minutes: Some(0), min_overlap_seconds: 1, ..own },
            // NZ COVID Tracer, `contact-alerts.md`: a diary entry, a moment, within the time range of an alert matches.
            RuleSet::Nz => {
                Parameters { dwell_minutes: Some(1), after_minutes: Some(0), min_overlap_seconds: 1, ..own }
            }
            // luca: guests check out by hand or by leaving a radius of 50 m; who forgets stays checked in, here for the
            // longest visit we keep.
            RuleSet::Luca => Parameters {
                dwell_minutes: Some(24 * 60),
                after_minutes: Some(0),
                min_overlap_seconds: 1,
                ..own
            },
            // CrowdNotifier as SwissCovid used it, `02-qrcode-format.md`: automatic check-out after 12 h by default.
            RuleSet::CrowdNotifier => Parameters {
                dwell_minutes: Some(12 * 60),
                after_minutes: Some(0),
                min_overlap_seconds: 1,
                ..own
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_set_carries_its_name() {
        for set in RuleSet::ALL {
            assert_eq!(set.parameters().rule_set, set.as_str());
        }
        assert_eq!(RuleSet::Mashang.parameters(), Parameters::default());
    }
}
