//! Alipay's side: verifies RSA2 from the raw request, and signs the very text of its answer.

use std::collections::{HashMap, VecDeque};

use actix_web::http::Method;
use actix_web::{HttpRequest, HttpResponse};
use chrono::{FixedOffset, NaiveDateTime};
use fast_qr::QRBuilder;
use mashang_infra::clock::Clock;
use serde_json::{Value, json};
use uuid::Uuid;

use super::form::{Pairs, pairs};
use super::keys::Keys;
use super::{ALIPAY_APP, FakePlatform, lock};

/// The gateway refuses clocks that are further off, in seconds.
const SKEW: i64 = 900;
/// Pixels of a module, and modules of quiet around.
const UNIT: usize = 8;
const QUIET: usize = 4;

#[derive(Default)]
pub(super) struct State {
    /// Codes of `my.getAuthCode`, and whose they are.
    codes: HashMap<String, String>,
    /// `code` and `sub_code` of the next answers.
    refusals: VecDeque<(String, String)>,
    /// Whether answers are signed by somebody else.
    forged: bool,
    /// What codes were asked for.
    wishes: Vec<Value>,
    /// The link that is answered in place of a right one.
    link: Option<String>,
}

impl FakePlatform {
    /// A code that `my.getAuthCode` gave to this person.
    pub fn alipay_code(&self, open_id: &str) -> String {
        let code = Uuid::new_v4().simple().to_string();
        lock(&self.state).alipay.codes.insert(code.clone(), open_id.to_owned());
        code
    }

    /// What `my.getPhoneNumber` gives for a number: `response` and `sign`.
    pub fn alipay_phone(&self, phone: &str) -> (String, String) {
        self.alipay_content(&json!({ "code": "10000", "msg": "Success", "mobile": phone }).to_string())
    }

    /// Any content, encrypted and signed.
    pub fn alipay_content(&self, text: &str) -> (String, String) {
        let keys = Keys::read();
        let response = keys.encrypt(text);
        let sign = keys.sign(&format!("\"{response}\""));
        (response, sign)
    }

    /// The next call is refused so.
    pub fn alipay_refuses_next(&self, code: &str, sub_code: &str) {
        lock(&self.state).alipay.refusals.push_back((code.to_owned(), sub_code.to_owned()));
    }

    /// Whether answers are signed by somebody else from now on.
    pub fn alipay_is_forged(&self, forged: bool) {
        lock(&self.state).alipay.forged = forged;
    }

    /// The link of the next pictures.
    pub fn alipay_links_to(&self, link: Option<&str>) {
        lock(&self.state).alipay.link = link.map(str::to_owned);
    }

    /// What codes were asked for.
    pub fn alipay_wishes(&self) -> Vec<Value> {
        lock(&self.state).alipay.wishes.clone()
    }
}

pub(super) fn answer(
    request: &HttpRequest,
    query: &Pairs,
    body: &[u8],
    state: &mut super::State,
) -> HttpResponse {
    let keys = Keys::read();
    let form = pairs(std::str::from_utf8(body).unwrap_or_default());
    let method = query.get("method").cloned().unwrap_or_default();
    let name = format!("{}_response", method.replace('.', "_"));
    let outcome = check(request, query, &form, &keys)
        .and_then(|()| match state.alipay.refusals.pop_front() {
            Some((code, sub)) => Err((code, sub)),
            None => Ok(()),
        })
        .and_then(|()| match method.as_str() {
            "alipay.system.oauth.token" => token(&form, &mut state.alipay),
            "alipay.open.app.qrcode.create" => code(&form, state),
            _ => Err(("40002".to_owned(), "isv.invalid-method".to_owned())),
        });
    let (name, object) = match outcome {
        Ok(object) => (name, object),
        Err((code, sub_code)) => (
            "error_response".to_owned(),
            json!({ "code": code, "msg": "m", "sub_code": sub_code, "sub_msg": "13800138000 说明" }),
        ),
    };
    // With spaces that no serialiser would put there: the very text is signed.
    let text = format!(" {object} ").replace("\":\"", "\" : \"");
    let signed = if state.alipay.forged { keys.sign("another text") } else { keys.sign(text.trim()) };
    HttpResponse::Ok()
        .content_type("text/html;charset=utf-8")
        .body(format!("{{\"{name}\":{text},\"sign\":\"{signed}\"}}"))
}

type Refused = (String, String);

fn refused(sub: &str) -> Refused {
    ("40002".to_owned(), sub.to_owned())
}

/// Checks what every request must have.
fn check(request: &HttpRequest, query: &Pairs, form: &Pairs, keys: &Keys) -> Result<(), Refused> {
    let get = |name: &str| query.get(name).map_or("", String::as_str);
    let kind = request.headers().get("content-type").and_then(|v| v.to_str().ok()).unwrap_or_default();
    let is_form = kind.starts_with("application/x-www-form-urlencoded");
    if request.method() != Method::POST || !is_form {
        return Err(refused("isv.invalid-method"));
    }
    if get("app_id") != ALIPAY_APP {
        return Err(refused("isv.invalid-app-id"));
    }
    let fixed = [("format", "JSON"), ("charset", "utf-8"), ("sign_type", "RSA2"), ("version", "1.0")];
    if let Some((name, _)) = fixed.iter().find(|(name, value)| get(name) != *value) {
        return Err(("40001".to_owned(), format!("isv.missing-{name}")));
    }
    let mut all: Pairs = query.clone();
    all.extend(form.clone());
    let sign = all.remove("sign").unwrap_or_default();
    let text: Vec<String> = all.iter().map(|(name, value)| format!("{name}={value}")).collect();
    if !keys.verify(&text.join("&"), &sign) {
        return Err(refused("isv.invalid-signature"));
    }
    fresh(get("timestamp"))
}

fn fresh(timestamp: &str) -> Result<(), Refused> {
    let shanghai = FixedOffset::east_opt(8 * 3_600).unwrap_or_else(|| unreachable!("a zone"));
    let at = NaiveDateTime::parse_from_str(timestamp, "%Y-%m-%d %H:%M:%S");
    let at = at.map_err(|_| refused("isv.invalid-timestamp"))?.and_local_timezone(shanghai).single();
    let off = at.map_or(i64::MAX, |at| (at.timestamp_millis() - Clock::system().now().0) / 1_000);
    if off.abs() <= SKEW { Ok(()) } else { Err(refused("isv.invalid-timestamp")) }
}

fn token(form: &Pairs, state: &mut State) -> Result<Value, Refused> {
    if form.get("grant_type").map(String::as_str) != Some("authorization_code") {
        return Err(refused("isv.grant-type-invalid"));
    }
    let code = form.get("code").map(String::as_str).unwrap_or_default();
    let open_id = state.codes.remove(code).ok_or_else(|| refused("isv.code-invalid"))?;
    Ok(json!({ "open_id": open_id, "access_token": "authusrB1d1c4b", "expires_in": "1296000",
        "refresh_token": "authusrB2", "re_expires_in": "2592000", "auth_start": "2020-02-12 12:00:00" }))
}

fn code(form: &Pairs, state: &mut super::State) -> Result<Value, Refused> {
    let wish: Value = serde_json::from_str(form.get("biz_content").map(String::as_str).unwrap_or_default())
        .map_err(|_| refused("isv.invalid-parameter"))?;
    let given = |name: &str| wish[name].as_str().is_some_and(|text| !text.is_empty());
    if !["url_param", "query_param", "describe"].into_iter().all(given) {
        return Err(("40001".to_owned(), "isv.missing-parameter".to_owned()));
    }
    state.alipay.wishes.push(wish);
    let number = state.alipay.wishes.len() - 1;
    let link = state.alipay.link.clone().unwrap_or_else(|| format!("{}/picture/{number}", state.url));
    Ok(json!({ "code": "10000", "msg": "Success", "qr_code_url": link }))
}

/// A PNG whose QR says what was asked for; other numbers are pictures to refuse.
pub(super) fn picture(path: &str, state: &super::State) -> HttpResponse {
    match path.trim_start_matches("/picture/") {
        "moved" => HttpResponse::Found().insert_header(("location", "/picture/0")).finish(),
        "large" => HttpResponse::Ok().content_type("image/png").body(vec![0x89; 3 << 20]),
        "page" => HttpResponse::Ok().content_type("text/html").body("<html>"),
        "odd" => HttpResponse::Ok().content_type("image/png").body("no picture"),
        number => {
            let wish = number.parse::<usize>().ok().and_then(|n| state.alipay.wishes.get(n));
            let text = wish.and_then(|w| w["query_param"].as_str()).unwrap_or_default();
            HttpResponse::Ok().content_type("image/png").body(png_of(text))
        }
    }
}

fn png_of(text: &str) -> Vec<u8> {
    let code = QRBuilder::new(text).build().unwrap_or_else(|e| panic!("{e}"));
    let side = (code.size + 2 * QUIET) * UNIT;
    let dark = |x: usize, y: usize| {
        let module = |n: usize| (n / UNIT).checked_sub(QUIET).filter(|m| *m < code.size);
        matches!((module(x), module(y)), (Some(x), Some(y)) if code[y][x].value())
    };
    let pixels: Vec<u8> = (0..side * side).map(|n| if dark(n % side, n / side) { 0 } else { 255 }).collect();
    let mut file = Vec::new();
    let width = u32::try_from(side).unwrap_or_default();
    let mut encoder = png::Encoder::new(&mut file, width, width);
    encoder.set_color(png::ColorType::Grayscale);
    let written = encoder.write_header().and_then(|mut w| w.write_image_data(&pixels));
    written.unwrap_or_else(|e| panic!("{e}"));
    file
}
