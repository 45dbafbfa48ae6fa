//! WeChat and Alipay to test against, on one port of this host.
//!
//! It shares no code with the clients: it checks every parameter and signature from the raw request, answers each code of the
//! documentation when it is told to, and remembers what it was asked.

mod alipay;
mod form;
mod keys;
mod wechat;

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::http::StatusCode;
use actix_web::web::{self, Bytes, Data};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer};

pub use wechat::push_query;

pub const WECHAT_APP: &str = "wx0123456789abcdef";
pub const WECHAT_SECRET: &str = "fakeWechatSecret";
pub const PUSH_TOKEN: &str = "pushToken1";
pub const ALIPAY_APP: &str = "2021000000000001";

/// Longer than every time-out of the tests.
const HANG: Duration = Duration::from_secs(20);

/// What happens to a call instead of its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// No answer for longer than any time-out.
    Hang,
    /// An HTML page with status 502.
    Html,
    /// Sent elsewhere, where everything is fine.
    Redirect,
    /// Half of a JSON.
    Cut,
}

#[derive(Default)]
struct State {
    url: String,
    wechat: wechat::State,
    alipay: alipay::State,
    next: VecDeque<Mood>,
    always: Option<Mood>,
    /// Calls by path; of Alipay by method.
    calls: HashMap<String, usize>,
}

/// Running platforms; stop when dropped.
pub struct FakePlatform {
    url: String,
    state: Arc<Mutex<State>>,
    server: ServerHandle,
}

impl FakePlatform {
    pub async fn start() -> anyhow::Result<Self> {
        let state = Arc::new(Mutex::new(State::default()));
        let data = Data::from(Arc::clone(&state));
        let server =
            HttpServer::new(move || App::new().app_data(data.clone()).default_service(web::to(call)))
                .workers(1)
                .disable_signals()
                .bind(("127.0.0.1", 0))?;
        let url = format!("http://{}", server.addrs()[0]);
        lock(&state).url.clone_from(&url);
        let running = server.run();
        let handle = running.handle();
        tokio::spawn(running);
        Ok(Self { url, state, server: handle })
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// The settings of an installation that uses both, as changes of a test's settings.
    pub fn settings(&self) -> Vec<(&'static str, String)> {
        let keys = keys::Keys::read();
        vec![
            ("wechat.app_id", WECHAT_APP.to_owned()),
            ("wechat.app_secret", WECHAT_SECRET.to_owned()),
            ("wechat.endpoint", self.url.clone()),
            ("wechat.push_token", PUSH_TOKEN.to_owned()),
            ("wechat.timeout_ms", "1500".to_owned()),
            ("alipay.app_id", ALIPAY_APP.to_owned()),
            ("alipay.private_key", keys.ours_private),
            ("alipay.public_key", keys.alipay_public),
            ("alipay.aes_key", keys.aes),
            ("alipay.endpoint", format!("{}/gateway.do", self.url)),
            ("alipay.picture_hosts", self.url.clone()),
            ("alipay.timeout_ms", "1500".to_owned()),
        ]
    }

    /// The next call goes so; told several times, so do the next calls in turn.
    pub fn fail_next(&self, mood: Mood) {
        lock(&self.state).next.push_back(mood);
    }

    /// Every call goes so, until told otherwise.
    pub fn fail_always(&self, mood: Option<Mood>) {
        lock(&self.state).always = mood;
    }

    /// How often a path (of WeChat) or a method (of Alipay) was called.
    pub fn calls(&self, what: &str) -> usize {
        lock(&self.state).calls.get(what).copied().unwrap_or(0)
    }

    /// All calls.
    pub fn all_calls(&self) -> usize {
        lock(&self.state).calls.values().sum()
    }
}

impl Drop for FakePlatform {
    fn drop(&mut self) {
        let server = self.server.clone();
        tokio::spawn(async move { server.stop(false).await });
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn call(request: HttpRequest, body: Bytes, state: Data<Mutex<State>>) -> HttpResponse {
    let query = form::pairs(request.query_string());
    let mood = {
        let mut state = lock(&state);
        let name = query.get("method").cloned().unwrap_or_else(|| request.path().to_owned());
        *state.calls.entry(name).or_default() += 1;
        state.next.pop_front().or(state.always)
    };
    match mood {
        Some(Mood::Hang) => {
            tokio::time::sleep(HANG).await;
            return HttpResponse::Ok().finish();
        }
        Some(Mood::Html) => {
            return HttpResponse::build(StatusCode::BAD_GATEWAY).content_type("text/html").body("<html>");
        }
        Some(Mood::Redirect) => {
            return HttpResponse::Found().insert_header(("location", "/elsewhere")).finish();
        }
        Some(Mood::Cut) => {
            return HttpResponse::Ok().content_type("application/json").body("{\"openid\":\"o");
        }
        None => {}
    }
    let mut state = lock(&state);
    match request.path() {
        "/gateway.do" => alipay::answer(&request, &query, &body, &mut state),
        path if path.starts_with("/picture/") => alipay::picture(path, &state),
        _ => wechat::answer(&request, &query, &body, &mut state.wechat),
    }
}
