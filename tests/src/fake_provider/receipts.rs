//! Receipts as the providers push them, and the signature of Standard Webhooks.

use anyhow::Context;
use data_encoding::BASE64;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use super::{Accepted, WEBHOOK_SECRET};

/// Posts the receipts of these messages, which are all of one api. Anything but a 2xx is an error.
pub(super) async fn push(api: &str, messages: &[Accepted], delivered: bool, url: &str) -> anyhow::Result<()> {
    let entry = |message: &Accepted| match api {
        "SingleCallByTts" => voice_report(message, delivered),
        "SendSms" | "SendBatchSms" => sms_report(message, delivered),
        _ => webhook_receipt(message, delivered),
    };
    let body = Value::from(messages.iter().map(entry).collect::<Vec<_>>()).to_string();
    mashang_notifier::gateway::http::install_tls();
    let mut request = reqwest::Client::new().post(url).header("content-type", "application/json");
    if api.starts_with("webhook/") {
        let (id, at) = ("receipt-1", now_secs());
        let signature = sign(id, at, body.as_bytes());
        request = request.header("webhook-id", id).header("webhook-timestamp", at);
        request = request.header("webhook-signature", signature);
    }
    request.body(body).send().await?.error_for_status().context("the receipt was refused")?;
    Ok(())
}

fn sms_report(message: &Accepted, delivered: bool) -> Value {
    json!({
        "phone_number": national(message), "send_time": "2020-02-12 12:00:00", "report_time": "2020-02-12 12:00:03",
        "success": delivered, "err_code": if delivered { "DELIVERED" } else { "MOBILE_NOT_ON_SERVICE" },
        "err_msg": "", "sms_size": "1", "biz_id": message.provider_id, "out_id": message.reference,
    })
}

fn voice_report(message: &Accepted, delivered: bool) -> Value {
    json!({
        "status_code": if delivered { "200000" } else { "200002" }, "callee": national(message), "duration": "9",
        "call_id": message.provider_id, "out_id": message.reference, "end_time": "2020-02-12 12:00:03",
    })
}

fn webhook_receipt(message: &Accepted, delivered: bool) -> Value {
    let status = if delivered { "delivered" } else { "failed" };
    json!({"id": message.provider_id, "to": message.phone, "status": status, "ref": message.reference})
}

fn national(message: &Accepted) -> &str {
    message.phone.strip_prefix("+86").unwrap_or_else(|| message.phone.trim_start_matches('+'))
}

/// `webhook-signature` under [`WEBHOOK_SECRET`].
pub(super) fn sign(id: &str, at: i64, body: &[u8]) -> String {
    let key = BASE64.decode(&WEBHOOK_SECRET.as_bytes()["whsec_".len()..]).unwrap_or_default();
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&key) else { return String::new() };
    for part in [id.as_bytes(), b".", at.to_string().as_bytes(), b".", body] {
        mac.update(part);
    }
    format!("v1,{}", BASE64.encode(&mac.finalize().into_bytes()))
}

/// This host's clock, in seconds: signatures are refused when it is far from theirs.
pub(super) fn now_secs() -> i64 {
    mashang_infra::clock::Clock::system().now().secs()
}
