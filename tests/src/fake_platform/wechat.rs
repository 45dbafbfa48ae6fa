//! WeChat's side: status 200 whatever is asked, and `errcode` for what is wrong with it.

use std::collections::{HashMap, VecDeque};

use actix_web::http::Method;
use actix_web::{HttpRequest, HttpResponse};
use data_encoding::HEXLOWER;
use serde_json::{Value, json};
use sha1::{Digest, Sha1};
use uuid::Uuid;

use super::form::Pairs;
use super::{FakePlatform, PUSH_TOKEN, WECHAT_APP, WECHAT_SECRET, lock};

/// A picture as WeChat sends one; its QR says "wxacode of WeChat".
const PICTURE: &[u8] = include_bytes!("code.jpg");

#[derive(Default)]
pub(super) struct State {
    /// Codes of `wx.login`, and whose they are; used ones stay.
    codes: HashMap<String, (String, bool)>,
    /// Codes of the button: whose, and which number.
    phones: HashMap<String, (String, String)>,
    /// Which access token is the good one.
    generation: u32,
    forced: usize,
    refusals: HashMap<String, VecDeque<i64>>,
    scenes: Vec<Value>,
}

impl FakePlatform {
    /// A code that `wx.login` gave to this person.
    pub fn wechat_code(&self, openid: &str) -> String {
        let code = format!("0{}", Uuid::new_v4().simple());
        lock(&self.state).wechat.codes.insert(code.clone(), (openid.to_owned(), false));
        code
    }

    /// A code that the button gave to this person.
    pub fn wechat_phone_code(&self, openid: &str, phone: &str) -> String {
        let code = Uuid::new_v4().simple().to_string();
        lock(&self.state).wechat.phones.insert(code.clone(), (openid.to_owned(), phone.to_owned()));
        code
    }

    /// The next call of this path is refused by this code; told several times, so are the next ones.
    pub fn refuse_next(&self, path: &str, code: i64) {
        lock(&self.state).wechat.refusals.entry(path.to_owned()).or_default().push_back(code);
    }

    /// The access token is good no more.
    pub fn revoke_token(&self) {
        lock(&self.state).wechat.generation += 1;
    }

    /// How often a new token was forced.
    pub fn forced(&self) -> usize {
        lock(&self.state).wechat.forced
    }

    /// What mini-program codes were asked for.
    pub fn scenes(&self) -> Vec<Value> {
        lock(&self.state).wechat.scenes.clone()
    }
}

/// The query of a push of WeChat's at this second.
pub fn push_query(seconds: i64) -> String {
    let (timestamp, nonce) = (seconds.to_string(), "1514711492");
    let mut parts = [PUSH_TOKEN, timestamp.as_str(), nonce];
    parts.sort_unstable();
    let signature = HEXLOWER.encode(&Sha1::digest(parts.concat()));
    format!("signature={signature}&timestamp={timestamp}&nonce={nonce}")
}

pub(super) fn answer(request: &HttpRequest, query: &Pairs, body: &[u8], state: &mut State) -> HttpResponse {
    if let Some(code) = state.refusals.get_mut(request.path()).and_then(VecDeque::pop_front) {
        return refusal(code);
    }
    if request.path() == "/sns/jscode2session" {
        return session(request, query, state).map_or_else(refusal, |v| HttpResponse::Ok().json(v));
    }
    let is_json = request.headers().get("content-type").is_some_and(|v| v.as_bytes() == b"application/json");
    let Some(json) = serde_json::from_slice::<Value>(body).ok().filter(|_| is_json) else {
        return refusal(47001);
    };
    if request.method() != Method::POST {
        return refusal(43002);
    }
    if request.path() == "/cgi-bin/stable_token" {
        return token(&json, state).map_or_else(refusal, |v| HttpResponse::Ok().json(v));
    }
    if query.get("access_token") != Some(&token_of(state.generation)) {
        return refusal(40001);
    }
    match request.path() {
        "/wxa/business/getuserphonenumber" => {
            phone(&json, state).map_or_else(refusal, |v| HttpResponse::Ok().json(v))
        }
        "/wxa/getwxacodeunlimit" => match code(&json) {
            Ok(()) => {
                state.scenes.push(json);
                HttpResponse::Ok().content_type("image/jpeg").body(PICTURE)
            }
            Err(code) => refusal(code),
        },
        _ => refusal(40066),
    }
}

fn refusal(code: i64) -> HttpResponse {
    HttpResponse::Ok().json(json!({ "errcode": code, "errmsg": "13800138000 hints: rid" }))
}

fn session(request: &HttpRequest, query: &Pairs, state: &mut State) -> Result<Value, i64> {
    let get = |name: &str| query.get(name).map_or("", String::as_str);
    if request.method() != Method::GET {
        return Err(41002);
    }
    client(get("appid"), get("secret"))?;
    if get("grant_type") != "authorization_code" {
        return Err(40002);
    }
    match state.codes.get_mut(get("js_code")) {
        _ if get("js_code").is_empty() => Err(41008),
        None => Err(40029),
        Some((_, true)) => Err(40163),
        Some((openid, used)) => {
            *used = true;
            Ok(
                json!({ "openid": openid, "session_key": "c2Vzc2lvbl9rZXlfb2ZfdGhpcw==", "unionid": format!("u-{openid}") }),
            )
        }
    }
}

fn client(app_id: &str, secret: &str) -> Result<(), i64> {
    match (app_id, secret) {
        ("", _) => Err(41002),
        (_, "") => Err(41004),
        (WECHAT_APP, WECHAT_SECRET) => Ok(()),
        (WECHAT_APP, _) => Err(40125),
        _ => Err(40013),
    }
}

/// As long as a token may be.
fn token_of(generation: u32) -> String {
    format!("{generation}_{}", "T".repeat(500))
}

fn token(json: &Value, state: &mut State) -> Result<Value, i64> {
    let get = |name: &str| json[name].as_str().unwrap_or_default();
    client(get("appid"), get("secret"))?;
    if get("grant_type") != "client_credential" {
        return Err(40002);
    }
    if json["force_refresh"] == true {
        state.forced += 1;
        state.generation += 1;
    }
    Ok(json!({ "access_token": token_of(state.generation), "expires_in": 7200 }))
}

fn phone(json: &Value, state: &mut State) -> Result<Value, i64> {
    let code = json["code"].as_str().ok_or(47001)?;
    let (openid, number) = state.phones.get(code).ok_or(40029)?;
    if json.as_object().is_none_or(|o| o.len() != 2) || json["openid"] != openid.as_str() {
        return Err(40029);
    }
    let info = json!({ "phoneNumber": number, "purePhoneNumber": number, "countryCode": "86",
        "watermark": { "timestamp": 1_637_744_274, "appid": WECHAT_APP } });
    state.phones.remove(code);
    Ok(json!({ "errcode": 0, "errmsg": "ok", "phone_info": info }))
}

/// Checks the wish for a code.
fn code(json: &Value) -> Result<(), i64> {
    let scene = json["scene"].as_str().unwrap_or_default();
    let allowed = |c: char| c.is_ascii_alphanumeric() || "!#$&'()*+,/:;=?@-._~".contains(c);
    if scene.is_empty() || scene.len() > 32 || !scene.chars().all(allowed) {
        return Err(40169);
    }
    let page = json["page"].as_str().unwrap_or_default();
    if page.is_empty() || page.starts_with('/') || page.contains('?') || !json["check_path"].is_boolean() {
        return Err(41030);
    }
    let version = json["env_version"].as_str().unwrap_or_default();
    let width = json["width"].as_u64().unwrap_or_default();
    let fits = ["release", "trial", "develop"].contains(&version) && (280..=1280).contains(&width);
    fits.then_some(()).ok_or(40097)
}
