//! The self-test: it goes the whole way by itself, is kept apart from everybody, and says when it fails.

use mashang_tests::app::eventually;
use mashang_tests::persona::codes_of;
use mashang_tests::{Form, Staff, TestApp};
use rstest::rstest;
use serde_json::{Value, json};

const PHONE: &str = "15499990088";

async fn start(form: Form) -> Option<TestApp> {
    TestApp::with(form, &[("canary.every_minutes", "5"), ("canary.phone", PHONE)]).await
}

/// Seconds since 1970 of the last run that went well, as the metrics say it.
async fn last_success(app: &TestApp) -> Option<f64> {
    let text = app.anyone().get("/metrics").await.text();
    let line = text.lines().find_map(|l| l.strip_prefix("mashang_canary_last_success_timestamp "));
    line.and_then(|value| value.parse().ok()).filter(|at| *at > 0.0)
}

async fn failures(app: &TestApp, step: &str) -> f64 {
    let text = app.anyone().get("/metrics").await.text();
    let series = format!("mashang_canary_failures_total{{step=\"{step}\"}} ");
    text.lines().find_map(|l| l.strip_prefix(series.as_str())?.parse().ok()).unwrap_or(-1.0)
}

async fn runs(app: &TestApp) -> i64 {
    app.count("SELECT COUNT(*) FROM job_tick WHERE job = 'canary' AND finished_at IS NOT NULL").await
}

async fn entries(auditor: &Staff, action: &str) -> Vec<Value> {
    let log = auditor.get("/audit?limit=200").await.ok(200);
    log["items"].as_array().unwrap().iter().filter(|e| e["action"] == action).cloned().collect()
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn it_goes_the_whole_way_and_leaves_nothing(#[case] form: Form) {
    let Some(app) = start(form).await else { return };
    eventually("a run goes well", async || (runs(&app).await >= 1).then_some(())).await;
    eventually("the figures say so", async || last_success(&app).await).await;
    let text = app.anyone().get("/metrics").await.text();
    for step in ["stage", "login", "scan", "trace", "alert", "delivery"] {
        assert!(text.contains(&format!("mashang_canary_seconds{{step=\"{step}\"}}")), "{step}: {text}");
        assert!(failures(&app, step).await.abs() < 0.5, "{step}");
    }
    let sent = app.messages_to(PHONE);
    assert_eq!(
        sent.iter().map(|m| m.template.as_str()).collect::<Vec<_>>(),
        ["T_LOGIN"],
        "a code, no warning"
    );
    // Five minutes later again, with the session of before.
    app.clock.advance(5 * 60_000).await;
    eventually("the next run goes well", async || (runs(&app).await >= 2).then_some(())).await;
    assert_eq!(app.messages_to(PHONE).len(), 1, "no second code");
    for table in ["scan", "scan_key", "trace", "trace_contact", "alert", "notice", "work_item"] {
        assert_eq!(app.count(&format!("SELECT COUNT(*) FROM {table}")).await, 0, "{table}");
    }
    assert_eq!(app.count("SELECT COUNT(*) FROM delivery WHERE login_id IS NULL").await, 0, "deliveries");
    assert_eq!(
        app.count("SELECT COUNT(*) FROM session WHERE staff_id IS NOT NULL").await,
        0,
        "sessions of staff"
    );
    // Four eyes, and every act recorded; drills, all of them.
    let auditor = app.auditor().await;
    let (drafts, approvals) =
        (entries(&auditor, "alert.draft").await, entries(&auditor, "alert.approve").await);
    let runs = usize::try_from(runs(&app).await).unwrap();
    assert_eq!((drafts.len(), approvals.len()), (runs, runs));
    assert!(drafts.iter().all(|e| e["detail"]["drill"] == true), "{drafts:?}");
    assert!(
        drafts.iter().zip(&approvals).all(|(d, a)| d["actor_id"] != a["actor_id"]),
        "{drafts:?} {approvals:?}"
    );
    let official = app.official("530100").await;
    for path in ["/traces", "/alerts", "/venues", "/work-list"] {
        assert_eq!(official.get(path).await.ok(200)["items"], json!([]), "{path}: it is in no real division");
    }
    assert!(!app.logs().contains(PHONE));
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn nobody_else_is_ever_warned_by_it(#[case] form: Form) {
    let Some(app) = start(form).await else { return };
    eventually("a run goes well", async || (runs(&app).await >= 1).then_some(())).await;
    // Somebody finds its code, and is there when it tests itself.
    let everywhere = app.official("").await;
    let venues = everywhere.get("/venues").await.ok(200);
    let venue = venues["items"].as_array().unwrap().iter().find(|v| v["division_code"] == "990000").cloned();
    let (code, _) = codes_of(&everywhere.client(), venue.unwrap()["id"].as_str().unwrap()).await;
    let stranger = app.citizen().await;
    stranger.scans(&code).await.ok(201);
    app.clock.advance(10 * 60_000).await;
    eventually("it fails", async || (failures(&app, "trace").await >= 1.0).then_some(())).await;
    assert_eq!(app.count("SELECT COUNT(*) FROM alert").await, 0, "nothing was drafted");
    assert_eq!(app.count("SELECT COUNT(*) FROM scan").await, 1, "the stranger's scan is not ours to delete");
    assert!(app.messages_to(&stranger.phone).iter().all(|m| m.template == "T_LOGIN"));
    assert!(app.logs().contains("2 people at the venue of the self-test, not one"));
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn the_number_of_a_citizen_is_refused_and_off_is_off(#[case] form: Form) {
    let Some(app) = start(form).await else { return };
    eventually("a run goes well", async || (runs(&app).await >= 1).then_some(())).await;
    let venue = app.venue("茶馆", "restaurant").await;
    let owner = app.sign_in_later(PHONE).await;
    owner.scans(&venue.code_in).await.ok(201);
    app.clock.advance(5 * 60_000).await;
    eventually("it fails", async || (failures(&app, "stage").await >= 1.0).then_some(())).await;
    assert_eq!(app.count("SELECT COUNT(*) FROM scan").await, 1, "a citizen's scans are never deleted");
    let Some(quiet) = TestApp::start(form).await else { return };
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    assert_eq!(quiet.count("SELECT COUNT(*) FROM job_tick WHERE job = 'canary'").await, 0);
    assert!(!quiet.anyone().get("/metrics").await.text().contains("mashang_canary"));
}
