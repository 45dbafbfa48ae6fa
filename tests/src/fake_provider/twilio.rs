//! Twilio's side: Basic authentication, forms, one message or call a request; the reference comes back in the query of the
//! callback that the request names.

use actix_web::HttpRequest;
use data_encoding::BASE64;
use serde_json::{Value, json};

use super::form::{Parameters, pairs};
use super::{Accepted, Answer, Fault, KEY_SECRET, RETRY_AFTER_MS, State};

/// The account that the keys belong to.
pub const TWILIO_ACCOUNT: &str = "AC0123456789abcdef0123456789abcdef";

pub(super) fn answer(request: &HttpRequest, body: &[u8], state: &mut State) -> (Answer, Option<Fault>) {
    let header = |name: &str| request.headers().get(name).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let wanted = format!("Basic {}", BASE64.encode(format!("{TWILIO_ACCOUNT}:{KEY_SECRET}").as_bytes()));
    let resource = request.path().strip_prefix(&format!("/2010-04-01/Accounts/{TWILIO_ACCOUNT}/"));
    if header("authorization") != wanted {
        return (refusal(401, 20003), None);
    }
    state.calls += 1;
    if header("content-type") != "application/x-www-form-urlencoded" {
        return (refusal(400, 20001), None);
    }
    let form = pairs(std::str::from_utf8(body).unwrap_or_default());
    let get = |name: &str| form.get(name).map_or("", String::as_str);
    let (api, variables) = match resource {
        Some("Messages.json") if !get("Body").is_empty() => ("Messages", json!({ "body": get("Body") })),
        Some("Calls.json") if !get("Twiml").is_empty() => ("Calls", json!({ "twiml": get("Twiml") })),
        Some("Calls.json") if !get("Url").is_empty() => ("Calls", json!({ "url": get("Url") })),
        _ => return (refusal(404, 20404), None),
    };
    let to = get("To").to_owned();
    if !to.starts_with('+') || get("From").is_empty() {
        return (refusal(400, 21603), None);
    }
    let fault = state.fault(std::slice::from_ref(&to));
    if let Some(refused) = fault.filter(|fault| !fault.accepts()) {
        return (refused_for(refused), fault);
    }
    (Answer::new(201, take(api, to, variables, &form, state)), fault)
}

fn take(api: &str, phone: String, variables: Value, form: &Parameters, state: &mut State) -> Value {
    let callback = form.get("StatusCallback").and_then(|url| url.split_once('?'));
    let reference = callback.and_then(|(_, query)| pairs(query).remove("ref")).unwrap_or_default();
    let kind = if api == "Calls" { "CA" } else { "SM" };
    let provider_id = format!("{kind}{:032x}", state.accepted.len());
    state.accepted.push(Accepted {
        api: api.to_owned(),
        phone,
        template: String::new(),
        variables,
        reference,
        provider_id: provider_id.clone(),
        at: super::now(),
    });
    json!({"sid": provider_id, "status": "queued", "error_code": null, "error_message": null})
}

fn refused_for(fault: Fault) -> Answer {
    match fault {
        Fault::Throttled => {
            Answer { retry_after: Some(("retry-after", RETRY_AFTER_MS / 1_000)), ..refusal(429, 20429) }
        }
        Fault::NumberInvalid => refusal(400, 21211),
        // The provider has no limit for one person; its quota is the account's.
        Fault::FrequencyLimited => refusal(429, 63038),
        Fault::Account => refusal(401, 20005),
        Fault::Template => refusal(400, 21408),
        Fault::ServerError
        | Fault::HtmlError
        | Fault::Cut
        | Fault::Hang
        | Fault::LostAnswer
        | Fault::HalfAnswer
        | Fault::CutJson
        | Fault::LateAnswer
        | Fault::Redirect => refusal(500, 20500),
    }
}

fn refusal(status: u16, code: u32) -> Answer {
    Answer::new(status, json!({"code": code, "message": "refused", "more_info": "", "status": status}))
}
