//! Alipay: signed both ways, and a number that comes encrypted through the client.

use mashang_tests::Form;
use mashang_tests::fake_platform::Mood;
use rstest::rstest;
use serde_json::{Value, json};

use super::{both, by_alipay, nothing_is_told};

const TOKEN: &str = "alipay.system.oauth.token";

async fn binding(app: &mashang_tests::TestApp, platform: &super::FakePlatform, open_id: &str) -> String {
    let problem = by_alipay(app, &platform.alipay_code(open_id)).await.problem(409, "phone_not_bound");
    problem["binding_token"].as_str().unwrap().to_owned()
}

fn with_phone(token: &str, (response, sign): (String, String)) -> Value {
    json!({ "binding_token": token, "response": response, "sign": sign })
}

const PHONE: &str = "/auth/sessions/alipay/phone";

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn who_proved_the_phone_once_scans_without_any_code(#[case] form: Form) {
    let Some((app, platform)) = both(form).await else { return };
    let venue = app.venue("翠湖超市", "supermarket").await;
    let (open_id, phone) = ("074a1CcTG1LelxKe4xQC0zgNdId0nxi95b5lsNpazWYoCo5", app.fresh_phone());
    let token = binding(&app, &platform, open_id).await;
    let first = app.anyone().post(PHONE, with_phone(&token, platform.alipay_phone(&phone))).await.ok(201);
    assert_eq!(first["person"]["phone_masked"], format!("154****{}", &phone[7..]));
    let again = by_alipay(&app, &platform.alipay_code(open_id)).await.ok(201);
    assert_eq!(again["person"], first["person"]);
    let me = app.anyone().with_token(again["access_token"].as_str().unwrap());
    me.post(
        "/scans",
        json!({ "venue_code": venue.code_in, "client_scan_id": "00000000-0000-4000-8000-000000000002" }),
    )
    .await
    .ok(201);
    assert_eq!(me.get("/me").await.ok(200)["accounts"][0]["platform"], "alipay");
    assert_eq!(app.messages_to(&phone).len(), 0, "no code was sent");
    nothing_is_told(&app, &[open_id, &phone]);
}

#[tokio::test]
async fn a_number_is_believed_by_alipays_signature_only() {
    let Some((app, platform)) = both(Form::Sqlite).await else { return };
    let token = binding(&app, &platform, "2088102150477652").await;
    let (response, sign) = platform.alipay_phone(&app.fresh_phone());
    let (other, other_sign) = platform.alipay_phone(&app.fresh_phone());
    let denied = platform.alipay_content(
        r#"{"code":"40003","msg":"Insufficient Conditions","subCode":"isv.invalid-auth-relations"}"#,
    );
    let no_number = platform.alipay_content(r#"{"code":"10000","msg":"Success"}"#);
    let no_code = platform.alipay_content(r#"{"mobile":"15499990001"}"#);
    for case in [
        (response.clone(), other_sign.clone()),
        (other, sign.clone()),
        (response.clone(), "AAAA".to_owned()),
        (response[..response.len() - 4].to_owned(), sign.clone()),
        denied,
        no_number,
        no_code,
    ] {
        app.anyone().post(PHONE, with_phone(&token, case)).await.problem(401, "code_invalid");
    }
    let body = json!({ "binding_token": token, "response": response });
    app.anyone().post(PHONE, body).await.problem(422, "invalid");
    app.anyone().post(PHONE, with_phone(&token, (response, sign))).await.ok(201);
}

#[tokio::test]
async fn every_code_of_alipay_has_its_problem() {
    let Some((app, platform)) = both(Form::Sqlite).await else { return };
    for (code, sub, status, word) in [
        ("40002", "isv.code-invalid", 401, "code_invalid"),
        ("20000", "isp.unknow-error", 503, "platform_unavailable"),
        ("20000", "aop.unknow-error", 503, "platform_unavailable"),
        ("40002", "isv.invalid-signature", 503, "platform_unavailable"),
        ("40001", "isv.missing-method", 503, "platform_unavailable"),
        ("40006", "isv.insufficient-isv-permissions", 503, "platform_unavailable"),
        ("40004", "SYSTEM.NEW", 503, "platform_unavailable"),
        ("40004", "isv.app-call-limited", 429, "rate_limited"),
    ] {
        let calls = platform.calls(TOKEN);
        platform.alipay_refuses_next(code, sub);
        by_alipay(&app, &platform.alipay_code("a")).await.problem(status, word);
        assert_eq!(platform.calls(TOKEN), calls + 1, "{sub}: asked once");
    }
    by_alipay(&app, "nobodys").await.problem(401, "code_invalid");
    let code = platform.alipay_code("a");
    by_alipay(&app, &code).await.problem(409, "phone_not_bound");
    by_alipay(&app, &code).await.problem(401, "code_invalid");
    let logs = app.logs();
    assert!(logs.contains("alipay.private_key") && !logs.contains("说明"), "{logs}");
}

#[tokio::test]
async fn an_answer_that_alipay_did_not_sign_is_none() {
    let Some((app, platform)) = both(Form::Sqlite).await else { return };
    platform.alipay_is_forged(true);
    by_alipay(&app, &platform.alipay_code("a")).await.problem(503, "platform_unavailable");
    assert!(app.logs().contains("alipay.public_key"), "the setting is named");
    assert_eq!(app.count("SELECT COUNT(*) FROM platform_binding").await, 0);
    platform.alipay_is_forged(false);
    by_alipay(&app, &platform.alipay_code("a")).await.problem(409, "phone_not_bound");
}

#[tokio::test]
async fn a_platform_that_is_down_is_said_in_time() {
    let Some((app, platform)) = both(Form::Sqlite).await else { return };
    for mood in [Mood::Hang, Mood::Html, Mood::Redirect, Mood::Cut] {
        let begun = std::time::Instant::now();
        platform.fail_next(mood);
        by_alipay(&app, "any").await.problem(503, "platform_unavailable");
        assert!(begun.elapsed().as_secs() < 5, "{mood:?}: {:?}", begun.elapsed());
    }
    assert_eq!(platform.all_calls(), 4, "each asked once, and nobody followed");
}
