//! Staff: password and one-time password, idling, locks, and the rights they can give.

use mashang_domain::person::Role;
use mashang_tests::persona::PASSWORD;
use mashang_tests::{Client, Form, Reply, TestApp};
use rstest::rstest;
use serde_json::json;
use totp_rs::Totp;

async fn log_in(app: &TestApp, name: &str, password: &str, totp: Option<&str>) -> Reply {
    let mut body = json!({ "username": name, "password": password });
    if let Some(code) = totp {
        body["totp"] = json!(code);
    }
    app.anyone().post("/staff/sessions", body).await
}

fn one_time(url: &str, app: &TestApp, away: i64) -> String {
    let at = u64::try_from(app.now().secs() + away).unwrap();
    Totp::from_url(url).unwrap().generate(at).to_string()
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn a_one_time_password_serves_once(#[case] form: Form) {
    let Some(app) = TestApp::start(form).await else { return };
    let added = app.add_staff("li.wei", Role::Official, "530100", false).await;
    let url = added["totp_url"].as_str().unwrap();
    log_in(&app, "li.wei", PASSWORD, None).await.problem(401, "totp_required");
    log_in(&app, "li.wei", "wrong password", None).await.problem(401, "credentials_invalid");
    log_in(&app, "nobody", PASSWORD, None).await.problem(401, "credentials_invalid");
    let code = one_time(url, &app, 0);
    let session = log_in(&app, "li.wei", PASSWORD, Some(&code)).await.ok(201);
    assert_eq!(
        (&session["staff"]["role"], &session["staff"]["division"]),
        (&json!("official"), &json!("5301"))
    );
    log_in(&app, "li.wei", PASSWORD, Some(&code)).await.problem(401, "credentials_invalid");
    app.clock.advance(60_000).await;
    log_in(&app, "li.wei", PASSWORD, Some(&one_time(url, &app, 0))).await.ok(201);
    app.clock.advance(120_000).await;
    let stale = one_time(url, &app, -90);
    log_in(&app, "li.wei", PASSWORD, Some(&stale)).await.problem(401, "credentials_invalid");
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn staff_that_idle_are_signed_out(#[case] form: Form) {
    let Some(app) = TestApp::with(form, &[("sessions.cache_seconds", "1")]).await else { return };
    let admin = app.administrator().await;
    let forget = || tokio::time::sleep(std::time::Duration::from_millis(1_200));
    for _ in 0..3 {
        app.clock.advance(19 * 60_000).await;
        forget().await;
        admin.get("/staff").await.ok(200);
    }
    app.clock.advance(20 * 60_000 + 1_000).await;
    forget().await;
    admin.get("/staff").await.problem(401, "unauthenticated");
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn staff_are_signed_out_after_twelve_hours_at_work(#[case] form: Form) {
    let Some(app) = TestApp::with(form, &[("sessions.cache_seconds", "1")]).await else { return };
    let admin = app.administrator().await;
    app.clock.advance(12 * 3_600_000 + 1_000).await;
    admin.get("/staff").await.problem(401, "unauthenticated");
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn ten_wrong_passwords_lock_the_account_for_a_while(#[case] form: Form) {
    let Some(app) = TestApp::start(form).await else { return };
    app.add_staff("wang.fang", Role::Guard, "", true).await;
    for _ in 0..10 {
        log_in(&app, "wang.fang", "not the password", None).await.problem(401, "credentials_invalid");
    }
    let problem = log_in(&app, "wang.fang", PASSWORD, None).await.problem(429, "rate_limited");
    assert!((60..=900).contains(&problem["retry_after"].as_i64().unwrap()));
    app.clock.advance(900_000).await;
    log_in(&app, "wang.fang", PASSWORD, None).await.ok(201);
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn of_many_passwords_at_once_ten_are_looked_at(#[case] form: Form) {
    let Some(app) = TestApp::start(form).await else { return };
    app.add_staff("zhao.min", Role::Official, "", true).await;
    let client = app.anyone();
    let guesses = (0..60).map(|n| {
        let body = json!({ "username": "zhao.min", "password": format!("a wrong password {n}") });
        let client = &client;
        async move { client.post("/staff/sessions", body).await.status }
    });
    let statuses = futures_util::future::join_all(guesses).await;
    assert_eq!(statuses.iter().filter(|s| **s == 401).count(), 10, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|s| **s == 429).count(), 50, "{statuses:?}");
    log_in(&app, "zhao.min", PASSWORD, None).await.problem(429, "rate_limited");
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn a_right_password_alone_is_no_failed_try(#[case] form: Form) {
    let Some(app) = TestApp::with(form, &[("limits.staff_failures", "3")]).await else { return };
    let added = app.add_staff("sun.li", Role::Official, "", false).await;
    let url = added["totp_url"].as_str().unwrap();
    for _ in 0..6 {
        log_in(&app, "sun.li", PASSWORD, None).await.problem(401, "totp_required");
    }
    let wrong = format!("{:06}", (one_time(url, &app, 0).parse::<u32>().unwrap() + 1) % 1_000_000);
    for _ in 0..2 {
        log_in(&app, "sun.li", PASSWORD, Some(&wrong)).await.problem(401, "credentials_invalid");
        log_in(&app, "sun.li", PASSWORD, None).await.problem(401, "totp_required");
    }
    log_in(&app, "sun.li", PASSWORD, Some(&one_time(url, &app, 0))).await.ok(201);
}

async fn appoint(by: &Client, name: &str, role: &str, division: &str) -> Reply {
    let body =
        json!({ "username": name, "password": "a long enough one", "role": role, "division": division });
    by.post("/staff", body).await
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn nobody_grants_above_their_own_role_or_outside_their_division(#[case] form: Form) {
    let Some(app) = TestApp::start(form).await else { return };
    let (admin, approver) = (app.administrator().await, app.approver("530100").await);
    appoint(&admin, "a.one", "administrator", "").await.ok(201);
    appoint(&admin, "a.one", "administrator", "").await.problem(409, "username_taken");
    let added = appoint(&approver, "o.one", "official", "530102").await.ok(201);
    for role in ["administrator", "approver", "auditor"] {
        appoint(&approver, "o.two", role, "530102").await.problem(403, "forbidden");
    }
    appoint(&approver, "o.two", "official", "330100").await.problem(404, "not_found");
    appoint(&approver, "o.two", "official", "").await.problem(404, "not_found");

    let route = format!("/staff/{}", added["id"].as_str().unwrap());
    approver.patch(&route, json!({ "role": "administrator" })).await.problem(403, "forbidden");
    let own = format!("/staff/{}", approver.id);
    approver.patch(&own, json!({ "role": "administrator" })).await.problem(403, "forbidden");
    approver.patch(&route, json!({ "id": "x" })).await.problem(422, "unknown_field");
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn what_changes_counts_with_the_next_request(#[case] form: Form) {
    let Some(app) = TestApp::start(form).await else { return };
    let (admin, other) = (app.administrator().await, app.administrator().await);
    other.get("/staff").await.ok(200);
    admin.patch(&format!("/staff/{}", other.id), json!({ "disabled": true })).await.ok(200);
    other.get("/staff").await.problem(401, "unauthenticated");
    log_in(&app, &other.username, PASSWORD, None).await.problem(401, "credentials_invalid");
}
