//! Tencent Cloud's side: verifies TC3-HMAC-SHA256 from the raw request, then answers as sms and vms do: always with status
//! 200, for SMS with a status for each number.

use actix_web::HttpRequest;
use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::receipts::TENCENT_SERIAL;
use super::{Accepted, Answer, Fault, KEY_ID, KEY_SECRET, State};

/// The provider refuses clocks that are further off, in seconds.
const SKEW_SECS: i64 = 300;

pub(super) fn answer(request: &HttpRequest, body: &[u8], state: &mut State) -> (Answer, Option<Fault>) {
    if let Err(code) = verify(request, body) {
        return (refusal(code), None);
    }
    let Ok(parameters) = serde_json::from_slice::<Value>(body) else {
        return (refusal("InvalidParameter"), None);
    };
    let action = header(request, "x-tc-action");
    if action.starts_with("Pull") && header(request, "x-tc-version") == "2021-01-11" {
        return pull(action, &parameters, state);
    }
    state.calls += 1;
    match (header(request, "x-tc-action"), header(request, "x-tc-version")) {
        ("SendSms", "2021-01-11") => send_sms(&parameters, state),
        ("SendTtsVoice", "2020-09-02") => call(&parameters, state),
        _ => (refusal("InvalidAction"), None),
    }
}

/// How messages ended: those to a number, or whatever was not fetched before.
fn pull(action: &str, parameters: &Value, state: &mut State) -> (Answer, Option<Fault>) {
    state.questions += 1;
    let limit = parameters["Limit"].as_u64().unwrap_or_default();
    if !(1..=100).contains(&limit) || !parameters["SmsSdkAppId"].is_string() {
        return (refusal("InvalidParameter"), None);
    }
    let phone = parameters["PhoneNumber"].as_str();
    if (action == "PullSmsSendStatusByPhoneNumber") != (phone.is_some() && parameters["BeginTime"].is_i64()) {
        return (refusal("MissingParameter"), None);
    }
    let fault = phone.and_then(|phone| state.fault(&[phone.to_owned()]));
    if let Some(code) = fault.and_then(refuses_call) {
        return (refusal(code), fault);
    }
    let mut all = Vec::new();
    for message in &state.accepted {
        let Some(delivered) = state.ends.get(&message.phone) else { continue };
        let wanted = match phone {
            Some(phone) => message.phone == phone,
            None => state.fetched.insert(message.provider_id.clone()),
        };
        if wanted {
            all.push(json!({"UserReceiveTime": 1_581_480_003, "CountryCode": "86", "SubscriberNumber": &message.phone[3..],
                "PhoneNumber": message.phone, "SerialNo": message.provider_id, "SessionContext": message.reference,
                "ReportStatus": if *delivered { "SUCCESS" } else { "FAIL" },
                "Description": if *delivered { "DELIVRD" } else { "用户关机" }}));
        }
    }
    (Answer::new(200, json!({"Response": {"PullSmsSendStatusSet": all, "RequestId": "R"}})), fault)
}

fn send_sms(parameters: &Value, state: &mut State) -> (Answer, Option<Fault>) {
    let numbers: Vec<String> =
        serde_json::from_value(parameters["PhoneNumberSet"].clone()).unwrap_or_default();
    if numbers.is_empty()
        || !["SmsSdkAppId", "TemplateId", "SignName"].iter().all(|k| parameters[k].is_string())
    {
        return (refusal("MissingParameter"), None);
    }
    if numbers.len() > 200 {
        return (refusal("LimitExceeded.PhoneNumberCountLimit"), None);
    }
    let next = state.next.pop_front();
    if let Some(whole) = next.and_then(refuses_call) {
        return (refusal(whole), next);
    }
    let fault = next.or_else(|| {
        numbers.iter().find_map(|n| state.by_phone.get(n).copied()).filter(|f| !f.is_about_a_number())
    });
    let mut statuses = Vec::new();
    for number in &numbers {
        let own = next.or_else(|| state.by_phone.get(number).copied());
        let code = own.filter(|f| !f.accepts()).and_then(of_number);
        let serial = format!("{TENCENT_SERIAL}{}:1", state.accepted.len());
        if code.is_none() {
            state.accepted.push(message("SendSms", number, parameters, &serial));
        }
        let (code, serial) = code.map_or(("Ok", serial.as_str()), |code| (code, ""));
        statuses.push(json!({"SerialNo": serial, "PhoneNumber": number, "Fee": 1, "Code": code, "Message": "m", "IsoCode": "CN",
            "SessionContext": parameters["SessionContext"]}));
    }
    (Answer::new(200, json!({"Response": {"SendStatusSet": statuses, "RequestId": "R"}})), fault)
}

fn call(parameters: &Value, state: &mut State) -> (Answer, Option<Fault>) {
    let number = parameters["CalledNumber"].as_str().unwrap_or_default().to_owned();
    if !["VoiceSdkAppid", "TemplateId"].iter().all(|k| parameters[k].is_string()) {
        return (refusal("MissingParameter"), None);
    }
    let fault = state.fault(std::slice::from_ref(&number));
    if let Some(refused) = fault.filter(|fault| !fault.accepts()) {
        let code = refuses_call(refused).or_else(|| of_number(refused)).unwrap_or("InternalError");
        return (refusal(code), fault);
    }
    let id = format!("call-{}", state.accepted.len());
    state.accepted.push(message("SendTtsVoice", &number, parameters, &id));
    let status = json!({"CallId": id, "SessionContext": parameters["SessionContext"]});
    (Answer::new(200, json!({"Response": {"SendStatus": status, "RequestId": "R"}})), fault)
}

fn message(api: &str, number: &str, parameters: &Value, id: &str) -> Accepted {
    Accepted {
        api: api.to_owned(),
        phone: number.to_owned(),
        template: parameters["TemplateId"].as_str().unwrap_or_default().to_owned(),
        variables: parameters["TemplateParamSet"].clone(),
        reference: parameters["SessionContext"].as_str().unwrap_or_default().to_owned(),
        provider_id: id.to_owned(),
        at: super::now(),
    }
}

/// The code with which a whole call is refused.
fn refuses_call(fault: Fault) -> Option<&'static str> {
    match fault {
        Fault::Throttled => Some("RequestLimitExceeded"),
        Fault::ServerError | Fault::HtmlError | Fault::Cut | Fault::Hang | Fault::Redirect => {
            Some("InternalError.Timeout")
        }
        Fault::NumberInvalid
        | Fault::FrequencyLimited
        | Fault::Account
        | Fault::Template
        | Fault::LostAnswer
        | Fault::HalfAnswer
        | Fault::CutJson
        | Fault::LateAnswer => None,
    }
}

/// The code that stands beside a number.
fn of_number(fault: Fault) -> Option<&'static str> {
    match fault {
        Fault::NumberInvalid => Some("InvalidParameterValue.IncorrectPhoneNumber"),
        Fault::FrequencyLimited => Some("LimitExceeded.PhoneNumberDailyLimit"),
        Fault::Account => Some("FailedOperation.InsufficientBalanceInSmsPackage"),
        Fault::Template => Some("FailedOperation.TemplateIncorrectOrUnapproved"),
        Fault::Throttled
        | Fault::ServerError
        | Fault::HtmlError
        | Fault::Cut
        | Fault::Hang
        | Fault::LostAnswer
        | Fault::HalfAnswer
        | Fault::CutJson
        | Fault::LateAnswer
        | Fault::Redirect => None,
    }
}

fn refusal(code: &str) -> Answer {
    Answer::new(200, json!({"Response": {"Error": {"Code": code, "Message": "refused"}, "RequestId": "R"}}))
}

fn verify(request: &HttpRequest, body: &[u8]) -> Result<(), &'static str> {
    let authorization = header(request, "authorization");
    let fields = authorization.strip_prefix("TC3-HMAC-SHA256 ").ok_or("AuthFailure.InvalidAuthorization")?;
    let field = |name: &str| fields.split(", ").find_map(|f| f.strip_prefix(name)).unwrap_or_default();
    let mut credential = field("Credential=").split('/');
    let mut part = || credential.next().unwrap_or_default();
    let (key_id, date, service) = (part(), part(), part());
    if key_id != KEY_ID {
        return Err("AuthFailure.SecretIdNotFound");
    }
    let at = header(request, "x-tc-timestamp");
    let seconds: i64 = at.parse().map_err(|_| "InvalidParameterValue")?;
    let day = chrono::DateTime::from_timestamp(seconds, 0).map(|t| t.format("%Y-%m-%d").to_string());
    if day.as_deref() != Some(date) || header(request, "x-tc-region").is_empty() {
        return Err("AuthFailure.SignatureFailure");
    }
    let signed = field("SignedHeaders=");
    let lines: String = signed.split(';').map(|name| format!("{name}:{}\n", header(request, name))).collect();
    let canonical = format!("POST\n/\n\n{lines}\n{signed}\n{}", HEXLOWER.encode(&Sha256::digest(body)));
    let digest = HEXLOWER.encode(&Sha256::digest(canonical));
    let text = format!("TC3-HMAC-SHA256\n{at}\n{date}/{service}/tc3_request\n{digest}");
    let key = [date, service, "tc3_request"]
        .iter()
        .fold(format!("TC3{KEY_SECRET}").into_bytes(), |key, part| mac(&key, part));
    let covers = |name: &str| signed.split(';').any(|s| s == name);
    if HEXLOWER.encode(&mac(&key, &text)) != field("Signature=") || !covers("host") || !covers("content-type")
    {
        return Err("AuthFailure.SignatureFailure");
    }
    let off = (super::receipts::now_secs() - seconds).abs();
    (off <= SKEW_SECS).then_some(()).ok_or("AuthFailure.SignatureExpire")
}

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return Vec::new() };
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn header<'a>(request: &'a HttpRequest, name: &str) -> &'a str {
    request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}
