//! Signatures and receipts, step by step, against values computed elsewhere.
//!
//! Beside `tests/data/vectors.json` (see `make_vectors.py` there) it reads the files named by `MASHANG_VECTORS`, parted by
//! colons. Vectors of providers that are not part of this release are counted and named, not checked.
#![allow(clippy::print_stderr, clippy::unwrap_used, reason = "a test reports what it covered")]

use std::collections::BTreeMap;
use std::path::PathBuf;

use mashang_domain::person::Phone;
use mashang_domain::time::Timestamp;
use mashang_notifier::gateway::aliyun::sign::{
    AcsRequest, authorization, signature, signed_headers, string_to_sign,
};
use mashang_notifier::gateway::form::encode_pairs;
use mashang_notifier::gateway::huawei::sign::SdkRequest;
use mashang_notifier::gateway::tencent::sign::TcRequest;
use mashang_notifier::gateway::twilio;
use mashang_notifier::receipt::ReceiptFormat;
use mashang_notifier::receipt::signature::{TwilioPush, twilio_signed};
use mashang_notifier::standard_webhooks::{SignatureHeaders, WebhookSecret, string_to_sign_head};
use serde::Deserialize;
use serde_json::Value;

const OWN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/vectors.json");

#[derive(Deserialize)]
struct File {
    vectors: Vec<Vector>,
    #[serde(default)]
    twilio_signature: Vec<Value>,
    #[serde(default)]
    callbacks: Vec<Callback>,
}

#[derive(Deserialize)]
struct Vector {
    id: String,
    scheme: String,
    api: String,
    #[serde(default)]
    api_version: String,
    inputs: Value,
    expected: Value,
    #[serde(default)]
    wire: Value,
}

#[derive(Deserialize)]
struct Callback {
    id: String,
    provider: String,
    channel: String,
    body: String,
    expect: Vec<ExpectedReceipt>,
    reply: ExpectedReply,
}

#[derive(Deserialize)]
struct ExpectedReceipt {
    phone: Option<String>,
    delivered: bool,
    code: String,
    provider_id: String,
    #[serde(rename = "ref")]
    reference: Option<String>,
    duration_s: Option<u32>,
}

#[derive(Deserialize)]
struct ExpectedReply {
    status: u16,
    body: Value,
}

/// What was checked, and what was not, by scheme or by provider and channel.
#[derive(Default)]
struct Coverage {
    checked: BTreeMap<String, usize>,
    not_covered: BTreeMap<String, usize>,
}

impl Coverage {
    fn note(&mut self, what: String, checked: bool) {
        let side = if checked { &mut self.checked } else { &mut self.not_covered };
        *side.entry(what).or_default() += 1;
    }
}

fn files() -> Vec<PathBuf> {
    let mut files = vec![PathBuf::from(OWN)];
    match std::env::var("MASHANG_VECTORS") {
        Ok(list) => files.extend(list.split(':').filter(|path| !path.is_empty()).map(PathBuf::from)),
        Err(_) => eprintln!("MASHANG_VECTORS is not set: only the vectors of this repository are checked"),
    }
    files
}

fn read(path: &PathBuf) -> File {
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

#[test]
fn signatures_and_receipts_match_the_vectors() {
    for path in files() {
        let file = read(&path);
        let mut coverage = Coverage::default();
        for vector in &file.vectors {
            let checked = check_vector(vector);
            coverage.note(vector.scheme.clone(), checked);
        }
        for callback in &file.callbacks {
            let checked = check_callback(callback);
            coverage.note(format!("{} {} receipt", callback.provider, callback.channel), checked);
        }
        for check in &file.twilio_signature {
            check_twilio_signature(check);
            coverage.note("twilio receipt signature".into(), true);
        }
        eprintln!("{}", path.display());
        eprintln!("  checked:     {:?}", coverage.checked);
        eprintln!("  not covered: {:?}", coverage.not_covered);
        assert!(!coverage.checked.is_empty(), "{}: nothing in it could be checked", path.display());
    }
}

fn check_vector(vector: &Vector) -> bool {
    match vector.scheme.as_str() {
        "ACS3-HMAC-SHA256" => check_acs3(vector),
        "TC3-HMAC-SHA256" => check_tc3(vector),
        "standard-webhooks/v1" => check_webhook(vector),
        "SDK-HMAC-SHA256" => check_sdk(vector),
        "HTTP-BASIC" => check_basic(vector),
        _ => return false,
    }
    true
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_else(|| panic!("`{key}` is a string"))
}

fn check_acs3(vector: &Vector) {
    let inputs = &vector.inputs;
    let query: Vec<(&str, &str)> = inputs["query_params"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str().unwrap()))
        .collect();
    let body = text(&vector.wire, "body_utf8");
    let unix_time = inputs["unix_time"].as_i64().unwrap();
    for (which, expected) in [("full", &vector.expected), ("minimal", &vector.expected["minimal"])] {
        let wanted: BTreeMap<String, String> =
            serde_json::from_value(expected["headers_to_sign"].clone()).unwrap();
        let request = AcsRequest {
            method: text(inputs, "method"),
            path: text(inputs, "path"),
            host: text(inputs, "endpoint"),
            action: &vector.api,
            version: &vector.api_version,
            query: &query,
            body: body.as_bytes(),
            content_type: wanted.get("content-type").map(String::as_str),
            now: Timestamp::from_secs(unix_time),
            nonce: text(inputs, "nonce"),
        };
        check_acs3_steps(&format!("{} ({which})", vector.id), &request, &wanted, inputs, expected);
    }
    let mut sorted = query;
    sorted.sort_unstable();
    assert_eq!(encode_pairs(&sorted), text(&vector.expected, "canonical_query"), "{}", vector.id);
}

/// Our own headers must agree with those of the vector; headers it has beyond ours (user-agent, tokens) are only signed.
fn check_acs3_steps(
    id: &str,
    request: &AcsRequest<'_>,
    wanted: &BTreeMap<String, String>,
    inputs: &Value,
    expected: &Value,
) {
    let mut headers = wanted.clone();
    headers.extend(request.headers());
    assert_eq!(&headers, wanted, "{id}: headers");
    let canonical = request.canonical_request(&headers);
    assert_eq!(canonical, text(expected, "canonical_request"), "{id}: canonical request");
    let to_sign = string_to_sign(&canonical);
    assert_eq!(to_sign, text(expected, "string_to_sign"), "{id}: string to sign");
    let (key_id, secret) = (text(inputs, "access_key_id"), text(inputs, "access_key_secret"));
    let signed = signature(secret, &to_sign);
    assert_eq!(signed, text(expected, "signature"), "{id}: signature");
    let names = signed_headers(&headers);
    assert_eq!(names, text(expected, "signed_headers"), "{id}: signed headers");
    assert_eq!(
        authorization(key_id, &names, &signed),
        text(expected, "authorization"),
        "{id}: authorization"
    );
    assert_eq!(
        request.authorize(&headers, key_id, secret),
        text(expected, "authorization"),
        "{id}: all steps"
    );
}

/// The body as the official SDK writes it, and as compact UTF-8.
fn check_tc3(vector: &Vector) {
    let inputs = &vector.inputs;
    let compact = &vector.expected["compact_utf8"];
    for (which, content_type, payload, expected) in [
        ("sdk", text(inputs, "content_type"), text(inputs, "payload"), &vector.expected),
        ("compact", text(compact, "content_type"), text(compact, "payload"), compact),
    ] {
        let id = format!("{} ({which})", vector.id);
        let request = TcRequest {
            host: text(inputs, "endpoint"),
            service: text(inputs, "service"),
            content_type,
            body: payload.as_bytes(),
            now: Timestamp::from_secs(inputs["unix_time"].as_i64().unwrap()),
        };
        let (key_id, secret) = (text(inputs, "access_key_id"), text(inputs, "access_key_secret"));
        assert_eq!(request.scope(), text(&vector.expected, "credential_scope"), "{id}: scope");
        assert_eq!(request.signed_headers(), text(expected, "signed_headers"), "{id}: signed headers");
        assert_eq!(
            request.canonical_request(),
            text(expected, "canonical_request"),
            "{id}: canonical request"
        );
        assert_eq!(request.string_to_sign(), text(expected, "string_to_sign"), "{id}: string to sign");
        assert_eq!(request.signature(secret), text(expected, "signature"), "{id}: signature");
        let authorization = request.authorization(key_id, secret);
        assert_eq!(authorization, text(expected, "authorization"), "{id}: authorization");
    }
}

/// The documented minimum of headers.
fn check_sdk(vector: &Vector) {
    let (id, inputs, expected) = (&vector.id, &vector.inputs, &vector.expected["minimal"]);
    let request = SdkRequest {
        host: text(inputs, "endpoint"),
        path: text(inputs, "path"),
        content_type: text(inputs, "content_type"),
        body: text(inputs, "payload").as_bytes(),
        now: Timestamp::from_secs(inputs["unix_time"].as_i64().unwrap()),
    };
    let headers = serde_json::to_value(request.headers()).unwrap();
    assert_eq!(headers, expected["headers_to_sign"], "{id}: headers");
    assert_eq!(request.signed_headers(), text(expected, "signed_headers"), "{id}: signed headers");
    assert_eq!(request.canonical_request(), text(expected, "canonical_request"), "{id}: canonical request");
    assert_eq!(request.string_to_sign(), text(expected, "string_to_sign"), "{id}: string to sign");
    let (key_id, secret) = (text(inputs, "access_key_id"), text(inputs, "access_key_secret"));
    assert_eq!(request.signature(secret), text(expected, "signature"), "{id}: signature");
    assert_eq!(request.authorization(key_id, secret), text(expected, "authorization"), "{id}: authorization");
}

/// The header, and that our way to write a form says the same as the SDK's, which writes a space as a plus.
fn check_basic(vector: &Vector) {
    let (id, inputs, expected) = (&vector.id, &vector.inputs, &vector.expected);
    let (key_id, secret) = (text(inputs, "access_key_id"), text(inputs, "access_key_secret"));
    assert_eq!(twilio::authorization(key_id, secret), text(expected, "authorization"), "{id}: authorization");
    let form: Vec<(String, String)> = serde_json::from_value(expected["form"].clone()).unwrap();
    let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(encode_pairs(&form), text(expected, "body").replace('+', "%20"), "{id}: form");
}

fn check_twilio_signature(check: &Value) {
    let (id, inputs) = (text(check, "id"), &check["inputs"]);
    let header = |name: &str| inputs["headers"][name].as_str().unwrap_or_default();
    let push = TwilioPush {
        url: text(inputs, "configured_url"),
        signature: header("X-Twilio-Signature"),
        settings: header("X-Twilio-Webhooks-Signature-Settings"),
        body: text(inputs, "body").as_bytes(),
    };
    let valid = twilio_signed(&text(inputs, "access_key_secret").into(), push);
    assert_eq!(valid, check["expected"]["valid"].as_bool().unwrap(), "{id}");
}

fn check_webhook(vector: &Vector) {
    let (id, inputs, expected) = (&vector.id, &vector.inputs, &vector.expected);
    let secret = WebhookSecret::parse(text(inputs, "access_key_secret")).expect("a webhook secret");
    let (message_id, body) = (text(inputs, "nonce"), text(inputs, "body"));
    let at = inputs["timestamp"].as_i64().unwrap();
    let to_sign = format!("{}{body}", string_to_sign_head(message_id, at));
    assert_eq!(to_sign, text(expected, "string_to_sign"), "{id}: string to sign");
    let signed = secret.sign(message_id, at, body.as_bytes());
    assert_eq!(signed, text(expected, "signature"), "{id}: signature");
    let timestamp = at.to_string();
    let headers = SignatureHeaders { id: message_id, timestamp: &timestamp, signature: &signed };
    let now = Timestamp::from_secs(at);
    assert_eq!(secret.verify(headers, body.as_bytes(), now), Ok(()), "{id}: verification");
    assert!(secret.verify(headers, format!("{body}.").as_bytes(), now).is_err(), "{id}: a changed body");
}

fn check_callback(callback: &Callback) -> bool {
    let format = match (callback.provider.as_str(), callback.channel.as_str()) {
        ("aliyun", "sms") => ReceiptFormat::AliyunSms,
        ("aliyun", "voice") => ReceiptFormat::AliyunVoice,
        ("tencent", "sms") => ReceiptFormat::TencentSms,
        ("tencent", "voice") => ReceiptFormat::TencentVoice,
        ("huawei", "sms") => ReceiptFormat::HuaweiSms,
        ("twilio", _) => ReceiptFormat::Twilio,
        ("webhook", _) => ReceiptFormat::Webhook,
        _ => return false,
    };
    let id = &callback.id;
    let report = format.parse("a", "", callback.body.as_bytes()).unwrap_or_else(|e| panic!("{id}: {e}"));
    assert_eq!((report.receipts.len(), report.unreadable), (callback.expect.len(), 0), "{id}");
    for (receipt, expected) in report.receipts.iter().zip(&callback.expect) {
        let with_plus = |phone: &str| Phone::parse(&format!("+{phone}"));
        let phone =
            expected.phone.as_deref().map(|phone| Phone::parse(phone).or_else(|_| with_plus(phone)).unwrap());
        assert_eq!(receipt.phone, phone, "{id}: phone");
        assert_eq!(receipt.delivered, expected.delivered, "{id}: delivered");
        assert_eq!(receipt.code, expected.code, "{id}: code");
        assert_eq!(receipt.provider_id, expected.provider_id, "{id}: provider id");
        assert_eq!(receipt.reference, expected.reference, "{id}: reference");
        assert_eq!(receipt.duration_s, expected.duration_s, "{id}: duration");
    }
    let reply = format.reply();
    let body: Value = serde_json::from_str(reply.body).unwrap();
    assert_eq!(reply.status, callback.reply.status, "{id}: status of the reply");
    assert!(callback.reply.body.is_null() || body == callback.reply.body, "{id}: body of the reply");
    true
}
