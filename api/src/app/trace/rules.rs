//! How venues count in a trace: the settings of their category, their own word on being indoors, and the parameters.

use mashang_config::Settings;
use mashang_domain::time::{DAY, MINUTE};
use mashang_domain::trace::{Parameters, RuleSet, VenueRules};
use mashang_domain::venue::Category;
use mashang_infra::store::place::Venue;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::error::{Answer, Problem};

/// What an official may set for one trace; what is absent comes from the rule set and the settings.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Wish {
    /// One usual stay for every venue, 0 to 1,440.
    dwell_minutes: Option<i64>,
    /// One after-window for every venue, 0 to 1,440; 0 = direct meetings only.
    after_minutes: Option<i64>,
    /// Least length of a direct meeting, 0 to 86,400.
    min_overlap_seconds: Option<i64>,
    /// Whether visits that the plausibility rules doubt take part.
    include_suspect: Option<bool>,
    /// Whose rules to follow; ours when absent.
    rule_set: Option<RuleSet>,
}

/// The parameters of a trace without wishes.
pub fn plain(settings: &Settings) -> Parameters {
    Parameters { min_overlap_seconds: settings.trace.min_overlap_seconds, ..Parameters::default() }
}

/// The parameters of a trace.
pub fn parameters(settings: &Settings, wish: &Wish) -> Answer<Parameters> {
    const DAY_MINUTES: i64 = DAY / MINUTE;
    let within = |field: &str, value: Option<i64>, most: i64| match value {
        Some(n) if !(0..=most).contains(&n) => {
            Err(Problem::field(format!("parameters.{field}"), "out_of_range", format!("0 to {most}")))
        }
        Some(_) | None => Ok(value),
    };
    let base = match wish.rule_set {
        None | Some(RuleSet::Mashang) => plain(settings),
        Some(other) => other.parameters(),
    };
    let dwell_minutes = within("dwell_minutes", wish.dwell_minutes, DAY_MINUTES)?;
    let after_minutes = within("after_minutes", wish.after_minutes, DAY_MINUTES)?;
    let min_overlap = within("min_overlap_seconds", wish.min_overlap_seconds, DAY_MINUTES * 60)?;
    Ok(Parameters {
        dwell_minutes: dwell_minutes.or(base.dwell_minutes),
        after_minutes: after_minutes.or(base.after_minutes),
        min_overlap_seconds: min_overlap.unwrap_or(base.min_overlap_seconds),
        include_suspect: wish.include_suspect.unwrap_or(base.include_suspect),
        ..base
    })
}

/// The rules of a category as they stand in the settings.
pub fn category_rules(settings: &Settings, category: Category) -> VenueRules {
    let found = settings
        .categories
        .get(category.as_str())
        .or_else(|| settings.categories.get(Category::Other.as_str()));
    let after = found.and_then(|c| c.after_minutes).unwrap_or(settings.trace.after_minutes);
    VenueRules {
        dwell_ms: found.map_or(60, |c| c.dwell_minutes) * MINUTE,
        after_ms: after * MINUTE,
        indoor: found.is_none_or(|c| c.indoor),
    }
}

/// The rules of a venue under these parameters. A venue that is gone counts as `other`.
pub fn venue_rules(settings: &Settings, venue: Option<&Venue>, params: &Parameters) -> VenueRules {
    let category = venue.map_or(Category::Other, |v| v.category);
    let rules = params.apply(category_rules(settings, category));
    VenueRules { indoor: venue.and_then(|v| v.indoor).unwrap_or(rules.indoor), ..rules }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn settings() -> Settings {
        mashang_config::load_with(None, Vec::new()).expect("the defaults are valid")
    }

    fn wished(json: &str) -> Result<Parameters, String> {
        let wish: Wish = serde_json::from_str(json).expect("a wish");
        parameters(&settings(), &wish).map_err(|p| p.errors[0].field.clone())
    }

    #[rstest]
    #[case(r#"{"after_minutes":0}"#, None)]
    #[case(r#"{"after_minutes":1440}"#, None)]
    #[case(r#"{"after_minutes":1441}"#, Some("parameters.after_minutes"))]
    #[case(r#"{"after_minutes":-1}"#, Some("parameters.after_minutes"))]
    #[case(r#"{"dwell_minutes":1441}"#, Some("parameters.dwell_minutes"))]
    #[case(r#"{"min_overlap_seconds":86401}"#, Some("parameters.min_overlap_seconds"))]
    fn bounds(#[case] json: &str, #[case] refused: Option<&str>) {
        assert_eq!(wished(json).err().as_deref(), refused);
    }

    #[test]
    fn wishes_lie_over_the_rule_set() {
        assert_eq!(wished("{}"), Ok(Parameters::default()));
        let cwa = wished(r#"{"rule_set":"cwa","after_minutes":5}"#).expect("fine");
        assert_eq!(
            (cwa.after_minutes, cwa.min_overlap_seconds, cwa.rule_set.as_str()),
            (Some(5), 600, "cwa")
        );
    }

    #[test]
    fn a_venue_s_own_word_on_being_indoors_wins() {
        let market = |indoor| Venue {
            name: String::new(),
            category: Category::Market,
            indoor,
            division_code: String::new(),
        };
        let rules = |venue: &Venue| venue_rules(&settings(), Some(venue), &Parameters::default());
        assert!(!rules(&market(None)).indoor && rules(&market(Some(true))).indoor);
        assert_eq!(rules(&market(None)).after_ms, 30 * MINUTE);
        let gone = venue_rules(&settings(), None, &Parameters::default());
        assert_eq!((gone.dwell_ms, gone.indoor), (60 * MINUTE, true));
    }
}
