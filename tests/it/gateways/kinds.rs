//! What the kinds differ in, so that one suite can hold all of them: a row each.

use mashang_config::gateway::GatewaySettings;
use mashang_domain::person::{Address, Email, OpenId, Phone};
use mashang_tests::fake_provider::{FakeProvider, Fault, KEY_ID, KEY_SECRET, TWILIO_ACCOUNT, WEBHOOK_SECRET};
use serde_json::{Value, json};

/// The kinds that speak to a provider.
pub(super) const SENDING: [&str; 11] = [
    "aliyun_sms",
    "aliyun_voice",
    "tencent_sms",
    "tencent_voice",
    "twilio_sms",
    "twilio_voice",
    "huawei_sms",
    "webhook_sms",
    "webhook_voice",
    "wechat_subscribe",
    "email",
];

/// Those that reach a number over HTTP: what the outside fake knows.
pub(super) fn by_phone() -> impl Iterator<Item = &'static str> {
    SENDING.into_iter().filter(|kind| !matches!(*kind, "email" | "wechat_subscribe"))
}

/// Short, because hanging providers are waited for.
pub(super) const TIMEOUT_MS: i64 = 700;

/// The keys a kind signs with: id and secret.
pub(super) fn keys(kind: &str) -> (&'static str, &'static str) {
    match provider(kind) {
        "webhook" => ("", WEBHOOK_SECRET),
        "twilio" => (TWILIO_ACCOUNT, KEY_SECRET),
        _ => (KEY_ID, KEY_SECRET),
    }
}

pub(super) fn provider(kind: &str) -> &str {
    kind.split('_').next().unwrap()
}

/// A table of the settings, as an operator would write it.
pub(super) fn table(kind: &str, endpoint: &str, secret: &str) -> GatewaySettings {
    let (app_id, sender) = match provider(kind) {
        "twilio" => (TWILIO_ACCOUNT, "+15005550006"),
        "email" => ("", "码上 <notice@cdc.example.org>"),
        _ => ("1400000001", "8820000000001"),
    };
    // A call of Twilio's reads our text where no address of yours does.
    let templates = if provider(kind) == "twilio" {
        ""
    } else {
        r#"login = "T_LOGIN", alert_1 = "T_1", alert_2 = "T_2""#
    };
    let text = format!(
        r#"name = "g"
        kind = "{kind}"
        endpoint = "{endpoint}"
        access_key_id = "{}"
        access_key_secret = "{secret}"
        sign_name = "码上"
        app_id = "{app_id}"
        sender = "{sender}"
        receipt_secret = "{}"
        timeout_ms = {TIMEOUT_MS}
        fields = {{ place = "thing1", code = "character_string2", "alert_1.place" = "thing9" }}
        templates = {{ {templates} }}"#,
        keys(kind).0,
        if provider(kind) == "huawei" { "receipts" } else { "" },
    );
    toml::from_str(&text).unwrap()
}

/// How a fake provider is reached by this kind.
pub(super) fn endpoint(kind: &str, provider: &FakeProvider) -> String {
    match kind {
        "email" => format!("smtp-plain://127.0.0.1:{}", provider.smtp_port()),
        _ => provider.url().to_owned(),
    }
}

/// An endpoint of this kind at an address, with TLS or without.
pub(super) fn at(kind: &str, address: &str, tls: bool) -> String {
    let scheme = match (kind, tls) {
        ("email", true) => "smtps",
        ("email", false) => "smtp-plain",
        (_, true) => "https",
        (_, false) => "http",
    };
    format!("{scheme}://{address}")
}

/// Where the nth person is reached by this kind.
pub(super) fn address(kind: &str, number: usize) -> Address {
    match kind {
        "email" => Email::parse(&format!("p{number:05}@example.org")).unwrap().into(),
        "wechat_subscribe" => OpenId::parse(&format!("o139000{number:05}")).unwrap().into(),
        _ => Phone::parse(&format!("139000{number:05}")).unwrap().into(),
    }
}

/// What a person's address looks like in a log.
pub(super) fn mask(kind: &str) -> &'static str {
    match kind {
        "email" => "p***@example.org",
        "wechat_subscribe" => "openid:***",
        _ => "139****0000",
    }
}

/// The class of an answer that sends us elsewhere. A mail server that does so has refused.
pub(super) fn sent_elsewhere(kind: &str) -> &'static str {
    if kind == "email" { "number_invalid" } else { "unknown" }
}

/// The provider's code of `alert_2`, where it is told one.
pub(super) fn template_on_the_wire(kind: &str) -> &'static str {
    if provider(kind) == "twilio" { "" } else { "T_2" }
}

/// What a provider of this kind has of a person's text: names and values, values alone, or the text.
pub(super) fn on_the_wire(kind: &str, place: &str) -> Value {
    let escaped = place.replace('&', "&amp;").replace('"', "&quot;");
    match kind {
        "twilio_sms" | "email" => json!({ "body": format!("您曾到过{place}") }),
        "twilio_voice" => {
            let say =
                format!(r#"<Response><Say language="zh-CN" loop="2">您曾到过{escaped}</Say></Response>"#);
            json!({ "twiml": say })
        }
        "tencent_sms" | "tencent_voice" | "huawei_sms" => json!([place]),
        "wechat_subscribe" => json!({ "thing1": place }),
        _ => json!({ "place": place }),
    }
}

/// Faults that are refusals, and the class of each. Twilio has no limit for one person: its quota is the account's. WeChat's
/// limit is the person's consent.
pub(super) fn refusals(kind: &str) -> [(Fault, &'static str); 5] {
    let limit = match provider(kind) {
        "twilio" => "account",
        "wechat" => "number_invalid",
        _ => "frequency_limited",
    };
    [
        (Fault::Throttled, "throttled"),
        (Fault::NumberInvalid, "number_invalid"),
        (Fault::FrequencyLimited, limit),
        (Fault::Account, "account"),
        (Fault::Template, "configuration"),
    ]
}

/// The delay that a throttling provider names, in milliseconds; some ask to slow down and do not say for how long.
pub(super) fn names_its_delay(kind: &str) -> bool {
    !matches!(provider(kind), "tencent" | "huawei" | "wechat" | "email")
}

/// Whether a request carries a time that the provider compares with its own.
pub(super) fn carries_the_time(kind: &str) -> bool {
    !matches!(provider(kind), "twilio" | "wechat" | "email")
}

/// Whether texts must have been approved before, under codes that the settings name.
pub(super) fn wants_codes(kind: &str) -> bool {
    matches!(provider(kind), "aliyun" | "tencent" | "huawei" | "wechat")
}
