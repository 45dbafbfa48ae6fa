//! The settings of a scenario, and its gateways, as an operator would write them.

use std::path::Path;
use std::time::Duration;

use mashang_tests::Form;
use mashang_tests::fake_provider::{FakeProvider, KEY_ID, KEY_SECRET};
use mashang_tests::settings::RECEIPT_SECRET;

use super::stage::{LEASE, RECONCILE, SWEEP, TIMEOUT};
use crate::stage::settings;
use crate::world::World;

/// A gateway at one of the fake providers.
#[derive(Debug, Clone, Copy)]
pub struct Gate {
    pub name: &'static str,
    /// As in `gateways.kind`.
    pub kind: &'static str,
    /// Which provider, by its place.
    pub provider: usize,
    /// Calls a second, of each notifier.
    pub rate: u32,
    /// Messages in one call.
    pub batch: usize,
}

/// Short messages of a provider that is not idempotent and can be asked.
pub const fn sms(rate: u32, batch: usize) -> Gate {
    Gate { name: "sms", kind: "aliyun_sms", provider: 0, rate, batch }
}

impl Gate {
    /// Its table.
    pub(super) fn table(&self, providers: &[FakeProvider]) -> String {
        let Self { name, kind, rate, batch, .. } = self;
        let endpoint = providers.get(self.provider).map_or("", FakeProvider::url);
        let timeout = TIMEOUT.as_millis();
        format!(
            r#"
[[gateways]]
name = "{name}"
kind = "{kind}"
endpoint = "{endpoint}"
access_key_id = "{KEY_ID}"
access_key_secret = "{KEY_SECRET}"
sign_name = "码上"
sender = "8820000000001"
called_show_number = "4000000000"
receipt_secret = "{RECEIPT_SECRET}"
rate_per_second = {rate}
max_batch = {batch}
timeout_ms = {timeout}
connect_timeout_ms = 500
templates = {{ login = "T_LOGIN", alert_1 = "T_1", alert_2 = "T_2", alert_3 = "T_3", correction = "T_C" }}
"#
        )
    }
}

/// What apis and notifiers read, without the gateways.
pub(super) fn common(url: &str, world: &World, folder: &Path, prefix: &str, more: &[(&str, &str)]) -> String {
    let offset = folder.join("offset").display().to_string();
    let secs = |d: Duration| d.as_secs().to_string();
    let (lease, reconcile, sweep) = (secs(LEASE), secs(RECONCILE), SWEEP.as_millis().to_string());
    let ours = [
        ("redis.key_prefix", prefix),
        ("development.clock_offset_file", &offset),
        ("notifier.lease_seconds", &lease),
        ("notifier.sweep_ms", &sweep),
        ("notifier.concurrency", "8"),
        ("notifier.batch", "20"),
        ("notifier.chunk", "500"),
        ("dispatch.reconcile_seconds", &reconcile),
        ("dispatch.ask_after_seconds", "10"),
        ("dispatch.ask_per_second", "150"),
        ("dispatch.retry_seconds", "[1, 2, 4]"),
        ("dispatch.voice_from_hour", "0"),
        ("dispatch.voice_until_hour", "24"),
        ("alerts.ladder_3", r#"["sms", "work_list"]"#),
        ("database.max_connections", "8"),
    ];
    settings(Form::Service, url, world, &[ours.as_slice(), more].concat())
}
