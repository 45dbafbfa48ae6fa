//! WeChat's side of subscribe messages: an access token, then one message a call; status 200, and `errcode` says the rest.

use actix_web::HttpRequest;
use serde_json::{Value, json};

use super::form::pairs;
use super::{Accepted, Answer, Fault, KEY_ID, KEY_SECRET, State};

pub(super) fn answer(request: &HttpRequest, body: &[u8], state: &mut State) -> (Answer, Option<Fault>) {
    let Ok(json) = serde_json::from_slice::<Value>(body) else { return (refusal(47001), None) };
    if request.path() == "/cgi-bin/stable_token" {
        return (token(&json, state.wechat_token), None);
    }
    if pairs(request.query_string()).get("access_token") != Some(&token_of(state.wechat_token)) {
        return (refusal(40001), None);
    }
    state.calls += 1;
    let message = match message(&json) {
        Ok(message) if request.path() == "/cgi-bin/message/subscribe/send" => message,
        Ok(_) => return (refusal(40066), None),
        Err(code) => return (refusal(code), None),
    };
    let fault = state.fault(std::slice::from_ref(&message.phone));
    if let Some(refused) = fault.filter(|fault| !fault.accepts()) {
        return (refused_for(refused), fault);
    }
    let id = 294_402_298_110_051_942_u64 + state.accepted.len() as u64;
    state.accepted.push(Accepted { provider_id: id.to_string(), ..message });
    (Answer::new(200, json!({"errcode": 0, "errmsg": "ok", "msgid": id})), fault)
}

fn token_of(generation: u32) -> String {
    format!("token_{generation}")
}

fn token(json: &Value, generation: u32) -> Answer {
    let wanted = json!({"grant_type": "client_credential", "appid": KEY_ID, "secret": KEY_SECRET, "force_refresh": false});
    if *json != wanted {
        return refusal(40125);
    }
    Answer::new(200, json!({"access_token": token_of(generation), "expires_in": 7200}))
}

/// The message of a call, or the code of what is wrong with it.
fn message(json: &Value) -> Result<Accepted, i64> {
    let text = |name: &str| json[name].as_str().filter(|text| !text.is_empty());
    let openid = text("touser").filter(|id| id.starts_with('o')).ok_or(40003)?;
    let template = text("template_id").ok_or(40037)?;
    if !["formal", "trial", "developer"].contains(&text("miniprogram_state").unwrap_or_default()) {
        return Err(47001);
    }
    let mut variables = serde_json::Map::new();
    for (field, data) in json["data"].as_object().ok_or(47003)? {
        let value = data["value"].as_str().ok_or(47003)?;
        let longest = if field.starts_with("thing") { 20 } else { 32 };
        if value.is_empty() || value.chars().count() > longest {
            return Err(47003);
        }
        variables.insert(field.clone(), value.into());
    }
    Ok(Accepted {
        api: "subscribe".to_owned(),
        phone: openid.to_owned(),
        template: template.to_owned(),
        variables: variables.into(),
        reference: String::new(),
        provider_id: String::new(),
        at: super::now(),
    })
}

fn refused_for(fault: Fault) -> Answer {
    match fault {
        Fault::Throttled => refusal(45011),
        // Who refused, and whose consent is used up, are one to WeChat.
        Fault::NumberInvalid | Fault::FrequencyLimited => refusal(43101),
        Fault::Account => refusal(45009),
        Fault::Template => refusal(47003),
        Fault::ServerError
        | Fault::HtmlError
        | Fault::Cut
        | Fault::Hang
        | Fault::LostAnswer
        | Fault::HalfAnswer
        | Fault::CutJson
        | Fault::LateAnswer
        | Fault::Redirect => Answer::new(500, json!({"errcode": -1, "errmsg": "system error"})),
    }
}

fn refusal(code: i64) -> Answer {
    Answer::new(200, json!({"errcode": code, "errmsg": "refused"}))
}
