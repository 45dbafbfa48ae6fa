//! A provider to test against: SMS and calls of Aliyun, Tencent, Twilio and Huawei and a webhook gateway, on one port of
//! this host, and a mail server on another.
//!
//! It shares no code with the gateways: it verifies every signature from the raw request, remembers what it accepted, fails
//! as it is told ([`Fault`]), and pushes receipts.

mod aliyun;
mod form;
mod huawei;
mod receipts;
mod respond;
mod smtp;
mod tencent;
mod twilio;
mod weather;
mod webhook;
mod wechat;

use std::any::Any;
use std::collections::{HashMap, HashSet, VecDeque};
use std::net::TcpStream;
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use actix_web::dev::{Extensions, ServerHandle};
use actix_web::web::{self, Bytes, Data};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer};
use mashang_domain::time::Timestamp;
use mashang_infra::clock::Clock;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use respond::respond;
pub use twilio::TWILIO_ACCOUNT;
use weather::Sky;
pub use weather::Weather;

pub const KEY_ID: &str = "fakeKeyId";
pub const KEY_SECRET: &str = "fakeKeySecret";
/// `whsec_` and the base64 of 24 bytes.
pub const WEBHOOK_SECRET: &str = "whsec_ZmFrZSB3ZWJob29rIHNlY3JldCAyNGI=";
/// A hanging call hangs longer than every time-out of the tests.
const HANG: Duration = Duration::from_secs(20);

/// One message to one person that the provider took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// `SendSms`, `SendBatchSms`, `SingleCallByTts`, `SendTtsVoice`, `Messages`, `Calls`, `batchSendSms`, `batchSendDiffSms`,
    /// `webhook/sms`, `webhook/voice`, `subscribe` or `smtp`.
    pub api: String,
    /// E.164, an e-mail address or an openid.
    pub phone: String,
    pub template: String,
    pub variables: Value,
    pub reference: String,
    pub provider_id: String,
    /// When it was taken, by this machine's clock.
    pub at: Timestamp,
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fault {
    /// Refused for the rate of the account; try again in [`RETRY_AFTER_MS`].
    Throttled,
    NumberInvalid,
    FrequencyLimited,
    Account,
    Template,
    /// A JSON error with status 500; nothing accepted.
    ServerError,
    /// An HTML page with status 502; nothing accepted.
    HtmlError,
    /// The connection is cut; nothing accepted.
    Cut,
    /// No answer for longer than any time-out; nothing accepted.
    Hang,
    /// Accepted; the connection is cut instead of an answer.
    LostAnswer,
    /// Accepted; half of the promised body comes.
    HalfAnswer,
    /// Accepted; the JSON ends in the middle, with a right length.
    CutJson,
    /// Accepted; the answer comes [`LATE`], after the time-outs of those who know of it.
    LateAnswer,
    /// Sent elsewhere, to where everything is accepted; nothing accepted here.
    Redirect,
}

/// When the answer of [`Fault::LateAnswer`] comes.
pub const LATE: Duration = Duration::from_secs(3);

/// The delay that [`Fault::Throttled`] asks for, in milliseconds.
pub const RETRY_AFTER_MS: i64 = 1_000;

impl Fault {
    /// Whether the message goes out all the same.
    pub const fn accepts(self) -> bool {
        matches!(self, Self::LostAnswer | Self::HalfAnswer | Self::CutJson | Self::LateAnswer)
    }

    /// Whether it concerns one number of a call, where the provider answers for each.
    const fn is_about_a_number(self) -> bool {
        matches!(self, Self::NumberInvalid | Self::FrequencyLimited)
    }
}

#[derive(Default)]
struct State {
    accepted: Vec<Accepted>,
    /// For the next calls, whoever they are to.
    next: VecDeque<Fault>,
    /// For every call, as long as it is set.
    always: Option<Fault>,
    /// For every call that has this number (E.164) in it.
    by_phone: HashMap<String, Fault>,
    nonces: HashSet<String>,
    /// How messages to a number ended, for who asks.
    ends: HashMap<String, bool>,
    /// Ids of messages whose receipts were fetched.
    fetched: HashSet<String>,
    questions: usize,
    /// First answers by `webhook-id` or Message-ID.
    answered: HashMap<String, Value>,
    calls: usize,
    /// Which access token of WeChat's is the good one.
    wechat_token: u32,
    sky: Sky,
    /// Calls that are not answered yet.
    open: usize,
}

/// A running provider; stops when dropped.
pub struct FakeProvider {
    url: String,
    smtp_port: u16,
    mail: JoinHandle<()>,
    state: Arc<Mutex<State>>,
    server: ServerHandle,
}

/// The socket below a request, to cut it.
struct Socket(TcpStream);

impl FakeProvider {
    /// Listens on a free port of the loopback address.
    pub async fn start() -> anyhow::Result<Self> {
        let state = Arc::new(Mutex::new(State::default()));
        let data = Data::from(Arc::clone(&state));
        let server = HttpServer::new(move || {
            App::new()
                .app_data(data.clone())
                .app_data(web::PayloadConfig::new(1 << 20))
                .route("/", web::post().to(root_call))
                .route("/webhook/{channel}", web::post().to(webhook_call))
                .route("/2010-04-01/{resource:.*}", web::post().to(twilio_call))
                .route("/sms/{api}/v1", web::post().to(huawei_call))
                .route("/cgi-bin/{call:.*}", web::post().to(wechat_call))
                .route("/elsewhere", web::route().to(elsewhere))
        })
        .on_connect(keep_socket)
        .workers(1)
        .disable_signals()
        .bind(("127.0.0.1", 0))?;
        let url = format!("http://{}", server.addrs()[0]);
        let running = server.run();
        let handle = running.handle();
        tokio::spawn(running);
        let mail = TcpListener::bind(("127.0.0.1", 0)).await?;
        let smtp_port = mail.local_addr()?.port();
        let mail = tokio::spawn(smtp::serve(mail, Arc::clone(&state)));
        Ok(Self { url, smtp_port, mail, state, server: handle })
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// Of the mail server, on the loopback, without TLS.
    pub fn smtp_port(&self) -> u16 {
        self.smtp_port
    }

    /// WeChat's access token is good no more.
    pub fn revoke_wechat_token(&self) {
        lock(&self.state).wechat_token += 1;
    }

    /// All accepted messages, oldest first.
    pub fn accepted(&self) -> Vec<Accepted> {
        lock(&self.state).accepted.clone()
    }

    /// Requests that came with a good signature.
    pub fn calls(&self) -> usize {
        lock(&self.state).calls
    }

    /// The next call fails so; told several times, so do the next calls in turn.
    pub fn fail_next(&self, fault: Fault) {
        lock(&self.state).next.push_back(fault);
    }

    /// What happens to calls for which no other fault is set.
    pub fn weather(&self, weather: Weather) {
        lock(&self.state).sky = Sky::new(weather);
    }

    /// Messages taken so far.
    pub fn taken(&self) -> usize {
        lock(&self.state).accepted.len()
    }

    /// Calls that wait for their answer now.
    pub fn open(&self) -> usize {
        lock(&self.state).open
    }

    /// Every call fails so, until told otherwise.
    pub fn fail_always(&self, fault: Option<Fault>) {
        lock(&self.state).always = fault;
    }

    /// Every call with this number (E.164) in it fails so.
    pub fn fail_for(&self, phone: &str, fault: Fault) {
        lock(&self.state).by_phone.insert(phone.to_owned(), fault);
    }

    /// Messages to this number (E.164) have ended so, for who asks; until then they are on their way.
    pub fn ends_for(&self, phone: &str, delivered: bool) {
        lock(&self.state).ends.insert(phone.to_owned(), delivered);
    }

    /// Questions about messages, with a good signature.
    pub fn questions(&self) -> usize {
        lock(&self.state).questions
    }

    /// Posts a receipt for each of these messages, which are all of one api.
    pub async fn push(&self, messages: &[Accepted], delivered: bool, url: &str) -> anyhow::Result<()> {
        receipts::push(messages, delivered, url).await
    }

    /// Posts a receipt for every accepted message to `url`, as the provider of the api would; says how many.
    pub async fn push_receipts(&self, api: &str, delivered: bool, url: &str) -> anyhow::Result<usize> {
        let messages: Vec<Accepted> = self.accepted().into_iter().filter(|a| a.api == api).collect();
        receipts::push(&messages, delivered, url).await?;
        Ok(messages.len())
    }
}

impl Drop for FakeProvider {
    fn drop(&mut self) {
        self.mail.abort();
        let server = self.server.clone();
        tokio::spawn(async move { server.stop(false).await });
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn keep_socket(connection: &dyn Any, extensions: &mut Extensions) {
    let socket = connection.downcast_ref::<actix_web::rt::net::TcpStream>();
    if let Some(Ok(fd)) = socket.map(|socket| socket.as_fd().try_clone_to_owned()) {
        extensions.insert(Socket(TcpStream::from(fd)));
    }
}

/// An answer before faults: status and JSON.
struct Answer {
    status: u16,
    body: Value,
    retry_after: Option<(&'static str, i64)>,
}

impl Answer {
    fn new(status: u16, body: Value) -> Self {
        Self { status, body, retry_after: None }
    }
}

/// Providers that take everything at `/` are told apart by their headers.
async fn root_call(request: HttpRequest, body: Bytes, state: Data<Mutex<State>>) -> HttpResponse {
    let (answer, fault) = if request.headers().contains_key("x-tc-action") {
        tencent::answer(&request, &body, &mut lock(&state))
    } else {
        aliyun::answer(&request, &body, &mut lock(&state))
    };
    respond(&request, &state, answer, fault).await
}

async fn webhook_call(request: HttpRequest, body: Bytes, state: Data<Mutex<State>>) -> HttpResponse {
    let (answer, fault) = webhook::answer(&request, &body, &mut lock(&state));
    respond(&request, &state, answer, fault).await
}

async fn twilio_call(request: HttpRequest, body: Bytes, state: Data<Mutex<State>>) -> HttpResponse {
    let (answer, fault) = twilio::answer(&request, &body, &mut lock(&state));
    respond(&request, &state, answer, fault).await
}

async fn huawei_call(request: HttpRequest, body: Bytes, state: Data<Mutex<State>>) -> HttpResponse {
    let (answer, fault) = huawei::answer(&request, &body, &mut lock(&state));
    respond(&request, &state, answer, fault).await
}

async fn wechat_call(request: HttpRequest, body: Bytes, state: Data<Mutex<State>>) -> HttpResponse {
    let (answer, fault) = wechat::answer(&request, &body, &mut lock(&state));
    respond(&request, &state, answer, fault).await
}

/// Where a redirect leads; nobody must come here.
async fn elsewhere(state: Data<Mutex<State>>) -> HttpResponse {
    lock(&state).calls += 1;
    HttpResponse::Ok().finish()
}

impl State {
    /// The fault of a call to these numbers.
    fn fault(&mut self, phones: &[String]) -> Option<Fault> {
        self.next
            .pop_front()
            .or(self.always)
            .or_else(|| phones.iter().find_map(|phone| self.by_phone.get(phone).copied()))
            .or_else(|| self.sky.fault())
    }
}

/// A mainland number without its country code gets one.
fn e164(number: &str) -> String {
    match number.strip_prefix('+') {
        Some(_) => number.to_owned(),
        None if number.len() == 11 && number.starts_with('1') => format!("+86{number}"),
        None => format!("+{number}"),
    }
}

fn now() -> Timestamp {
    Clock::system().now()
}
