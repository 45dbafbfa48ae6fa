//! WeChat: the first sign-in proves the phone, every later one needs nothing.

use mashang_tests::Form;
use mashang_tests::fake_platform::Mood;
use rstest::rstest;
use serde_json::json;

use super::{both, bound, by_wechat, nothing_is_told, wechat_binding, wechat_phone};

const SESSION: &str = "/sns/jscode2session";
const PHONE: &str = "/wxa/business/getuserphonenumber";

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn who_proved_the_phone_once_scans_without_any_code(#[case] form: Form) {
    let Some((app, platform)) = both(form).await else { return };
    let venue = app.venue("翠湖超市", "supermarket").await;
    let (openid, phone) = ("oWechatOne_1-x", app.fresh_phone());
    let first = bound(&app, &platform, openid, &phone).await;
    assert_eq!(first["is_new"], true);
    assert_eq!(first["person"]["phone_masked"], format!("154****{}", &phone[7..]));
    let messages = app.messages_to(&phone).len();

    let again = by_wechat(&app, &platform.wechat_code(openid)).await.ok(201);
    assert_eq!((&again["is_new"], &again["person"]), (&json!(false), &first["person"]));
    let me = app.anyone().with_token(again["access_token"].as_str().unwrap());
    me.post(
        "/scans",
        json!({ "venue_code": venue.code_in, "client_scan_id": "00000000-0000-4000-8000-000000000001" }),
    )
    .await
    .ok(201);
    let record = me.get("/me").await.ok(200);
    assert_eq!(record["accounts"][0]["platform"], "wechat");
    assert_eq!(app.messages_to(&phone).len(), messages, "no code was sent");
    nothing_is_told(&app, &[openid, &phone]);
    let answers = format!("{first}{again}{record}{}", me.get("/me/export").await.text());
    assert!(!answers.contains(openid) && !answers.contains("session_key"), "{answers}");
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn a_code_by_sms_binds_as_well(#[case] form: Form) {
    let Some((app, platform)) = both(form).await else { return };
    let citizen = app.citizen().await;
    let token = wechat_binding(&app, &platform, "oSms").await;
    let (request_id, code) = app.code_for_later(&citizen.phone).await;
    let body = json!({ "request_id": request_id, "code": code, "binding_token": token });
    let session = app.anyone().post("/auth/sessions", body).await.ok(201);
    assert_eq!(session["person"]["id"], citizen.person_id.as_str());
    let again = by_wechat(&app, &platform.wechat_code("oSms")).await.ok(201);
    assert_eq!(again["person"]["id"], citizen.person_id.as_str());
}

#[tokio::test]
async fn every_code_of_wechat_has_its_problem() {
    let Some((app, platform)) = both(Form::Sqlite).await else { return };
    for (code, status, word) in [
        (40029, 401, "code_invalid"),
        (40163, 401, "code_invalid"),
        (45011, 429, "rate_limited"),
        (40226, 403, "account_blocked"),
        (-1, 503, "platform_unavailable"),
        (40013, 503, "platform_unavailable"),
        (41004, 503, "platform_unavailable"),
        (40164, 503, "platform_unavailable"),
        (99999, 503, "platform_unavailable"),
    ] {
        platform.refuse_next(SESSION, code);
        let reply = by_wechat(&app, &platform.wechat_code("oCodes")).await;
        let waits = status == 429 || status == 503;
        assert_eq!(!reply.header("retry-after").is_empty(), waits, "{code}");
        reply.problem(status, word);
        assert_eq!(platform.calls(SESSION), 1 + calls_before(code), "{code}: asked once");
    }
    let logs = app.logs();
    let errors: Vec<&str> = logs.lines().filter(|line| line.contains("\"ERROR\"")).collect();
    assert_eq!(errors.len(), 4, "{errors:#?}");
    for named in ["wechat.app_id", "wechat.app_secret", "the list of IP addresses", "99999"] {
        assert_eq!(errors.iter().filter(|line| line.contains(named)).count(), 1, "{named}");
    }
    nothing_is_told(&app, &["oCodes"]);
}

/// How many of the cases above came before this code.
fn calls_before(code: i64) -> usize {
    [40029, 40163, 45011, 40226, -1, 40013, 41004, 40164, 99999].iter().position(|c| *c == code).unwrap()
}

#[tokio::test]
async fn a_code_of_nobody_and_a_used_one_are_refused_by_wechat_itself() {
    let Some((app, platform)) = both(Form::Sqlite).await else { return };
    by_wechat(&app, "0nobodys").await.problem(401, "code_invalid");
    let code = platform.wechat_code("oUsed");
    by_wechat(&app, &code).await.problem(409, "phone_not_bound");
    by_wechat(&app, &code).await.problem(401, "code_invalid");
    for shape in ["", "a b", "码", &"x".repeat(513)] {
        by_wechat(&app, shape).await.problem(422, "invalid");
    }
    assert_eq!(platform.calls(SESSION), 3, "what has no shape is not asked about");
}

#[tokio::test]
async fn a_platform_that_is_down_is_said_in_time() {
    let Some((app, platform)) = both(Form::Sqlite).await else { return };
    for mood in [Mood::Hang, Mood::Html, Mood::Redirect, Mood::Cut] {
        let (calls, begun) = (platform.all_calls(), std::time::Instant::now());
        platform.fail_next(mood);
        let reply = by_wechat(&app, "0any").await;
        assert!(!reply.header("retry-after").is_empty(), "{mood:?}");
        reply.problem(503, "platform_unavailable");
        assert!(begun.elapsed().as_secs() < 5, "{mood:?}: {:?}", begun.elapsed());
        assert_eq!(platform.all_calls(), calls + 1, "{mood:?}: asked once, and nobody followed");
    }
    drop(platform);
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    by_wechat(&app, "0any").await.problem(503, "platform_unavailable");
    app.citizen().await.get("/me").await.ok(200);
}

#[tokio::test]
async fn a_number_is_taken_from_the_button_of_the_same_person_only() {
    let Some((app, platform)) = both(Form::Sqlite).await else { return };
    let token = wechat_binding(&app, &platform, "oMine").await;
    let theirs = platform.wechat_phone_code("oTheirs", &app.fresh_phone());
    wechat_phone(&app, &token, &theirs).await.problem(401, "code_invalid");
    wechat_phone(&app, &token, "nobodys").await.problem(401, "code_invalid");
    for (code, status, word) in
        [(40029, 401, "code_invalid"), (45011, 429, "rate_limited"), (-1, 503, "platform_unavailable")]
    {
        platform.refuse_next(PHONE, code);
        wechat_phone(&app, &token, "any").await.problem(status, word);
    }
    // None of these used the token up.
    let mine = platform.wechat_phone_code("oMine", &app.fresh_phone());
    wechat_phone(&app, &token, &mine).await.ok(201);
}
