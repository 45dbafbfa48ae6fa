//! Receipts as the providers push them, and the signature of Standard Webhooks.

use std::collections::BTreeMap;

use anyhow::Context;
use data_encoding::BASE64;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha1::Sha1;
use sha2::Sha256;

use super::form::escape;
use super::{Accepted, KEY_SECRET, WEBHOOK_SECRET};

/// Posts the receipts of these messages, which are all of one api. Anything but a 2xx is an error.
pub(super) async fn push(messages: &[Accepted], delivered: bool, url: &str) -> anyhow::Result<()> {
    mashang_notifier::gateway::http::install_tls();
    if matches!(
        messages.first().map(|m| m.api.as_str()),
        Some("Messages" | "Calls" | "batchSendSms" | "batchSendDiffSms")
    ) {
        return push_forms(messages, delivered, url).await;
    }
    for body in bodies(messages, delivered) {
        let body = body.to_string();
        let mut request = reqwest::Client::new().post(url).header("content-type", "application/json");
        if messages[0].api.starts_with("webhook/") {
            let (id, at) = ("receipt-1", now_secs());
            let signature = sign(id, at, body.as_bytes());
            request = request.header("webhook-id", id).header("webhook-timestamp", at);
            request = request.header("webhook-signature", signature);
        }
        request.body(body).send().await?.error_for_status().context("the receipt was refused")?;
    }
    Ok(())
}

/// Each by itself; Twilio's are signed, and one that is on its way comes too late.
async fn push_forms(messages: &[Accepted], delivered: bool, url: &str) -> anyhow::Result<()> {
    for message in messages {
        let huawei = message.api.starts_with("batch");
        let url = if huawei { url.to_owned() } else { format!("{url}?ref={}", escape(&message.reference)) };
        let ends: &[&str] = match (message.api.as_str(), delivered) {
            ("Messages", true) => &["delivered", "sent"],
            ("Messages", false) => &["undelivered", "sent"],
            ("Calls", true) => &["completed", "ringing"],
            ("Calls", false) => &["no-answer", "ringing"],
            (_, true) => &["DELIVRD"],
            (_, false) => &["UNDELIV"],
        };
        for status in ends {
            let form = form_of(message, status);
            let body: Vec<String> = form.iter().map(|(k, v)| format!("{k}={}", escape(v))).collect();
            let mut request = reqwest::Client::new().post(&url).body(body.join("&"));
            request = request.header("content-type", "application/x-www-form-urlencoded");
            if !huawei {
                request = request.header("x-twilio-signature", twilio_signature(&url, &form));
            }
            request.send().await?.error_for_status().context("the receipt was refused")?;
        }
    }
    Ok(())
}

fn form_of<'a>(message: &'a Accepted, status: &'a str) -> BTreeMap<&'static str, &'a str> {
    match message.api.as_str() {
        "Messages" => BTreeMap::from([
            ("MessageSid", message.provider_id.as_str()),
            ("MessageStatus", status),
            ("To", &message.phone),
            ("From", "+15005550006"),
        ]),
        "Calls" => BTreeMap::from([
            ("CallSid", message.provider_id.as_str()),
            ("CallStatus", status),
            ("To", &message.phone),
            ("CallDuration", "9"),
        ]),
        _ => BTreeMap::from([
            ("smsMsgId", message.provider_id.as_str()),
            ("status", status),
            ("extend", &message.reference),
            ("updateTime", "2020-02-12T04:00:03Z"),
            ("sequence", "1"),
            ("total", "1"),
        ]),
    }
}

/// `X-Twilio-Signature` under [`KEY_SECRET`], of an address and the fields of a form.
pub fn twilio_signature(url: &str, form: &BTreeMap<&str, &str>) -> String {
    let text: String = std::iter::once(url).chain(form.iter().flat_map(|(k, v)| [*k, *v])).collect();
    let Ok(mut mac) = Hmac::<Sha1>::new_from_slice(KEY_SECRET.as_bytes()) else { return String::new() };
    mac.update(text.as_bytes());
    BASE64.encode(&mac.finalize().into_bytes())
}

/// One push with all of them, but for Tencent's calls, which are reported one by one.
fn bodies(messages: &[Accepted], delivered: bool) -> Vec<Value> {
    let entry = |message: &Accepted| match message.api.as_str() {
        "SingleCallByTts" => voice_report(message, delivered),
        "SendTtsVoice" => tencent_call(message, delivered),
        "SendSms" if message.provider_id.starts_with(TENCENT_SERIAL) => tencent_sms(message, delivered),
        "SendSms" | "SendBatchSms" => sms_report(message, delivered),
        _ => webhook_receipt(message, delivered),
    };
    let entries: Vec<Value> = messages.iter().map(entry).collect();
    match messages.first() {
        None => Vec::new(),
        Some(first) if first.api == "SendTtsVoice" => entries,
        Some(_) => vec![Value::from(entries)],
    }
}

/// How the fake's serial numbers of Tencent SMS begin: both providers call their operation `SendSms`.
pub(super) const TENCENT_SERIAL: &str = "2645:";

fn tencent_sms(message: &Accepted, delivered: bool) -> Value {
    json!({
        "user_receive_time": "2020-02-12 12:00:03", "nationcode": "86", "mobile": national(message),
        "report_status": if delivered { "SUCCESS" } else { "FAIL" }, "errmsg": if delivered { "DELIVRD" } else { "MK:0001" },
        "description": "", "sid": message.provider_id, "ext": message.reference,
    })
}

fn tencent_call(message: &Accepted, delivered: bool) -> Value {
    json!({"voiceprompt_callback": {
        "result": if delivered { "0" } else { "1" }, "accept_time": "1581480000", "callid": message.provider_id,
        "start_calltime": "1581479990", "end_calltime": "1581480009", "fee": "1", "mobile": national(message), "nationcode": "86",
    }})
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
