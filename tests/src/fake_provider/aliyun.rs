//! Aliyun's side: verifies ACS3-HMAC-SHA256 from the raw request, then answers as dysmsapi and dyvmsapi do.

use actix_web::HttpRequest;
use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::form::{Parameters, escape, pairs};
use super::{Accepted, Answer, Fault, KEY_ID, KEY_SECRET, RETRY_AFTER_MS, State, e164, now};

/// The provider refuses clocks that are further off, in seconds.
const SKEW_SECS: i64 = 15 * 60;

pub(super) fn answer(request: &HttpRequest, body: &[u8], state: &mut State) -> (Answer, Option<Fault>) {
    if let Err(code) = verify(request, body) {
        return (refusal(400, code), None);
    }
    let nonce = header(request, "x-acs-signature-nonce").to_owned();
    if !state.nonces.insert(nonce) {
        return (refusal(400, "SignatureNonceUsed"), None);
    }
    let mut parameters = pairs(request.query_string());
    parameters.extend(pairs(std::str::from_utf8(body).unwrap_or_default()));
    let api = header(request, "x-acs-action");
    if api == "QuerySendDetails" {
        return details(&parameters, state);
    }
    state.calls += 1;
    match messages(api, &parameters) {
        Ok(messages) => take(api, messages, state),
        Err(code) => (refusal(200, code), None),
    }
}

/// What became of the messages to a number on a day, or of one of them.
fn details(parameters: &Parameters, state: &mut State) -> (Answer, Option<Fault>) {
    state.questions += 1;
    let get = |name: &str| parameters.get(name).map_or("", String::as_str);
    let is_day = get("SendDate").len() == 8 && get("SendDate").bytes().all(|b| b.is_ascii_digit());
    let page: u32 = get("PageSize").parse().unwrap_or_default();
    if !is_day || !(1..=50).contains(&page) || get("CurrentPage") != "1" {
        return (refusal(200, "isv.INVALID_PARAMETERS"), None);
    }
    let phone = e164(get("PhoneNumber"));
    let fault = state.fault(std::slice::from_ref(&phone));
    if let Some(refused) = fault.filter(|fault| !fault.accepts()) {
        return (refused_for(refused), fault);
    }
    let seen_until = now() - i64::try_from(state.sky.weather.visible_after.as_millis()).unwrap_or(i64::MAX);
    let of_number = |m: &&Accepted| {
        m.phone == phone && m.at <= seen_until && (get("BizId").is_empty() || get("BizId") == m.provider_id)
    };
    let (status, code) = match state.ends.get(&phone) {
        None => (1, ""),
        Some(false) => (2, "MOBILE_NOT_ON_SERVICE"),
        Some(true) => (3, "DELIVERED"),
    };
    let detail = |m: &Accepted| {
        json!({"PhoneNum": get("PhoneNumber"), "SendStatus": status, "ErrCode": code, "TemplateCode": m.template,
            "Content": "【码上】..", "SendDate": "2020-02-12 12:00:00", "ReceiveDate": "2020-02-12 12:00:03", "OutId": m.reference})
    };
    let all: Vec<Value> = state.accepted.iter().filter(of_number).map(detail).collect();
    let body = json!({"Code": "OK", "Message": "OK", "RequestId": "R", "TotalCount": all.len().to_string(),
        "SmsSendDetailDTOs": {"SmsSendDetailDTO": all}});
    (Answer::new(200, body), fault)
}

fn take(api: &str, mut messages: Vec<Accepted>, state: &mut State) -> (Answer, Option<Fault>) {
    let phones: Vec<String> = messages.iter().map(|m| m.phone.clone()).collect();
    let fault = state.fault(&phones);
    if let Some(refused) = fault.filter(|fault| !fault.accepts()) {
        return (refused_for(refused), fault);
    }
    let id = format!("{}^0", 900_000 + state.accepted.len());
    for message in &mut messages {
        message.provider_id.clone_from(&id);
    }
    state.accepted.extend(messages);
    let field = if api == "SingleCallByTts" { "CallId" } else { "BizId" };
    (Answer::new(200, json!({"Message": "OK", "RequestId": "R", "Code": "OK", field: id})), fault)
}

fn refused_for(fault: Fault) -> Answer {
    match fault {
        Fault::Throttled => Answer {
            retry_after: Some(("x-acs-retry-after", RETRY_AFTER_MS)),
            ..refusal(400, "Throttling.User")
        },
        Fault::NumberInvalid => refusal(200, "isv.MOBILE_NUMBER_ILLEGAL"),
        Fault::FrequencyLimited => refusal(200, "isv.BUSINESS_LIMIT_CONTROL"),
        Fault::Account => refusal(200, "isv.AMOUNT_NOT_ENOUGH"),
        Fault::Template => refusal(200, "isv.SMS_TEMPLATE_ILLEGAL"),
        Fault::ServerError
        | Fault::HtmlError
        | Fault::Cut
        | Fault::Hang
        | Fault::LostAnswer
        | Fault::HalfAnswer
        | Fault::CutJson
        | Fault::LateAnswer
        | Fault::Redirect => refusal(500, "InternalError"),
    }
}

fn refusal(status: u16, code: &str) -> Answer {
    Answer::new(status, json!({"RequestId": "R", "Message": "refused", "Code": code}))
}

/// The messages of a call, or the code of what is wrong with it.
fn messages(api: &str, parameters: &Parameters) -> Result<Vec<Accepted>, &'static str> {
    let get = |name: &str| parameters.get(name).map(String::as_str).filter(|value| !value.is_empty());
    let need = |name: &str| get(name).ok_or("MissingParameter");
    let reference = get("OutId").unwrap_or_default();
    let message = |phone: &str, template: &str, variables: Value| Accepted {
        api: api.to_owned(),
        phone: e164(phone),
        template: template.to_owned(),
        variables,
        reference: reference.to_owned(),
        provider_id: String::new(),
        at: now(),
    };
    match api {
        "SendSms" => {
            need("SignName")?;
            let (template, variables) = (need("TemplateCode")?, object(get("TemplateParam"))?);
            let numbers: Vec<&str> = need("PhoneNumbers")?.split(',').collect();
            at_most(numbers.len(), 1_000)?;
            Ok(numbers.iter().map(|number| message(number, template, variables.clone())).collect())
        }
        "SendBatchSms" => {
            let (template, numbers) = (need("TemplateCode")?, list::<String>(need("PhoneNumberJson")?)?);
            let (signs, all) =
                (list::<String>(need("SignNameJson")?)?, list::<Value>(need("TemplateParamJson")?)?);
            at_most(numbers.len(), 100)?;
            if numbers.len() != signs.len() || numbers.len() != all.len() {
                return Err("isv.INVALID_PARAMETERS");
            }
            Ok(numbers
                .iter()
                .zip(all)
                .map(|(number, variables)| message(number, template, variables))
                .collect())
        }
        "SingleCallByTts" => {
            let within = reference.len() <= 15;
            let template = within.then_some(need("TtsCode")?).ok_or("isv.PARAM_LENGTH_LIMIT")?;
            Ok(vec![message(need("CalledNumber")?, template, object(get("TtsParam"))?)])
        }
        _ => Err("InvalidApi.NotFound"),
    }
}

fn at_most(count: usize, limit: usize) -> Result<(), &'static str> {
    (count <= limit).then_some(()).ok_or("isv.MOBILE_COUNT_OVER_LIMIT")
}

fn object(text: Option<&str>) -> Result<Value, &'static str> {
    let value: Value = serde_json::from_str(text.unwrap_or("{}")).map_err(|_| "isv.INVALID_JSON_PARAM")?;
    value.is_object().then_some(value).ok_or("isv.INVALID_JSON_PARAM")
}

fn list<T: serde::de::DeserializeOwned>(text: &str) -> Result<Vec<T>, &'static str> {
    serde_json::from_str(text).map_err(|_| "isv.INVALID_JSON_PARAM")
}

fn verify(request: &HttpRequest, body: &[u8]) -> Result<(), &'static str> {
    let authorization = header(request, "authorization");
    let fields = authorization.strip_prefix("ACS3-HMAC-SHA256 ").ok_or("IncompleteSignature")?;
    let field = |name: &str| fields.split(',').find_map(|f| f.strip_prefix(name)).unwrap_or_default();
    if field("Credential=") != KEY_ID {
        return Err("InvalidAccessKeyId.NotFound");
    }
    let signed: Vec<&str> = field("SignedHeaders=").split(';').collect();
    let must_be_signed = |name: &str| name.starts_with("x-acs-") || name == "host" || name == "content-type";
    let unsigned =
        request.headers().keys().any(|n| must_be_signed(n.as_str()) && !signed.contains(&n.as_str()));
    let hash = HEXLOWER.encode(&Sha256::digest(body));
    if unsigned || !signed.is_sorted() || header(request, "x-acs-content-sha256") != hash {
        return Err("SignatureDoesNotMatch");
    }
    let lines: String = signed.iter().map(|name| format!("{name}:{}\n", header(request, name))).collect();
    let query: Vec<String> =
        pairs(request.query_string()).iter().map(|(k, v)| format!("{}={}", escape(k), escape(v))).collect();
    let canonical = ["POST", request.path(), &query.join("&"), &lines, &signed.join(";"), &hash].join("\n");
    let digest = HEXLOWER.encode(&Sha256::digest(canonical));
    let mut mac = Hmac::<Sha256>::new_from_slice(KEY_SECRET.as_bytes()).map_err(|_| "InternalError")?;
    mac.update(format!("ACS3-HMAC-SHA256\n{digest}").as_bytes());
    if HEXLOWER.encode(&mac.finalize().into_bytes()) != field("Signature=") {
        return Err("SignatureDoesNotMatch");
    }
    fresh(header(request, "x-acs-date"))
}

fn fresh(date: &str) -> Result<(), &'static str> {
    let date = chrono::DateTime::parse_from_rfc3339(date).map_err(|_| "InvalidTimeStamp.Format")?;
    let off = (super::receipts::now_secs() - date.timestamp()).abs();
    (off <= SKEW_SECS).then_some(()).ok_or("InvalidTimeStamp.Expired")
}

fn header<'a>(request: &'a HttpRequest, name: &str) -> &'a str {
    request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}
