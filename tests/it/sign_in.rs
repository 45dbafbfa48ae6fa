//! Signing in by a code: what it takes, what it refuses, and what happens when everybody tries at once.

use futures_util::StreamExt;
use futures_util::stream::iter;
use mashang_tests::{Form, Reply, TestApp};
use rstest::rstest;
use serde_json::{Value, json};

/// Calls in flight in the tests of races: as many as a laptop has sockets for.
const AT_ONCE: usize = 64;

async fn ask(app: &TestApp, phone: &str) -> Reply {
    app.anyone().post("/auth/codes", json!({ "phone": phone })).await
}

async fn try_code(app: &TestApp, request_id: &str, code: &str) -> Reply {
    app.anyone().post("/auth/sessions", json!({ "request_id": request_id, "code": code })).await
}

/// A code that is not `code`.
fn other_than(code: &str, n: u32) -> String {
    let number: u32 = code.parse().unwrap();
    format!("{:06}", (number + 1 + n) % 1_000_000)
}

fn keys(value: &Value) -> Vec<String> {
    value.as_object().unwrap().keys().cloned().collect()
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn a_citizen_signs_in_by_the_code_that_arrived(#[case] form: Form) {
    let Some(app) = TestApp::start(form).await else { return };
    let phone = app.fresh_phone();
    let (request_id, code) = app.code_for(&phone).await;
    let session = try_code(&app, &request_id, &code).await.ok(201);
    assert_eq!(session["is_new"], true);
    assert_eq!(session["person"]["phone_masked"], format!("154****{}", &phone[7..]));
    assert!(!session.to_string().contains(&phone) && !session.to_string().contains(&code));
    let me = app.anyone().with_token(session["access_token"].as_str().unwrap()).get("/me").await.ok(200);
    assert_eq!(me["id"], session["person"]["id"]);

    app.clock.advance(61_000).await;
    let again = app.sign_in(&phone).await;
    assert_eq!(again.person_id, session["person"]["id"], "the same person, not new");
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn one_a_minute_five_an_hour_ten_a_day(#[case] form: Form) {
    let Some(app) = TestApp::start(form).await else { return };
    let phone = app.fresh_phone();
    let (mut sent, mut waited) = (0, Vec::new());
    while sent < 10 {
        let reply = ask(&app, &phone).await;
        if reply.status == 202 {
            sent += 1;
            continue;
        }
        assert_eq!(reply.header("retry-after"), reply.json()["retry_after"].to_string());
        let problem = reply.problem(429, "rate_limited");
        let seconds = problem["retry_after"].as_i64().unwrap();
        waited.push(seconds);
        app.clock.advance(seconds * 1000).await;
    }
    assert!(waited.iter().take(4).all(|s| (50..=60).contains(s)), "a minute between two: {waited:?}");
    assert!((3_000..=3_600).contains(&waited[4]), "the sixth waits for its hour: {waited:?}");
    let problem = ask(&app, &phone).await.problem(429, "rate_limited");
    let day = problem["retry_after"].as_i64().unwrap();
    assert!(day > 70_000, "the eleventh waits for its day: {day}");
    assert_eq!(ask(&app, &app.fresh_phone()).await.status, 202, "nobody else waits");
    app.clock.advance(day * 1000).await;
    assert_eq!(ask(&app, &phone).await.status, 202);
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn five_wrong_codes_burn_the_right_one(#[case] form: Form) {
    let Some(app) = TestApp::start(form).await else { return };
    let (request_id, code) = app.code_for(&app.fresh_phone()).await;
    for (n, left) in (0..5).zip([4, 3, 2, 1, 0]) {
        let problem = try_code(&app, &request_id, &other_than(&code, n)).await.problem(401, "code_invalid");
        assert_eq!(problem["tries_left"], left);
    }
    try_code(&app, &request_id, &code).await.problem(401, "code_expired");
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn two_hundred_right_codes_at_once_open_one_session(#[case] form: Form) {
    let Some(app) = TestApp::start(form).await else { return };
    let (request_id, code) = app.code_for(&app.fresh_phone()).await;
    let statuses: Vec<u16> = iter(0..200)
        .map(|_| async { try_code(&app, &request_id, &code).await.status })
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    assert_eq!(statuses.iter().filter(|s| **s == 201).count(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|s| **s == 401).count(), 199, "{statuses:?}");
    assert_eq!(app.count("SELECT COUNT(*) FROM session").await, 1);
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn of_a_thousand_guesses_at_once_five_are_looked_at(#[case] form: Form) {
    let Some(app) = TestApp::start(form).await else { return };
    let (request_id, code) = app.code_for(&app.fresh_phone()).await;
    let codes: Vec<String> = iter(0..1_000)
        .map(|n| {
            let guess = other_than(&code, n);
            let (app, request_id) = (&app, &request_id);
            async move { try_code(app, request_id, &guess).await.json()["code"].as_str().unwrap().to_owned() }
        })
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    let looked_at = codes.iter().filter(|c| *c == "code_invalid").count();
    assert_eq!(looked_at, 5);
    assert!(codes.iter().all(|c| ["code_invalid", "code_expired", "rate_limited"].contains(&c.as_str())));
    assert_eq!(app.count("SELECT CAST(SUM(wrong_tries) AS BIGINT) FROM login_code").await, 5);
    try_code(&app, &request_id, &code).await.problem(401, "code_expired");
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn known_and_unknown_numbers_are_answered_alike(#[case] form: Form) {
    let Some(app) = TestApp::start(form).await else { return };
    let known = app.citizen().await;
    app.clock.advance(61_000).await;
    let (a, b) = (ask(&app, &known.phone).await.ok(202), ask(&app, &app.fresh_phone()).await.ok(202));
    assert_eq!(keys(&a), ["expires_in", "request_id", "resend_after"]);
    assert_eq!(keys(&a), keys(&b));
    assert_eq!((&a["expires_in"], &a["resend_after"]), (&b["expires_in"], &b["resend_after"]));
    assert_eq!(a["expires_in"], 300);
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn a_code_lives_for_five_minutes(#[case] form: Form) {
    let Some(app) = TestApp::start(form).await else { return };
    let (early, code) = app.code_for(&app.fresh_phone()).await;
    let (late, late_code) = app.code_for(&app.fresh_phone()).await;
    app.clock.advance(280_000).await;
    try_code(&app, &early, &code).await.ok(201);
    app.clock.advance(20_000).await;
    try_code(&app, &late, &late_code).await.problem(401, "code_expired");
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn a_code_serves_its_own_request_only(#[case] form: Form) {
    let Some(app) = TestApp::start(form).await else { return };
    let (mine, theirs) = (app.fresh_phone(), app.fresh_phone());
    let (old, old_code) = app.code_for(&mine).await;
    app.clock.advance(61_000).await;
    let (new, new_code) = app.code_for(&mine).await;
    try_code(&app, &old, &old_code).await.problem(401, "code_expired");

    let (other, other_code) = app.code_for(&theirs).await;
    if other_code != new_code {
        try_code(&app, &other, &new_code).await.problem(401, "code_invalid");
    }
    let nobodys = "01900000-0000-7000-8000-000000000000";
    try_code(&app, nobodys, &new_code).await.problem(401, "code_expired");
    try_code(&app, &new, &new_code).await.ok(201);
    try_code(&app, &new, &new_code).await.problem(401, "code_expired");
    for shape in ["", "12345", "1234567", "12345x", "１２３４５６"] {
        try_code(&app, &new, shape).await.problem(422, "invalid");
    }
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn a_code_may_come_by_call(#[case] form: Form) {
    let Some(app) = TestApp::start(form).await else { return };
    let phone = app.fresh_phone();
    let asked = app.anyone().post("/auth/codes", json!({ "phone": phone, "channel": "voice" })).await.ok(202);
    let call = app.message_to(&phone, 1).await;
    assert_eq!(call.api, "SingleCallByTts");
    let code = call.variables["code"].as_str().unwrap();
    try_code(&app, asked["request_id"].as_str().unwrap(), code).await.ok(201);
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn signing_out_counts_at_once(#[case] form: Form) {
    let Some(app) = TestApp::start(form).await else { return };
    let citizen = app.citizen().await;
    citizen.get("/me").await.ok(200);
    assert_eq!(citizen.delete("/auth/sessions/current").await.status, 204);
    citizen.get("/me").await.problem(401, "unauthenticated");
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn a_session_ends_after_thirty_days(#[case] form: Form) {
    let Some(app) = TestApp::start(form).await else { return };
    let citizen = app.citizen().await;
    app.clock.advance(29 * 86_400_000).await;
    citizen.get("/me").await.ok(200);
    app.clock.advance(86_400_000 + 1_000).await;
    citizen.get("/me").await.problem(401, "unauthenticated");
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn a_citizen_takes_their_record_away_and_erases_it(#[case] form: Form) {
    let Some(app) = TestApp::start(form).await else { return };
    let citizen = app.citizen().await;
    let export = citizen.get("/me/export").await;
    assert!(export.header("content-disposition").contains("attachment"));
    let export = export.ok(200);
    assert_eq!(export["person"]["phone"], format!("+86{}", citizen.phone), "their own number, to themselves");
    assert_eq!(citizen.delete("/me").await.status, 204);
    citizen.get("/me").await.problem(401, "unauthenticated");
    app.clock.advance(61_000).await;
    let again = app.sign_in(&citizen.phone).await;
    assert_ne!(again.person_id, citizen.person_id, "somebody new");
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn a_number_is_changed_by_a_code_to_the_new_one(#[case] form: Form) {
    let Some(app) = TestApp::start(form).await else { return };
    let (citizen, taken) = (app.citizen().await, app.citizen().await);
    let new = app.fresh_phone();
    let (request_id, code) = app.code_for(&new).await;
    let body = json!({ "request_id": request_id, "code": code });
    let changed = citizen.post("/me/phone", body).await.ok(200);
    assert_eq!(changed["phone_masked"], format!("154****{}", &new[7..]));
    assert_eq!(app.sign_in_later(&new).await.person_id, citizen.person_id);

    let (request_id, code) = app.code_for_later(&taken.phone).await;
    let body = json!({ "request_id": request_id, "code": code });
    citizen.post("/me/phone", body).await.problem(409, "phone_taken");
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn numbers_are_parsed_at_the_edge(#[case] form: Form) {
    let Some(app) = TestApp::start(form).await else { return };
    for phone in ["", "12345", "12800138000", "1540000000", "+999999999999", "１５４００００００００"]
    {
        ask(&app, phone).await.problem(422, "phone_invalid");
    }
    assert_eq!(ask(&app, "+86 154-9999-0001").await.status, 202);
    ask(&app, "15499990001").await.problem(429, "rate_limited");
    app.anyone().post("/auth/codes", json!({ "phone": 15499990001_u64 })).await.problem(422, "invalid");
}
