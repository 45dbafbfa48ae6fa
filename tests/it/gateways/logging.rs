//! What is written about a message, at the most talkative level: no number, no text, no code, no key.

use std::fmt::{Debug, Write};
use std::sync::{Arc, Mutex};

use mashang_notifier::gateway::{Batch, TemplateKey};
use mashang_tests::fake_provider::Fault;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use super::kinds::*;
use super::{batch_of, gateway, pair};

/// Keeps every field of every event and span as text.
#[derive(Clone, Default)]
struct Everything(Arc<Mutex<String>>);

struct Writer<'a>(&'a mut String);

impl Visit for Writer<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        write!(self.0, "{field}={value:?} ").unwrap();
    }
}

impl Subscriber for Everything {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        attributes.record(&mut Writer(&mut self.0.lock().unwrap()));
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        values.record(&mut Writer(&mut self.0.lock().unwrap()));
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        event.record(&mut Writer(&mut self.0.lock().unwrap()));
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[tokio::test]
async fn logs_name_templates_and_masked_numbers_only() {
    let written = Everything::default();
    let _guard = tracing::subscriber::set_default(written.clone());
    let login = |kind| {
        let mut login = Batch { template: TemplateKey::new("login"), ..batch_of(kind, 1) };
        login.recipients[0].variables = vec![("code".into(), "271828".into())];
        login.recipients[0].text = "验证码271828".into();
        login
    };
    for kind in SENDING {
        let (provider, gateway) = pair(kind).await;
        for fault in [Fault::NumberInvalid, Fault::HalfAnswer, Fault::Cut] {
            provider.fail_next(fault);
            gateway.send(&login(kind)).await;
        }
        gateway.send(&login(kind)).await;
        assert!(format!("{:?}", login(kind)).contains(mask(kind)), "{kind}");
        assert!(!written.0.lock().unwrap().contains(keys(kind).1), "{kind}: the key");
    }
    gateway(table("log", "", "")).send(&login("log")).await;
    let text = written.0.lock().unwrap().clone();
    assert!(text.contains("139****0000") && text.contains("login"), "{text}");
    for secret in
        ["13900000000", "o13900000000", "p00000@", "271828", "%E", "Signature=", "Basic ", "AUTH PLAIN "]
    {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
}
