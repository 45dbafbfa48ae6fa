//! What an official may set for one trace.

use serde::{Deserialize, Serialize};

use super::VenueRules;
use crate::time::{MINUTE, SECOND};

/// The parameters of a trace. They are frozen and hashed with its result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Parameters {
    /// One usual stay for every venue, in minutes, instead of the category's.
    pub dwell_minutes: Option<i64>,
    /// One after-window for every venue, in minutes, instead of the category's; 0 = direct meetings only.
    pub after_minutes: Option<i64>,
    /// How long two visits intersect at least to be a direct meeting, in seconds. Less than 1 counts as 1.
    pub min_overlap_seconds: i64,
    /// Whether visits that the plausibility rules doubt take part, on both sides.
    pub include_suspect: bool,
    /// A direct meeting of this length is of level 3, in seconds.
    pub long_direct_seconds: i64,
    /// An after meeting indoors with at most this gap is of level 2, in seconds.
    pub near_gap_seconds: i64,
    /// The name of the rule set the values came from.
    pub rule_set: String,
    pub rule_version: u32,
}

impl Default for Parameters {
    /// The product's own rules: 60 s of overlap, level 3 from 15 min, level 2 up to a gap of 30 min.
    fn default() -> Self {
        Self {
            dwell_minutes: None,
            after_minutes: None,
            min_overlap_seconds: 60,
            include_suspect: false,
            long_direct_seconds: 900,
            near_gap_seconds: 1_800,
            rule_set: "mashang".to_owned(),
            rule_version: 1,
        }
    }
}

impl Parameters {
    /// The least intersection of a direct meeting, in milliseconds.
    pub fn min_overlap_ms(&self) -> i64 {
        self.min_overlap_seconds.max(1) * SECOND
    }

    /// The rules of a venue, with the flat values of this trace in place of the category's.
    pub fn apply(&self, rules: VenueRules) -> VenueRules {
        VenueRules {
            dwell_ms: self.dwell_minutes.map_or(rules.dwell_ms, |m| m * MINUTE),
            after_ms: self.after_minutes.map_or(rules.after_ms, |m| m * MINUTE),
            indoor: rules.indoor,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flat_values_replace_those_of_the_category() {
        let category = VenueRules { dwell_ms: 45 * MINUTE, after_ms: 30 * MINUTE, indoor: false };
        assert_eq!(Parameters::default().apply(category), category);
        let flat = Parameters { dwell_minutes: Some(60), after_minutes: Some(0), ..Parameters::default() };
        assert_eq!(flat.apply(category), VenueRules { dwell_ms: 60 * MINUTE, after_ms: 0, indoor: false });
    }

    #[test]
    fn what_is_left_out_keeps_its_default() {
        let read: Parameters = serde_json::from_str(r#"{"after_minutes": 60}"#).expect("parses");
        assert_eq!(read, Parameters { after_minutes: Some(60), ..Parameters::default() });
        assert!(serde_json::from_str::<Parameters>(r#"{"after_minuets": 60}"#).is_err());
    }
}
