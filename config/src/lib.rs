//! Typed settings of Mashang.
//!
//! `default.toml` holds every key with its comment and is compiled in; a file and the environment lay over it. Every
//! section refuses unknown keys, and [`check`] compares sections with each other before anything starts.

pub mod check;
pub mod gateway;
mod load;
pub mod reference;
pub mod section;

pub use check::Refusal;
pub use gateway::GatewaySettings;
pub use load::{DEFAULT_TOML, LoadError, load, load_with};
pub use section::*;

use serde::Deserialize;

/// All settings of both services.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    pub environment: Environment,
    pub operation: Operation,
    pub http: Http,
    pub database: Database,
    pub redis: Redis,
    pub notifier: Notifier,
    pub dispatch: Dispatch,
    pub alerts: Alerts,
    pub canary: Canary,
    pub keys: Keys,
    pub limits: Limits,
    pub sessions: Sessions,
    pub scans: Scans,
    pub trace: Trace,
    pub venues: Venues,
    pub health: Health,
    pub cards: Cards,
    pub categories: Categories,
    pub retention: Retention,
    pub posters: Posters,
    pub wechat: Wechat,
    pub alipay: Alipay,
    pub log: Log,
    pub development: Development,
    pub templates: Vec<Template>,
    /// Gateways in the order they are tried; none = the development log gateway.
    #[serde(default)]
    pub gateways: Vec<GatewaySettings>,
}

/// Where this installation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Environment {
    Development,
    Production,
}

impl Settings {
    pub fn production(&self) -> bool {
        self.environment == Environment::Production
    }

    /// Whether e-mail has a way out, as far as this process knows: one without gateways and without a notifier inside leaves
    /// that to the notifier.
    pub(crate) fn has_email_gateway(&self) -> bool {
        let elsewhere = self.gateways.is_empty() && !self.notifier_embedded();
        elsewhere || self.gateways.iter().any(|g| g.kind == gateway::GatewayKind::Email)
    }

    /// Redis URL, when there is one.
    pub fn redis_url(&self) -> Option<&str> {
        (!self.redis.url.is_empty()).then_some(self.redis.url.as_str())
    }

    /// Whether the api process runs the notifier inside.
    pub fn notifier_embedded(&self) -> bool {
        match self.notifier.embedded {
            Embedded::Always => true,
            Embedded::Never => false,
            Embedded::Auto => self.redis.url.is_empty(),
        }
    }
}
