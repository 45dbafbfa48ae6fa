//! Sections about how often and how long.

use serde::Deserialize;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    pub code_ttl_seconds: i64,
    pub code_tries: i32,
    pub code_per_phone_minute: i64,
    pub code_per_phone_hour: i64,
    pub code_per_phone_day: i64,
    pub code_per_address_hour: i64,
    pub code_per_prefix_hour: i64,
    pub code_per_day: i64,
    pub code_budget_alarm: f64,
    pub code_failures_per_phone_day: i64,
    pub code_failures_breaker: i64,
    pub code_answer_ms: u64,
    pub allow_test_numbers: bool,
    pub staff_failures: i32,
    pub staff_lock_minutes: i64,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sessions {
    pub citizen_days: i64,
    pub staff_hours: i64,
    pub staff_idle_minutes: i64,
    pub cache_entries: u64,
    pub cache_seconds: u64,
}
