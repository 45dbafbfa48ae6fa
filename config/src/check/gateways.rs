//! Gateways and the texts they carry.

use std::collections::BTreeSet;

use secrecy::ExposeSecret;

use super::Checker;
use super::endpoint::{self, Protocol};
use crate::Settings;
use crate::gateway::{GatewayKind, GatewaySettings};

pub(super) fn gateways(c: &mut Checker, s: &Settings) {
    let mut names = BTreeSet::new();
    for g in &s.gateways {
        c.refuse_if(!names.insert(&g.name), "gateways.name", &g.name, "two gateways share a name");
        gateway(c, s, g);
    }
}

fn gateway(c: &mut Checker, s: &Settings, g: &GatewaySettings) {
    let key = |field: &str| format!("gateways.{}.{field}", g.name);
    let word =
        !g.name.is_empty() && g.name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    c.refuse_if(
        !word,
        "gateways.name",
        &g.name,
        "must be letters, digits, - and _: it stands in URLs and metrics",
    );
    c.refuse_if(g.rate_per_second == 0, &key("rate_per_second"), 0, "must be at least 1");
    c.refuse_if(
        g.max_batch == 0 || g.max_batch > 1000,
        &key("max_batch"),
        g.max_batch,
        "must lie between 1 and 1000",
    );
    let needed = 2 * g.timeout_ms + 1000;
    c.refuse_if(
        s.notifier.lease_seconds * 1000 < needed,
        "notifier.lease_seconds",
        s.notifier.lease_seconds,
        &format!("must be at least twice the time-out of gateway {} plus one second ({needed} ms)", g.name),
    );
    if g.kind == GatewayKind::Log {
        c.refuse_if(
            s.production(),
            &key("kind"),
            "log",
            "the log gateway sends nothing to anybody: production refuses it",
        );
        return;
    }
    let secret = g.access_key_secret.expose_secret();
    let keyless = g.kind == GatewayKind::Email && g.access_key_id.is_empty();
    c.refuse_if(
        secret.is_empty() && !keyless,
        &key("access_key_secret"),
        "(empty)",
        "is wanted to sign requests",
    );
    c.refuse_if(
        g.timeout_ms < 1000,
        &key("timeout_ms"),
        g.timeout_ms,
        "must be at least 1000: providers need up to a second",
    );
    let unfit = endpoint::unfit(&g.endpoint, protocol(g.kind), s.production());
    c.refuse_if(unfit.is_some(), &key("endpoint"), &g.endpoint, unfit.unwrap_or_default());
    if s.production() {
        let demo = secret.to_ascii_lowercase().contains("test");
        c.refuse_if(demo, &key("access_key_secret"), "(hidden)", "looks like a test secret");
    }
}

/// What is spoken with a provider of this kind.
fn protocol(kind: GatewayKind) -> Protocol {
    match kind {
        GatewayKind::Email => Protocol::Smtp,
        GatewayKind::AliyunSms
        | GatewayKind::AliyunVoice
        | GatewayKind::TencentSms
        | GatewayKind::TencentVoice
        | GatewayKind::TwilioSms
        | GatewayKind::TwilioVoice
        | GatewayKind::HuaweiSms
        | GatewayKind::WebhookSms
        | GatewayKind::WebhookVoice
        | GatewayKind::WechatSubscribe
        | GatewayKind::Log => Protocol::Http,
    }
}

pub(super) fn templates(c: &mut Checker, s: &Settings) {
    let mut ids = BTreeSet::new();
    for t in &s.templates {
        c.refuse_if(!ids.insert(&t.id), "templates.id", &t.id, "two templates share an id");
        for (lang, text) in [("zh", &t.zh), ("en", &t.en)] {
            let key = format!("templates.{}.{lang}", t.id);
            c.refuse_if(
                text.contains('【') || text.contains('】'),
                &key,
                text,
                "must not hold 【】: the signature is put in front",
            );
            c.refuse_if(text.contains("://") || text.contains("www."), &key, text, "must not hold a link");
            for v in &t.variables {
                let uses = text.matches(&format!("{{{v}}}")).count();
                c.refuse_if(uses != 1, &key, v, "must use each variable exactly once");
            }
        }
    }
    c.refuse_if(
        !s.templates.iter().any(|t| t.key == "login"),
        "templates",
        "(none)",
        "a template with key = \"login\" is wanted",
    );
    for level in 1..=3 {
        c.refuse_if(
            !s.templates.iter().any(|t| t.levels.contains(&level)),
            "templates",
            format!("level {level}"),
            "no template serves this level",
        );
    }
}
