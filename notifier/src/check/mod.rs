//! What can be said about the gateways before anything is sent: one finding each, from the settings alone.

pub(crate) mod coverage;
mod trial;

use std::slice;

use mashang_config::gateway::GatewaySettings;
use mashang_config::{Refusal, Rung, Settings};
use secrecy::ExposeSecret;

pub use trial::{Trial, send};

use crate::gateway::{self, Site, Terms, machine_time};
use crate::receipt::ReceiptFormat;

/// A gateway of the settings, and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub gateway: String,
    pub kind: &'static str,
    /// Why it cannot work; empty when it can.
    pub wrong: Vec<String>,
    /// What it does without, and how it will be used.
    pub notes: Vec<String>,
}

/// Everything that is wrong with the settings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings {
    pub gateways: Vec<Finding>,
    /// What concerns no single gateway.
    pub others: Vec<String>,
}

impl Findings {
    pub fn is_good(&self) -> bool {
        self.others.is_empty() && self.gateways.iter().all(|finding| finding.wrong.is_empty())
    }
}

/// Why summaries would go nowhere: a ladder has the rung `email`, and this notifier has no gateways at all.
pub fn summary_without_gateway(settings: &Settings) -> Option<String> {
    let wanted = (1..=3).any(|level| settings.alerts.ladder(level).contains(&Rung::Email));
    let why = "alerts.ladder = email: needs a gateway of kind email, and gateways = []";
    (wanted && settings.gateways.is_empty()).then(|| why.to_owned())
}

/// Looks at every gateway of the settings.
pub fn gateways(settings: &Settings) -> Findings {
    let mut refusals = mashang_config::check::check(settings);
    let mut findings = Findings::default();
    if settings.gateways.is_empty() && settings.production() {
        findings.others.push("gateways = []: the notifier of a production needs at least one".to_owned());
    }
    findings.others.extend(summary_without_gateway(settings));
    for table in &settings.gateways {
        let prefix = format!("gateways.{}.", table.name);
        let (own, rest): (Vec<Refusal>, Vec<Refusal>) =
            refusals.into_iter().partition(|refusal| refusal.setting.starts_with(&prefix));
        refusals = rest;
        findings.gateways.push(finding(settings, table, &own));
    }
    findings.others.extend(refusals.iter().map(ToString::to_string));
    findings
}

fn finding(settings: &Settings, table: &GatewaySettings, refusals: &[Refusal]) -> Finding {
    let mut wrong: Vec<String> = refusals.iter().map(ToString::to_string).collect();
    let mut notes = Vec::new();
    match gateway::build(slice::from_ref(table), &site(settings)) {
        Ok(built) => {
            for gateway in &built {
                let Terms { channel, rate_per_second, max_batch, .. } = gateway.terms();
                notes.push(format!("{channel}, {rate_per_second} calls a second, {max_batch} in one"));
                let missing = coverage::missing(settings, table, *channel);
                wrong.extend(missing.nowhere.iter().map(|key| {
                    format!("templates.{key} is missing, and no other gateway of the channel sends it")
                }));
                notes.extend(missing.elsewhere.iter().map(|key| format!("{key} is left to others")));
            }
        }
        Err(error) => wrong.push(error.to_string()),
    }
    notes.extend(without_receipts(settings, table).map(str::to_owned));
    Finding { gateway: table.name.clone(), kind: table.kind.as_str(), wrong, notes }
}

/// Why no receipts will come from a provider that could send some.
fn without_receipts(settings: &Settings, table: &GatewaySettings) -> Option<&'static str> {
    let format = ReceiptFormat::of(table.kind)?;
    if !format.signed() && table.receipt_secret.expose_secret().is_empty() {
        return Some("no receipts: receipt_secret is empty");
    }
    let told = table.kind.is_told_where_to_report() && settings.notifier.public_url.is_empty();
    told.then_some("no receipts: notifier.public_url is empty")
}

fn site(settings: &Settings) -> Site {
    Site::new(machine_time(), &settings.notifier.public_url)
}
