//! Installations without a platform, and settings that cannot work.

use mashang_tests::fake_platform::FakePlatform;
use mashang_tests::process::command;
use mashang_tests::settings::variable;
use mashang_tests::{Form, TestApp};
use serde_json::json;

#[tokio::test]
async fn a_platform_that_is_not_set_up_says_so() {
    let Some(app) = TestApp::start(Form::Sqlite).await else { return };
    let anyone = app.anyone();
    for (path, body) in [
        ("/auth/sessions/wechat", json!({ "js_code": "x" })),
        ("/auth/sessions/wechat/phone", json!({ "binding_token": "x", "phone_code": "x" })),
        ("/auth/sessions/alipay", json!({ "auth_code": "x" })),
        ("/auth/sessions/alipay/phone", json!({ "binding_token": "x", "response": "x", "sign": "x" })),
    ] {
        anyone.post(path, body).await.problem(404, "platform_not_configured");
    }
    let push = "/platforms/wechat/push?signature=x&timestamp=1&nonce=1&echostr=1";
    anyone.get(push).await.problem(404, "platform_not_configured");
    let document = anyone.get("/api/openapi.json").await.text();
    for code in ["phone_not_bound", "binding_expired", "platform_not_configured", "platform_unavailable"] {
        assert!(document.contains(code), "{code} stands in the document");
    }
}

#[tokio::test]
async fn a_key_that_cannot_be_read_stops_the_start() {
    let platform = FakePlatform::start().await.unwrap();
    for broken in ["alipay.private_key", "alipay.public_key", "alipay.aes_key"] {
        let folder = tempfile::tempdir().unwrap();
        let value = |key: &str, good: String| if key == broken { "bm8ga2V5".to_owned() } else { good };
        let settings = platform.settings().into_iter();
        let mut env: Vec<(String, String)> =
            settings.map(|(key, good)| (variable(key), value(key, good))).collect();
        env.push((variable("http.listen"), "127.0.0.1:0".to_owned()));
        let mut command = command("mashang-api", &["serve"], &env).unwrap();
        let output = command.current_dir(folder.path()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{broken}: {said}");
        assert!(said.contains(broken) && !said.contains("bm8ga2V5"), "{broken}: {said}");
    }
}
