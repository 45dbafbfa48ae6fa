//! One behaviour suite that every gateway passes, against the fake provider of this repository, and once more against an
//! outside fake where there is one.

mod behaviour;
mod log;
mod logging;
mod outside;
mod receipts;
mod refusals;

use std::sync::Arc;

use mashang_config::gateway::GatewaySettings;
use mashang_domain::delivery::{ErrorClass, Outcome};
use mashang_domain::person::Phone;
use mashang_notifier::gateway::{Batch, BuildError, Gateway, Recipient, TemplateKey, build, machine_time};
use mashang_tests::fake_provider::{FakeProvider, KEY_ID, KEY_SECRET, WEBHOOK_SECRET};

/// The kinds that speak to a provider.
const SENDING: [&str; 6] =
    ["aliyun_sms", "aliyun_voice", "tencent_sms", "tencent_voice", "webhook_sms", "webhook_voice"];
/// Short, because hanging providers are waited for.
const TIMEOUT_MS: i64 = 700;

/// The keys a kind signs with: id and secret.
fn keys(kind: &str) -> (&'static str, &'static str) {
    if kind.starts_with("webhook") { ("", WEBHOOK_SECRET) } else { (KEY_ID, KEY_SECRET) }
}

/// A table of the settings, as an operator would write it.
fn table(kind: &str, endpoint: &str, secret: &str) -> GatewaySettings {
    let text = format!(
        r#"name = "g"
        kind = "{kind}"
        endpoint = "{endpoint}"
        access_key_id = "{}"
        access_key_secret = "{secret}"
        sign_name = "码上"
        app_id = "1400000001"
        timeout_ms = {TIMEOUT_MS}
        templates = {{ login = "T_LOGIN", alert_1 = "T_1", alert_2 = "T_2" }}"#,
        keys(kind).0
    );
    toml::from_str(&text).unwrap()
}

fn try_build(settings: GatewaySettings) -> Result<Vec<Arc<dyn Gateway>>, BuildError> {
    build(&[settings], &machine_time())
}

fn gateway(settings: GatewaySettings) -> Arc<dyn Gateway> {
    try_build(settings).unwrap().swap_remove(0)
}

/// A provider and a gateway that speaks to it.
async fn pair(kind: &str) -> (FakeProvider, Arc<dyn Gateway>) {
    let provider = FakeProvider::start().await.unwrap();
    let gateway = gateway(table(kind, provider.url(), keys(kind).1));
    (provider, gateway)
}

fn person(number: usize) -> Recipient {
    recipient(&format!("139000{number:05}"), &format!("r{number}"), "翠湖 A+B*~")
}

fn recipient(phone: &str, reference: &str, place: &str) -> Recipient {
    Recipient {
        phone: Phone::parse(phone).unwrap(),
        reference: reference.to_owned(),
        variables: vec![("place".to_owned(), place.to_owned())],
        text: format!("您曾到过{place}"),
    }
}

/// What a provider of this kind has of a person's variables: Tencent takes values without their names.
fn on_the_wire(kind: &str, place: &str) -> serde_json::Value {
    if kind.starts_with("tencent") {
        serde_json::json!([place])
    } else {
        serde_json::json!({ "place": place })
    }
}

/// People 0 to `count`, all with the same text.
fn batch(count: usize) -> Batch {
    Batch { template: TemplateKey::new("alert_2"), recipients: (0..count).map(person).collect() }
}

/// The word for an outcome: its kind or class.
fn word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Accepted { .. } => "accepted",
        Outcome::Rejected { class, .. } => ErrorClass::as_str(*class),
        Outcome::Unknown { .. } => "unknown",
    }
}

fn words(outcomes: &[Outcome]) -> Vec<&'static str> {
    outcomes.iter().map(word).collect()
}
