//! Sections about warnings and how they are sent.

use serde::{Deserialize, Deserializer};

/// Whether the api process runs the notifier inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Embedded {
    Auto,
    Always,
    Never,
}

impl<'de> Deserialize<'de> for Embedded {
    /// Accepts `true`, `false` and `"auto"`.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Word {
            Flag(bool),
            Text(String),
        }
        match Word::deserialize(deserializer)? {
            Word::Flag(true) => Ok(Embedded::Always),
            Word::Flag(false) => Ok(Embedded::Never),
            Word::Text(t) => match t.as_str() {
                "auto" => Ok(Embedded::Auto),
                "true" => Ok(Embedded::Always),
                "false" => Ok(Embedded::Never),
                _ => Err(serde::de::Error::custom("notifier.embedded is true, false or \"auto\"")),
            },
        }
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Notifier {
    pub listen: String,
    pub public_url: String,
    pub embedded: Embedded,
    pub concurrency: usize,
    pub batch: usize,
    pub lease_seconds: u64,
    pub sweep_ms: u64,
    pub chunk: u64,
    pub shutdown_seconds: u64,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dispatch {
    pub retry_seconds: Vec<i64>,
    pub max_tries: i32,
    pub jitter: f64,
    pub reconcile_seconds: i64,
    pub receipt_wait_seconds: i64,
    pub ask_after_seconds: i64,
    pub ask_per_second: u32,
    pub voice_from_hour: i64,
    pub voice_until_hour: i64,
}

/// One rung of the delivery ladder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rung {
    Sms,
    Call,
    /// A call when no receipt came in `alerts.call_after_minutes`.
    CallWithoutReceipt,
    /// A summary of the alert by e-mail, to the officials of its division.
    Email,
    /// Who was not reached by any other rung is seen to by officials.
    WorkList,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Alerts {
    pub expires_hours: i64,
    pub quiet_hours_per_person: i64,
    pub call_after_minutes: i64,
    pub email_after_minutes: i64,
    pub ladder_3: Vec<Rung>,
    pub ladder_2: Vec<Rung>,
    pub ladder_1: Vec<Rung>,
    pub signature: String,
    pub max_people: i64,
}

impl Alerts {
    pub fn ladder(&self, level: i16) -> &[Rung] {
        match level {
            3 => &self.ladder_3,
            2 => &self.ladder_2,
            _ => &self.ladder_1,
        }
    }
}

/// The key of the template that officials get by e-mail.
pub const SUMMARY: &str = "summary";

/// A pre-approved text.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Template {
    pub id: String,
    /// Name under which gateways know it (`[[gateways]] templates`).
    pub key: String,
    pub levels: Vec<i16>,
    pub zh: String,
    pub en: String,
    pub variables: Vec<String>,
}
