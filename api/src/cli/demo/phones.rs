//! The phones of the demo's citizens: a provider on the loopback that checks signatures, keeps what arrives, and
//! reports back that it was received, signed as well.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use data_encoding::BASE64;
use mashang_config::GatewaySettings;
use mashang_infra::clock::Clock;
use mashang_notifier::standard_webhooks::{SignatureHeaders, WebhookSecret};
use serde_json::{Value, json};

/// How long a message takes to a phone and back.
const RECEIPT_AFTER: Duration = Duration::from_millis(300);

/// One message or call.
#[derive(Clone)]
pub(super) struct Arrived {
    pub(super) phone: String,
    pub(super) voice: bool,
    pub(super) text: String,
}

/// All phones. Clones are the same phones.
#[derive(Clone)]
pub(super) struct Phones(Arc<Inner>);

struct Inner {
    secret: WebhookSecret,
    secret_text: String,
    address: SocketAddr,
    arrived: Mutex<Vec<Arrived>>,
    answers: Mutex<HashMap<String, Value>>,
    receipts: OnceLock<SocketAddr>,
    http: reqwest::Client,
}

impl Phones {
    /// Opens the provider on a free port of the loopback.
    pub(super) fn switch_on() -> anyhow::Result<Self> {
        mashang_notifier::gateway::http::install_tls();
        let mut key = [0u8; 24];
        rand::TryRng::try_fill_bytes(&mut rand::rngs::SysRng, &mut key)?;
        let secret_text = format!("whsec_{}", BASE64.encode(&key));
        let secret =
            WebhookSecret::parse(&secret_text).ok_or_else(|| anyhow::anyhow!("the demo's secret"))?;
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        let phones = Self(Arc::new(Inner {
            secret,
            secret_text,
            address: listener.local_addr()?,
            arrived: Mutex::default(),
            answers: Mutex::default(),
            receipts: OnceLock::new(),
            http: reqwest::Client::new(),
        }));
        let data = web::Data::new(phones.clone());
        let server = HttpServer::new(move || {
            App::new().app_data(data.clone()).route("/webhook/{channel}", web::post().to(take))
        });
        tokio::spawn(server.workers(1).disable_signals().listen(listener)?.run());
        Ok(phones)
    }

    /// Where the notifier takes receipts.
    pub(super) fn report_to(&self, notifier: SocketAddr) {
        // Set once, right after the notifier is up.
        let _ = self.0.receipts.set(notifier);
    }

    /// The settings of the gateways that lead to these phones.
    pub(super) fn gateways(&self) -> Vec<GatewaySettings> {
        let one = |channel: &str| {
            let table = json!({
                "name": format!("phones-{channel}"), "kind": format!("webhook_{channel}"),
                "endpoint": format!("http://{}", self.0.address), "access_key_secret": self.0.secret_text,
                "rate_per_second": 100_000, "max_batch": 64,
            });
            serde_json::from_value(table).ok()
        };
        ["sms", "voice"].into_iter().filter_map(one).collect()
    }

    /// Everything that has arrived so far.
    pub(super) fn arrived(&self) -> Vec<Arrived> {
        self.0.arrived.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits for the newest SMS on this phone and reads the six digits in it.
    pub(super) async fn code_on(&self, phone: &str) -> anyhow::Result<String> {
        for _ in 0..200 {
            let found = self.arrived().into_iter().rev().find(|m| m.phone.ends_with(phone));
            if let Some(code) = found.and_then(|m| six_digits(&m.text)) {
                return Ok(code);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        anyhow::bail!("no code arrived within ten seconds")
    }

    async fn report(self, gateway: String, receipt: Value) {
        tokio::time::sleep(RECEIPT_AFTER).await;
        let Some(notifier) = self.0.receipts.get() else { return };
        let (body, now) = (json!([receipt]).to_string(), Clock::system().now().secs());
        let id = format!("r-{}", receipt["id"].as_str().unwrap_or_default());
        let request = self.0.http.post(format!("http://{notifier}/receipts/{gateway}"));
        let signed = request.header("webhook-id", &id).header("webhook-timestamp", now);
        let signed = signed.header("webhook-signature", self.0.secret.sign(&id, now, body.as_bytes()));
        if let Err(error) = signed.body(body).send().await {
            tracing::debug!(%error, "a receipt was lost");
        }
    }
}

async fn take(
    phones: web::Data<Phones>,
    channel: web::Path<String>,
    request: HttpRequest,
    body: web::Bytes,
) -> HttpResponse {
    let header = |name: &str| request.headers().get(name).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let headers = SignatureHeaders {
        id: header("webhook-id"),
        timestamp: header("webhook-timestamp"),
        signature: header("webhook-signature"),
    };
    if phones.0.secret.verify(headers, &body, Clock::system().now()).is_err() {
        return HttpResponse::Unauthorized().json(json!({ "error": "bad_signature" }));
    }
    let id = headers.id.to_owned();
    if let Some(answer) = phones.0.answers.lock().unwrap_or_else(PoisonError::into_inner).get(&id) {
        return HttpResponse::Ok().json(answer);
    }
    let Ok(message) = serde_json::from_slice::<Value>(&body) else {
        return HttpResponse::BadRequest().json(json!({ "error": "bad_body" }));
    };
    let phone = message["to"][0].as_str().unwrap_or_default().to_owned();
    let text = message["text"].as_str().unwrap_or_default().to_owned();
    let arrived = Arrived { phone: phone.clone(), voice: *channel == "voice", text };
    phones.0.arrived.lock().unwrap_or_else(PoisonError::into_inner).push(arrived);
    let answer = json!({ "id": id, "status": "accepted", "messages": [{ "to": phone, "id": id }] });
    phones.0.answers.lock().unwrap_or_else(PoisonError::into_inner).insert(id.clone(), answer.clone());
    let receipt = json!({ "id": id, "to": phone, "status": "delivered", "ref": id });
    tokio::spawn((**phones).clone().report(format!("phones-{channel}"), receipt));
    HttpResponse::Accepted().json(answer)
}

fn six_digits(text: &str) -> Option<String> {
    text.split(|c: char| !c.is_ascii_digit()).find(|part| part.len() == 6).map(str::to_owned)
}
