//! Signing in through WeChat and Alipay, and the rest of their mini-programs, against platforms that check everything.

mod alipay;
mod binding;
mod ownership;
mod posters;
mod pushes;
mod settings;
mod subscribe;
mod token;
mod wechat;

use mashang_tests::fake_platform::FakePlatform;
use mashang_tests::{Form, Reply, TestApp};
use serde_json::{Value, json};

/// The product and the platforms it is set up for.
async fn both(form: Form) -> Option<(TestApp, FakePlatform)> {
    with(form, &[]).await
}

/// As [`both`], with settings changed.
async fn with(form: Form, changes: &[(&str, &str)]) -> Option<(TestApp, FakePlatform)> {
    let platform = FakePlatform::start().await.unwrap();
    let own = platform.settings();
    let mut all: Vec<(&str, &str)> = own.iter().map(|(key, value)| (*key, value.as_str())).collect();
    all.extend(changes);
    Some((TestApp::with(form, &all).await?, platform))
}

async fn by_wechat(app: &TestApp, js_code: &str) -> Reply {
    app.anyone().post("/auth/sessions/wechat", json!({ "js_code": js_code })).await
}

async fn by_alipay(app: &TestApp, auth_code: &str) -> Reply {
    app.anyone().post("/auth/sessions/alipay", json!({ "auth_code": auth_code })).await
}

/// The token that a person who is not bound yet is given by WeChat's door.
async fn wechat_binding(app: &TestApp, platform: &FakePlatform, openid: &str) -> String {
    let problem = by_wechat(app, &platform.wechat_code(openid)).await.problem(409, "phone_not_bound");
    problem["binding_token"].as_str().unwrap().to_owned()
}

async fn wechat_phone(app: &TestApp, token: &str, phone_code: &str) -> Reply {
    let body = json!({ "binding_token": token, "phone_code": phone_code });
    app.anyone().post("/auth/sessions/wechat/phone", body).await
}

/// Binds an openid to a phone by WeChat's button; the session.
async fn bound(app: &TestApp, platform: &FakePlatform, openid: &str, phone: &str) -> Value {
    let token = wechat_binding(app, platform, openid).await;
    wechat_phone(app, &token, &platform.wechat_phone_code(openid, phone)).await.ok(201)
}

/// Nothing of a platform's ids, keys and texts is in the logs.
fn nothing_is_told(app: &TestApp, secrets: &[&str]) {
    let logs = app.logs();
    for secret in secrets.iter().chain(&[
        "fakeWechatSecret",
        "session_key",
        "c2Vzc2lvbl9rZXlf",
        "TTTTTTTT",
        "authusrB",
        "hints: rid",
        "13800138000",
    ]) {
        assert!(!logs.contains(secret), "{secret} stands in a log");
    }
}
