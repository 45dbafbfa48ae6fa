//! The same gateways against a fake that others wrote: a Python file named by `MASHANG_FAKE_GATEWAYS`, which takes
//! `--port 0 --cred provider:id:secret`, prints its port as JSON, tells at `/_sent` what it accepted, and fails by the last
//! four digits of a number.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use mashang_domain::delivery::Outcome;
use mashang_notifier::gateway::{Site, build, machine_time};
use mashang_notifier::receipt::{Receipt, ReceiptFormat};
use serde_json::{Value, json};

use super::kinds::*;
use super::receipts::{Receiver, is_of};
use super::{batch, gateway, recipient, word, words};

struct Outside {
    process: Child,
    url: String,
    http: reqwest::Client,
}

impl Outside {
    /// `None`, and a line that says so, when no file is named.
    fn start() -> Option<Self> {
        let Ok(file) = std::env::var("MASHANG_FAKE_GATEWAYS") else {
            eprintln!("MASHANG_FAKE_GATEWAYS is not set: the outside fake is not tried");
            return None;
        };
        let cred = |provider: &str, kind: &str, id: &str| format!("{provider}:{id}:{}", keys(kind).1);
        let mut process = Command::new("python3")
            .args([&file, "--port", "0", "--hang", "3"])
            .args(["--cred", &cred("aliyun", "aliyun_sms", keys("aliyun_sms").0)])
            .args(["--cred", &cred("tencent", "tencent_sms", keys("tencent_sms").0)])
            .args(["--cred", &cred("twilio", "twilio_sms", keys("twilio_sms").0)])
            .args(["--cred", &cred("huawei", "huawei_sms", keys("huawei_sms").0)])
            .args(["--cred", &cred("webhook", "webhook_sms", "ours")])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let hello: Value = serde_json::from_str(&line).unwrap();
        mashang_notifier::gateway::http::install_tls();
        let url = format!("http://127.0.0.1:{}", hello["ports"]["http"]);
        Some(Self { process, url, http: reqwest::Client::new() })
    }

    async fn get(&self, path: &str) -> Value {
        self.http.get(format!("{}{path}", self.url)).send().await.unwrap().json().await.unwrap()
    }

    async fn post(&self, path: &str, body: Value) {
        let answer = self.http.post(format!("{}{path}", self.url)).json(&body).send().await.unwrap();
        assert!(answer.status().is_success(), "{path}");
    }

    /// The rows of what was accepted for a number.
    async fn sent(&self, phone: &str) -> Vec<Value> {
        self.get(&format!("/_sent?phone={phone}")).await.as_array().unwrap().clone()
    }
}

impl Drop for Outside {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Last four digits, the outcome at the Chinese clouds and at the others, whether the message went out.
const FAULTS: [(&str, &str, &str, bool); 16] = [
    ("0598", "unknown", "unknown", true),
    ("0597", "unknown", "unknown", true),
    ("0599", "unknown", "unknown", true),
    ("0206", "unknown", "unknown", true),
    ("0200", "unknown", "unknown", true),
    ("0104", "unknown", "unknown", false),
    ("0408", "unknown", "unknown", false),
    ("0500", "unknown", "unknown", false),
    ("0503", "unknown", "unknown", false),
    ("1500", "unknown", "unknown", false),
    ("0590", "unknown", "unknown", false),
    ("0400", "number_invalid", "number_invalid", false),
    ("0402", "account", "account", false),
    ("0403", "configuration", "configuration", false),
    ("0429", "frequency_limited", "throttled", false),
    ("1429", "throttled", "throttled", false),
];

#[tokio::test]
async fn accepted_messages_stand_in_its_books() {
    let Some(outside) = Outside::start() else { return };
    for kind in by_phone() {
        outside.post("/_reset", json!({})).await;
        let gateway = gateway(table(kind, &outside.url, keys(kind).1));
        assert_eq!(words(&gateway.send(&batch(3)).await), ["accepted"; 3], "{kind}");
        for (person, told) in batch(3).recipients.iter().zip(gateway.sent_references(&batch(3))) {
            let rows = outside.sent(&person.to.reveal()[3..]).await;
            assert_eq!(rows.len(), 1, "{kind}");
            let said = on_the_wire(kind, &person.variables[0].1);
            let (params, template) = match kind {
                "twilio_voice" => (json!({ "Twiml": said["twiml"] }), json!(null)),
                "twilio_sms" => (said, json!(null)),
                _ => (said, json!("T_2")),
            };
            assert_eq!(rows[0]["params"], params, "{kind}");
            assert_eq!((&rows[0]["out_id"], &rows[0]["template"]), (&json!(told), &template), "{kind}");
        }
    }
}

#[tokio::test]
async fn its_faults_become_the_right_outcomes() {
    let Some(outside) = Outside::start() else { return };
    for kind in by_phone() {
        outside.post("/_reset", json!({})).await;
        let gateway = gateway(table(kind, &outside.url, keys(kind).1));
        for (digits, at_cloud, elsewhere, goes_out) in FAULTS {
            let phone = format!("1990000{digits}");
            let mut one = batch(1);
            one.recipients = vec![recipient(&phone, &format!("f{digits}"), "金马坊")];
            let outcome = gateway.send(&one).await.remove(0);
            let expected = if matches!(provider(kind), "webhook" | "twilio") { elsewhere } else { at_cloud };
            assert_eq!(word(&outcome), expected, "{kind} {digits}: {outcome:?}");
            assert_eq!(
                outside.sent(&phone).await.len(),
                usize::from(goes_out),
                "{kind} {digits}: sent once or not"
            );
            if let ("1429", Outcome::Rejected { retry_after_ms, .. }) = (digits, &outcome) {
                let delay = match provider(kind) {
                    "aliyun" => Some(200),
                    "webhook" | "twilio" => Some(1_000),
                    _ => None,
                };
                assert_eq!(*retry_after_ms, delay, "{kind}");
            }
        }
        assert_eq!(outside.get("/_stats").await["duplicates"], 0, "{kind}");
    }
}

#[tokio::test]
async fn a_bad_number_in_a_batch_costs_nobody_else_the_message() {
    let Some(outside) = Outside::start() else { return };
    let gateway = gateway(table("aliyun_sms", &outside.url, keys("aliyun_sms").1));
    let mut five = batch(5);
    five.recipients[2] = recipient("19900000400", "bad", "翠湖 A+B*~");
    let outcomes = gateway.send(&five).await;
    assert_eq!(words(&outcomes), ["accepted", "accepted", "number_invalid", "accepted", "accepted"]);
    let stats = outside.get("/_stats").await;
    assert_eq!((&stats["messages"], &stats["duplicates"]), (&json!(4), &json!(0)));
}

#[tokio::test]
async fn its_receipts_are_understood() {
    let Some(outside) = Outside::start() else { return };
    for (kind, format) in [
        ("aliyun_sms", ReceiptFormat::AliyunSms),
        ("aliyun_voice", ReceiptFormat::AliyunVoice),
        ("tencent_sms", ReceiptFormat::TencentSms),
        ("tencent_voice", ReceiptFormat::TencentVoice),
        ("twilio_sms", ReceiptFormat::Twilio),
        ("twilio_voice", ReceiptFormat::Twilio),
        ("huawei_sms", ReceiptFormat::HuaweiSms),
    ] {
        let receiver = Receiver::start(format);
        outside.post("/_config", json!({"callbacks": {kind: receiver.url()}})).await;
        let site = Site::new(machine_time(), &receiver.base);
        let gateway = build(&[table(kind, &outside.url, keys(kind).1)], &site).unwrap().swap_remove(0);
        let mut three = batch(3);
        three.recipients[1] = recipient("19900008001", "off", "翠湖 A+B*~");
        three.recipients[2] = recipient("19900008004", "twice", "翠湖 A+B*~");
        let outcomes = gateway.send(&three).await;
        assert_eq!(words(&outcomes), ["accepted"; 3], "{kind}");
        for _ in 0..100 {
            if receiver.receipts().len() >= 4 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
        let receipts = receiver.receipts();
        // Huawei names the message and not the number.
        let is_to = |r: &Receipt, n: usize| match &r.phone {
            Some(_) => is_of(r, &three.recipients[n]),
            None => outcomes[n] == Outcome::Accepted { provider_id: r.provider_id.clone() },
        };
        let of = |n: usize| receipts.iter().filter(|r| is_to(r, n)).count();
        assert_eq!((of(0), of(1), of(2)), (1, 1, 2), "{kind}");
        for receipt in &receipts {
            let off = is_to(receipt, 1);
            assert_eq!(receipt.delivered, !off, "{kind}: {receipt:?}");
            assert_eq!(receipt.at.is_some(), provider(kind) != "twilio", "{kind}: {receipt:?}");
            assert_eq!(receipt.reference.is_some(), kind != "tencent_voice", "{kind}: {receipt:?}");
        }
    }
}
