//! Sections about where data lies and how long.

use serde::Deserialize;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Database {
    pub url: String,
    pub max_connections: u32,
    pub acquire_timeout_ms: u64,
    pub statement_timeout_ms: u64,
    pub migrate_on_start: bool,
    pub partitions_ahead_days: u32,
}

impl Database {
    pub fn is_postgres(&self) -> bool {
        self.url.starts_with("postgres://") || self.url.starts_with("postgresql://")
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Redis {
    pub url: String,
    pub pool_size: usize,
    pub response_timeout_ms: u64,
    pub wait_timeout_ms: u64,
    pub key_prefix: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Keys {
    pub file: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retention {
    pub scans_days: u32,
    pub login_codes_days: u32,
    pub sessions_days: u32,
    pub traces_days: u32,
    pub deliveries_days: u32,
    pub idempotency_days: u32,
    pub imports_days: u32,
    pub job_days: u32,
    pub health_days: u32,
    pub code_checks_days: u32,
    pub audit_days: u32,
    pub hour: u32,
}
