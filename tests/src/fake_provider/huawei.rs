//! Huawei Cloud's side: verifies SDK-HMAC-SHA256 from the raw request, then answers with a status for each number.

use actix_web::HttpRequest;
use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::form::pairs;
use super::{Accepted, Answer, Fault, KEY_ID, KEY_SECRET, State};

/// The provider refuses clocks that are further off, in seconds.
const SKEW_SECS: i64 = 15 * 60;

/// A message to a number, and what is said in it.
struct Wanted {
    to: String,
    template: String,
    variables: Value,
}

pub(super) fn answer(request: &HttpRequest, body: &[u8], state: &mut State) -> (Answer, Option<Fault>) {
    if let Err(code) = verify(request, body) {
        return (refusal(401, code), None);
    }
    state.calls += 1;
    let Some((reference, wanted)) = read(request.path(), body) else {
        return (refusal(400, "E000503"), None);
    };
    if wanted.is_empty() || wanted.len() > 500 {
        return (refusal(400, "E000503"), None);
    }
    let next = state.next.pop_front().or(state.always).or_else(|| state.sky.fault());
    if let Some(answer) = next.and_then(refuses_call) {
        return (answer, next);
    }
    let of_one = |w: &Wanted| state.by_phone.get(&w.to).copied();
    let fault = next.or_else(|| wanted.iter().find_map(of_one).filter(|f| !f.is_about_a_number()));
    let statuses: Vec<Value> =
        wanted.into_iter().enumerate().map(|(n, w)| status(n, w, next, &reference, request, state)).collect();
    let code = if statuses.iter().any(|s| s["status"] != "000000") { "E000510" } else { "000000" };
    (Answer::new(200, json!({"code": code, "description": "d", "result": statuses})), fault)
}

fn status(
    n: usize,
    wanted: Wanted,
    next: Option<Fault>,
    reference: &str,
    request: &HttpRequest,
    state: &mut State,
) -> Value {
    let own = next.or_else(|| state.by_phone.get(&wanted.to).copied());
    let code = own.filter(|f| !f.accepts()).and_then(of_number);
    let id = format!("b9d9b4fe-{}_{n}", state.accepted.len());
    let status = json!({"originTo": wanted.to, "createTime": "2020-02-12T04:00:00Z", "from": "8820000000001", "smsMsgId": id,
        "countryId": "CN", "total": 1, "status": code.unwrap_or("000000")});
    if code.is_none() {
        state.accepted.push(Accepted {
            api: request.path().split('/').nth(2).unwrap_or_default().to_owned(),
            phone: wanted.to,
            template: wanted.template,
            variables: wanted.variables,
            reference: reference.to_owned(),
            provider_id: id,
            at: super::now(),
        });
    }
    status
}

/// The reference of the call, and its messages.
fn read(path: &str, body: &[u8]) -> Option<(String, Vec<Wanted>)> {
    let text = std::str::from_utf8(body).ok()?;
    if path == "/sms/batchSendSms/v1" {
        let form = pairs(text);
        form.get("from")?;
        let (template, variables) =
            (form.get("templateId")?, serde_json::from_str(form.get("templateParas")?).ok()?);
        let wanted = |to: &str| Wanted {
            to: to.to_owned(),
            template: template.clone(),
            variables: Value::clone(&variables),
        };
        return Some((form.get("extend")?.clone(), form.get("to")?.split(',').map(wanted).collect()));
    }
    let json: Value = serde_json::from_str(text).ok()?;
    json["from"].as_str()?;
    let mut all = Vec::new();
    for content in json["smsContent"].as_array()? {
        for to in content["to"].as_array()? {
            let template = content["templateId"].as_str()?.to_owned();
            all.push(Wanted {
                to: to.as_str()?.to_owned(),
                template,
                variables: content["templateParas"].clone(),
            });
        }
    }
    Some((json["extend"].as_str()?.to_owned(), all))
}

/// The answer with which a whole call is refused.
fn refuses_call(fault: Fault) -> Option<Answer> {
    match fault {
        Fault::Throttled => Some(Answer::new(429, json!({"error_code": "APIGW.0308", "error_msg": "m"}))),
        Fault::Account => Some(refusal(400, "E000112")),
        Fault::ServerError | Fault::HtmlError | Fault::Cut | Fault::Hang | Fault::Redirect => {
            Some(refusal(500, "E000000"))
        }
        Fault::NumberInvalid
        | Fault::FrequencyLimited
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
        Fault::NumberInvalid => Some("E200014"),
        Fault::FrequencyLimited => Some("E200041"),
        Fault::Template => Some("E200028"),
        Fault::Throttled
        | Fault::Account
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

fn refusal(status: u16, code: &str) -> Answer {
    Answer::new(status, json!({"code": code, "description": "refused"}))
}

fn verify(request: &HttpRequest, body: &[u8]) -> Result<(), &'static str> {
    let header = |name: &str| request.headers().get(name).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let fields = header("authorization").strip_prefix("SDK-HMAC-SHA256 ").ok_or("E000001")?;
    let field = |name: &str| fields.split(", ").find_map(|f| f.strip_prefix(name)).unwrap_or_default();
    if field("Access=") != KEY_ID {
        return Err("E000111");
    }
    let date = header("x-sdk-date");
    let at = chrono::NaiveDateTime::parse_from_str(date, "%Y%m%dT%H%M%SZ").map_err(|_| "E000109")?;
    if (super::receipts::now_secs() - at.and_utc().timestamp()).abs() > SKEW_SECS {
        return Err("E000109");
    }
    let signed = field("SignedHeaders=");
    let covers = |name: &str| signed.split(';').any(|s| s == name);
    if !["host", "x-sdk-date", "content-type"].into_iter().all(covers) {
        return Err("E000104");
    }
    let lines: String = signed.split(';').map(|name| format!("{name}:{}\n", header(name))).collect();
    let hash = match header("x-sdk-content-sha256") {
        "" => HEXLOWER.encode(&Sha256::digest(body)),
        given => given.to_owned(),
    };
    let canonical = format!("POST\n{}/\n\n{lines}\n{signed}\n{hash}", request.path());
    let digest = HEXLOWER.encode(&Sha256::digest(canonical));
    let mut mac = Hmac::<Sha256>::new_from_slice(KEY_SECRET.as_bytes()).map_err(|_| "E000000")?;
    mac.update(format!("SDK-HMAC-SHA256\n{date}\n{digest}").as_bytes());
    (HEXLOWER.encode(&mac.finalize().into_bytes()) == field("Signature=")).then_some(()).ok_or("E000110")
}
