//! One behaviour suite that every gateway passes, against the fake provider of this repository, and once more against an
//! outside fake where there is one.

mod asking;
mod behaviour;
mod kinds;
mod log;
mod logging;
pub(crate) mod mail;
mod outside;
mod receipts;
mod refusals;
mod subscribe;

use std::sync::Arc;

use mashang_config::gateway::GatewaySettings;
use mashang_domain::delivery::{ErrorClass, Outcome};
use mashang_domain::person::{Address, Phone};
use mashang_notifier::gateway::{
    Batch, BuildError, Gateway, Recipient, Site, TemplateKey, build, machine_time,
};
use mashang_tests::fake_provider::FakeProvider;

use kinds::*;

/// Where receipts would go: providers that are told so with each message bring our reference back from there.
const PUBLIC_URL: &str = "https://gw.example.org";

fn try_build(settings: GatewaySettings) -> Result<Vec<Arc<dyn Gateway>>, BuildError> {
    build(&[settings], &Site::new(machine_time(), PUBLIC_URL))
}

fn gateway(settings: GatewaySettings) -> Arc<dyn Gateway> {
    try_build(settings).unwrap().swap_remove(0)
}

/// A provider and a gateway that speaks to it.
async fn pair(kind: &str) -> (FakeProvider, Arc<dyn Gateway>) {
    let provider = FakeProvider::start().await.unwrap();
    let gateway = gateway(table(kind, &endpoint(kind, &provider), keys(kind).1));
    (provider, gateway)
}

fn person(number: usize) -> Recipient {
    person_of("sms", number)
}

fn person_of(kind: &str, number: usize) -> Recipient {
    at_place(address(kind, number), &format!("r{number}"), "翠湖 A+B*~")
}

fn recipient(phone: &str, reference: &str, place: &str) -> Recipient {
    at_place(Phone::parse(phone).unwrap().into(), reference, place)
}

fn at_place(to: Address, reference: &str, place: &str) -> Recipient {
    Recipient {
        to,
        reference: reference.to_owned(),
        variables: vec![("place".to_owned(), place.to_owned())],
        text: format!("您曾到过{place}"),
    }
}

/// People 0 to `count`, all with the same text.
fn batch(count: usize) -> Batch {
    batch_of("sms", count)
}

/// The same for people that this kind reaches.
fn batch_of(kind: &str, count: usize) -> Batch {
    let recipients = (0..count).map(|number| person_of(kind, number)).collect();
    Batch { template: TemplateKey::new("alert_2"), recipients }
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
