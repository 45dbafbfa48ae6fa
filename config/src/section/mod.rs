//! One section of the settings per file. Meanings and units stand in `default.toml`, beside the values.

mod alerts;
mod cards;
mod limits;
mod platforms;
mod process;
mod rules;
mod storage;

pub use alerts::{Alerts, Dispatch, Embedded, Notifier, Rung, SUMMARY, Template};
pub use cards::{CardPlatform, Cards};
pub use limits::{Limits, Sessions};
pub use platforms::{Alipay, MiniProgramVersion, Wechat};
pub use process::{Canary, Development, Http, Log, LogFormat, Operation, Posters};
pub use rules::{Categories, CategorySettings, Health, Scans, Trace, Venues};
pub use storage::{Database, Keys, Redis, Retention};
