//! Sections about the process itself.

use serde::Deserialize;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Operation {
    pub name: String,
    pub name_en: String,
    pub legal_basis: String,
    pub hotline: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Http {
    pub listen: String,
    pub public_url: String,
    pub workers: usize,
    pub max_body_bytes: usize,
    pub max_import_bytes: usize,
    pub client_request_timeout_seconds: u64,
    pub keep_alive_seconds: u64,
    pub request_timeout_seconds: u64,
    pub max_in_flight: usize,
    pub trusted_proxies: Vec<String>,
    pub shutdown_seconds: u64,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Posters {
    pub font_dir: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    Pretty,
    Json,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    pub format: LogFormat,
    pub filter: String,
}

/// The self-test.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Canary {
    /// 0 = off.
    pub every_minutes: i64,
    /// A number that belongs to the operator and to nobody who uses the system.
    pub phone: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Development {
    pub clock_offset_file: String,
}
