//! Sections that set the numbers of the epidemic's rules.

use std::collections::BTreeMap;

use serde::Deserialize;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scans {
    pub repeat_seconds: i64,
    pub clock_tolerance_seconds: i64,
    pub max_age_days: i64,
    pub max_companions: i16,
    pub max_per_day: usize,
    pub max_speed_kmh: f64,
    pub at_once_seconds: i64,
    pub group_max: usize,
    pub group_wait_ms: u64,
    pub writers: usize,
    pub queue_max: usize,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trace {
    pub after_minutes: i64,
    pub min_overlap_seconds: i64,
    pub max_window_days: i64,
    pub lead_hours: i64,
    pub small_case_visits: usize,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Venues {
    pub cache_entries: u64,
    pub cache_seconds: u64,
    pub screen_code_grace_minutes: i64,
}

/// The health code.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Health {
    pub enabled: bool,
    pub rules_file: String,
    pub code_seconds: u32,
    pub key_days: i64,
    pub notice_version: String,
    pub alone_per_hour: usize,
    pub second_for_red: bool,
    pub appeal_hours: u16,
    pub remind_hour: u32,
    pub cache_entries: u64,
    pub cache_seconds: u64,
}

/// What a category of venue is like.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CategorySettings {
    /// Minutes that people stay when they do not scan out.
    pub dwell_minutes: i64,
    pub indoor: bool,
    /// Minutes of the after-window; the trace's default when absent, at most 1,440, 0 = none.
    #[serde(default)]
    pub after_minutes: Option<i64>,
}

/// Per category, by its word.
pub type Categories = BTreeMap<String, CategorySettings>;
