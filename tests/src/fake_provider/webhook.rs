//! A webhook gateway as somebody else would write it: verifies Standard Webhooks and answers a repeated id as before.

use actix_web::HttpRequest;
use serde_json::{Value, json};

use super::receipts::{now_secs, sign};
use super::{Accepted, Answer, Fault, RETRY_AFTER_MS, State, e164};

/// The tolerance of Standard Webhooks, in seconds.
const TOLERANCE_SECS: i64 = 300;

pub(super) fn answer(request: &HttpRequest, body: &[u8], state: &mut State) -> (Answer, Option<Fault>) {
    let header = |name: &str| request.headers().get(name).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let (id, at) = (header("webhook-id"), header("webhook-timestamp").parse().unwrap_or(0_i64));
    if (now_secs() - at).abs() > TOLERANCE_SECS || header("webhook-signature") != sign(id, at, body) {
        return (refusal(401, "bad_signature"), None);
    }
    state.calls += 1;
    if let Some(first) = state.answered.get(id) {
        return (Answer::new(200, first.clone()), state.fault(&[]));
    }
    let api = request.path().trim_start_matches('/');
    let Ok(message) = serde_json::from_slice::<Value>(body) else { return (refusal(400, "bad_body"), None) };
    let Some(to) = message["to"][0].as_str() else { return (refusal(400, "bad_body"), None) };
    let fault = state.fault(&[e164(to)]);
    if let Some(refused) = fault.filter(|fault| !fault.accepts()) {
        return (refused_for(refused), fault);
    }
    let provider_id = format!("w{}", state.accepted.len());
    state.accepted.push(Accepted {
        api: api.to_owned(),
        phone: e164(to),
        template: message["template"].as_str().unwrap_or_default().to_owned(),
        variables: message["params"].clone(),
        reference: id.to_owned(),
        provider_id: provider_id.clone(),
        at: super::now(),
    });
    let reply = json!({"id": provider_id, "status": "accepted", "messages": [{"to": to, "id": provider_id}]});
    state.answered.insert(id.to_owned(), reply.clone());
    (Answer::new(202, reply), fault)
}

fn refused_for(fault: Fault) -> Answer {
    match fault {
        Fault::Throttled => Answer {
            retry_after: Some(("retry-after", RETRY_AFTER_MS / 1_000)),
            ..refusal(429, "rate_limited")
        },
        Fault::NumberInvalid => refusal(422, "invalid_number"),
        Fault::FrequencyLimited => refusal(429, "daily_limit"),
        Fault::Account => refusal(402, "insufficient_balance"),
        Fault::Template => refusal(400, "template_rejected"),
        Fault::ServerError
        | Fault::HtmlError
        | Fault::Cut
        | Fault::Hang
        | Fault::LostAnswer
        | Fault::HalfAnswer
        | Fault::CutJson
        | Fault::LateAnswer
        | Fault::Redirect => refusal(500, "internal_error"),
    }
}

fn refusal(status: u16, error: &str) -> Answer {
    Answer::new(status, json!({"error": error}))
}
