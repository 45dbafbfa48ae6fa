//! Card platforms to test against: the open platform of electronic health cards, and an office's adapter of social-security
//! cards, on one port of this host.
//!
//! It shares no code with the product: it checks every field and the signature of the raw request, takes each code once, and
//! fails as it is told.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::web::{self, Bytes, Data};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer};
use data_encoding::BASE64;
use mashang_infra::clock::Clock;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

pub const APP_TOKEN: &str = "fakeAppToken";
pub const APP_SECRET: &str = "fakeAppSecret";
pub const INSTITUTION: &str = "30646";
const CHANNEL: &str = "0";
/// A hanging answer comes after every time-out of the tests.
const HANG: Duration = Duration::from_secs(10);
/// How far a request's time may be from this machine's, in seconds.
const TOLERANCE: i64 = 300;

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CardFault {
    Hang,
    ServerError,
    /// JSON that ends in the middle.
    Half,
    /// Sent elsewhere, where everything would be answered.
    Redirect,
    /// The answer to another request.
    OtherRequest,
    /// A card of which nothing is said.
    Empty,
}

/// A card at the platform.
#[derive(Debug, Clone)]
struct Card {
    reference: String,
    id_number: String,
    good: bool,
}

#[derive(Default)]
struct State {
    /// By a code that nobody has used.
    codes: BTreeMap<String, Card>,
    cards: Vec<Card>,
    fault: Option<CardFault>,
    /// What was wrong with requests, in words.
    complaints: Vec<String>,
    request_ids: Vec<String>,
    elsewhere: usize,
}

/// Running platforms; they stop when dropped.
pub struct FakeCards {
    url: String,
    state: Arc<Mutex<State>>,
    server: ServerHandle,
}

impl FakeCards {
    /// Listens on a free port of the loopback address.
    pub fn start() -> anyhow::Result<Self> {
        let state = Arc::new(Mutex::new(State::default()));
        let data = Data::from(Arc::clone(&state));
        let server = HttpServer::new(move || {
            App::new()
                .app_data(data.clone())
                .route("/elsewhere", web::route().to(elsewhere))
                .default_service(web::route().to(call))
        })
        .workers(1)
        .disable_signals()
        .bind(("127.0.0.1", 0))?;
        let url = format!("http://{}", server.addrs()[0]);
        let running = server.run();
        let handle = running.handle();
        tokio::spawn(running);
        Ok(Self { url, state, server: handle })
    }

    /// The settings of the product for both platforms.
    pub fn settings(&self) -> Vec<(String, String)> {
        let one = |name: &str| {
            [
                ("endpoint", self.url.as_str()),
                ("app_token", APP_TOKEN),
                ("app_secret", APP_SECRET),
                ("institution", INSTITUTION),
                ("channel", CHANNEL),
            ]
            .map(|(key, value)| (format!("cards.{name}.{key}"), value.to_owned()))
        };
        let mut all: Vec<_> = one("e_health").into_iter().chain(one("social_security")).collect();
        all.push(("cards.timeout_ms".to_owned(), "1000".to_owned()));
        all
    }

    /// Gives a card to the holder of a document; the one-time code for it.
    pub fn issue(&self, reference: &str, id_number: &str) -> String {
        let mut state = lock(&self.state);
        let card = Card { reference: reference.to_owned(), id_number: id_number.to_owned(), good: true };
        state.cards.push(card.clone());
        let code = format!("one-time-{}", state.cards.len());
        state.codes.insert(code.clone(), card);
        code
    }

    /// A card is no longer good.
    pub fn withdraw(&self, reference: &str) {
        let mut state = lock(&self.state);
        state.cards.iter_mut().filter(|card| card.reference == reference).for_each(|card| card.good = false);
    }

    /// Every call fails so, until told otherwise.
    pub fn fail(&self, fault: Option<CardFault>) {
        lock(&self.state).fault = fault;
    }

    /// What was wrong with requests so far.
    pub fn complaints(&self) -> Vec<String> {
        lock(&self.state).complaints.clone()
    }

    /// Requests with nothing wrong in them.
    pub fn calls(&self) -> usize {
        lock(&self.state).request_ids.len()
    }

    /// Requests that followed a redirect.
    pub fn elsewhere(&self) -> usize {
        lock(&self.state).elsewhere
    }
}

impl Drop for FakeCards {
    fn drop(&mut self) {
        let server = self.server.clone();
        tokio::spawn(async move { server.stop(false).await });
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn elsewhere(state: Data<Mutex<State>>) -> HttpResponse {
    lock(&state).elsewhere += 1;
    HttpResponse::Ok().json(json!({ "commonOut": { "resultCode": 0 }, "rsp": {} }))
}

async fn call(request: HttpRequest, body: Bytes, state: Data<Mutex<State>>) -> HttpResponse {
    let (answer, fault) = {
        let mut state = lock(&state);
        (answer(request.path(), &body, &mut state), state.fault)
    };
    match fault {
        None | Some(CardFault::Empty | CardFault::OtherRequest) => HttpResponse::Ok().json(answer),
        Some(CardFault::Hang) => {
            tokio::time::sleep(HANG).await;
            HttpResponse::Ok().json(answer)
        }
        Some(CardFault::ServerError) => HttpResponse::InternalServerError().json(answer),
        Some(CardFault::Half) => {
            let text = answer.to_string();
            HttpResponse::Ok().content_type("application/json").body(text[..text.len() / 2].to_owned())
        }
        Some(CardFault::Redirect) => {
            HttpResponse::TemporaryRedirect().insert_header(("location", "/elsewhere")).finish()
        }
    }
}

/// The right answer to a request.
fn answer(path: &str, body: &[u8], state: &mut State) -> Value {
    let sent: Value = serde_json::from_slice(body).unwrap_or_default();
    let id = sent["commonIn"]["requestId"].as_str().unwrap_or_default().to_owned();
    if let Err(complaint) = check(&sent, &id, state) {
        state.complaints.push(complaint.clone());
        return reply(&id, 1, &complaint, json!({}));
    }
    state.request_ids.push(id.clone());
    let shown = if state.fault == Some(CardFault::OtherRequest) { "another" } else { id.as_str() };
    let empty = state.fault == Some(CardFault::Empty);
    let field = |name: &str| sent["req"][name].as_str().unwrap_or_default().to_owned();
    let isv = "/rest/auth/HealthCard/HealthOpenPlatform/ISVOpenObj/";
    match path.strip_prefix(isv).unwrap_or(path) {
        "getHealthCardByHealthCode" => match state.codes.remove(&field("healthCode")) {
            Some(_) if empty => reply(shown, 0, "", json!({ "card": {} })),
            Some(card) => reply(
                shown,
                0,
                "",
                json!({ "card": {
                "healthCardId": card.reference, "qrCodeText": qr(&card), "phid": "p", "name": "张三丰",
                "idNumber": card.id_number, "idType": "01" } }),
            ),
            None => reply(shown, 10_001, "healthCode used or expired", json!({})),
        },
        "verifyQRCode" => {
            let text = field("qrCodeText");
            match state.cards.iter().find(|card| qr(card) == text && card.good) {
                Some(card) => reply(shown, 0, "", json!({ "card": { "healthCardId": card.reference } })),
                None => reply(shown, 10_002, "no such card", json!({})),
            }
        }
        "/cards/link" => match state.codes.remove(&field("linkCode")) {
            Some(_) if empty => reply(shown, 0, "", json!({})),
            Some(card) => {
                reply(shown, 0, "", json!({ "cardId": card.reference, "idNumber": card.id_number }))
            }
            None => reply(shown, 10_001, "linkCode used or expired", json!({})),
        },
        "/cards/verify" => {
            let id = field("cardId");
            let good = state.cards.iter().any(|card| card.reference == id && card.good);
            reply(shown, i64::from(!good), "", json!({}))
        }
        other => {
            state.complaints.push(format!("no such path: {other}"));
            reply(shown, 404, "no such path", json!({}))
        }
    }
}

fn qr(card: &Card) -> String {
    format!("QR:{}:1", card.reference)
}

fn reply(request_id: &str, code: i64, message: &str, rsp: Value) -> Value {
    json!({ "commonOut": { "requestId": request_id, "resultCode": code, "errMsg": message }, "rsp": rsp })
}

/// Every field of the envelope, and its signature.
fn check(sent: &Value, id: &str, state: &State) -> Result<(), String> {
    let common = sent["commonIn"].as_object().ok_or("no commonIn")?;
    let request = sent["req"].as_object().ok_or("no req")?;
    if sent.as_object().is_none_or(|all| all.len() != 2) {
        return Err("more than commonIn and req".to_owned());
    }
    let mut names: Vec<&str> = common.keys().map(String::as_str).collect();
    names.sort_unstable();
    if names != ["appToken", "channelNum", "hospitalId", "requestId", "sign", "timestamp"] {
        return Err(format!("other fields: {names:?}"));
    }
    for (name, wanted) in [("appToken", APP_TOKEN), ("hospitalId", INSTITUTION), ("channelNum", CHANNEL)] {
        if common[name] != wanted {
            return Err(format!("another {name}"));
        }
    }
    if id.len() < 16 || state.request_ids.iter().any(|seen| seen == id) {
        return Err("requestId is short, or was used before".to_owned());
    }
    let at: i64 = common["timestamp"].as_str().and_then(|t| t.parse().ok()).ok_or("no timestamp")?;
    if (Clock::system().now().secs() - at).abs() > TOLERANCE {
        return Err("the time is another".to_owned());
    }
    let mut pairs: Vec<String> = Vec::new();
    for (name, value) in common.iter().chain(request).filter(|(name, _)| name.as_str() != "sign") {
        let value = value.as_str().ok_or_else(|| format!("{name} is no text"))?;
        if !value.is_empty() {
            pairs.push(format!("{name}={value}"));
        }
    }
    pairs.sort_unstable();
    let sign = BASE64.encode(&Sha256::digest(format!("{}{APP_SECRET}", pairs.join("&")).as_bytes()));
    if common["sign"] == sign.as_str() { Ok(()) } else { Err("the signature is wrong".to_owned()) }
}
