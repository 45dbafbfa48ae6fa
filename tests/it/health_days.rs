//! Codes by themselves: days that pass, warnings that become colours, reminders that go out.

use mashang_tests::app::eventually;
use mashang_tests::health::resident_number;
use mashang_tests::persona::{Citizen, Venue};
use mashang_tests::{Form, TestApp};
use rstest::rstest;
use serde_json::{Value, json};

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// A gateway that takes free text, so that reminders go out as well.
async fn start(form: Form) -> Option<TestApp> {
    let gateways = |url: &str| {
        let templates = ["login", "alert_1", "alert_2", "alert_3", "correction"].into_iter();
        let reminders = ["reminder_check_in", "reminder_missed", "reminder_over", "reminder_appeal"];
        let codes: Vec<String> =
            templates.chain(reminders).map(|key| format!("{key} = \"T_{}\"", key.to_uppercase())).collect();
        mashang_tests::settings::gateways(url).replace(
            "templates = { login = \"T_LOGIN\", alert_1 = \"T_1\", alert_2 = \"T_2\", alert_3 = \"T_3\", correction = \"T_C\" }",
            &format!("templates = {{ {} }}", codes.join(", ")),
        )
    };
    TestApp::with_gateways(form, &[("notifier.sweep_ms", "200")], gateways).await
}

async fn reminders(app: &TestApp, citizen: &Citizen, template: &str) -> usize {
    app.sms_to(&citizen.phone).iter().filter(|m| m.template == template).count()
}

/// What sort of alert it is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Real,
    Drill,
    /// From a trace that takes doubtful visits for true.
    Doubtful,
}

/// Two people meet at a venue for so many minutes; the first falls ill, and the other is warned.
async fn warned(
    app: &TestApp,
    hall: &Venue,
    ill: &Citizen,
    beside: &Citizen,
    minutes: i64,
    kind: Kind,
) -> Value {
    ill.scans(&hall.code_in).await.ok(201);
    beside.scans(&hall.code_in).await.ok(201);
    app.clock.advance(minutes * MINUTE).await;
    ill.scans(&hall.code_out).await.ok(201);
    beside.scans(&hall.code_out).await.ok(201);
    app.clock.advance(MINUTE).await;
    let (official, approver) = (app.official("530100").await, app.approver("530100").await);
    let case = json!({ "phone": ill.phone, "reported_at": app.clock.rfc3339(0), "onset_at": app.clock.rfc3339(-MINUTE) });
    let case = official.post("/cases", case).await.ok(201);
    let parameters = json!({ "include_suspect": kind == Kind::Doubtful });
    let trace = json!({ "case_ids": [case["id"]], "parameters": parameters });
    let trace = official.post("/traces", trace).await.ok(201);
    let body = json!({ "trace_id": trace["id"], "urgent": true, "drill": kind == Kind::Drill });
    let alert = official.post("/alerts", body).await.ok(201);
    let path = format!("/alerts/{}", alert["id"].as_str().unwrap());
    official.post(&format!("{path}/submission"), json!({})).await.ok(200);
    let hash = json!({ "trace_sha256": trace["sha256"] });
    approver.post(&format!("{path}/approval"), hash).await.ok(200);
    app.drained().await;
    alert
}

async fn becomes(citizen: &Citizen, colour: &str) {
    eventually(colour, async || (citizen.colour().await == colour).then_some(())).await;
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn a_warning_becomes_a_colour_and_a_correction_takes_it_back(#[case] form: Form) {
    let Some(app) = start(form).await else { return };
    let hall = app.venue("滇池会堂", "restaurant").await;
    let (ill, beside, passing) = (app.citizen().await, app.citizen().await, app.citizen().await);
    beside.declares(&resident_number(1), json!({})).await.ok(201);
    let alert = warned(&app, &hall, &ill, &beside, 20, Kind::Real).await;
    becomes(&beside, "red").await;
    assert_eq!(beside.code().await["reason"]["code"], "exposure_high");
    assert_eq!(passing.colour().await, "grey", "who was not there keeps their colour");

    let (official, approver) = (app.official("530100").await, app.approver("530100").await);
    let path = format!("/alerts/{}/correction", alert["id"].as_str().unwrap());
    let correction = official.post(&path, json!({})).await.ok(201);
    let path = format!("/alerts/{}", correction["id"].as_str().unwrap());
    official.post(&format!("{path}/submission"), json!({})).await.ok(200);
    let trace = official.get(&format!("/traces/{}", alert["trace_id"].as_str().unwrap())).await.ok(200);
    let hash = json!({ "trace_sha256": trace["sha256"] });
    approver.post(&format!("{path}/approval"), hash).await.ok(200);
    becomes(&beside, "green").await;
    assert_eq!(beside.code().await["reason"]["code"], "withdrawn");
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn a_drill_and_a_doubtful_visit_colour_nobody(#[case] form: Form) {
    let Some(app) = start(form).await else { return };
    let hall = app.venue("滇池会堂", "restaurant").await;
    let (ill, beside) = (app.citizen().await, app.citizen().await);
    beside.declares(&resident_number(1), json!({})).await.ok(201);
    warned(&app, &hall, &ill, &beside, 20, Kind::Drill).await;
    let (third, doubted) = (app.citizen().await, app.citizen().await);
    doubted.declares(&resident_number(2), json!({})).await.ok(201);
    warned(&app, &hall, &third, &doubted, 20, Kind::Doubtful).await;
    // A real one after it shows that the job has been by.
    let (other, near) = (app.citizen().await, app.citizen().await);
    warned(&app, &hall, &other, &near, 5, Kind::Real).await;
    becomes(&near, "yellow").await;
    assert_eq!(beside.colour().await, "green");
    assert_eq!(doubted.colour().await, "green");
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn people_are_reminded_once_and_as_they_chose(#[case] form: Form) {
    let Some(app) = start(form).await else { return };
    let (told, silent) = (app.citizen().await, app.citizen().await);
    for (n, person) in [(1, &told), (2, &silent)] {
        person.declares(&resident_number(n), json!({ "symptoms": ["cough"] })).await.ok(201);
    }
    silent.client().put("/me/reminders", json!({ "way": "none" })).await.ok(204);
    // To noon of the next day, then past the hour of reminders.
    let into_day =
        i64::from(u32::try_from((app.now().millis() + 8 * HOUR).rem_euclid(DAY) / MINUTE).unwrap()) * MINUTE;
    app.clock.advance(DAY - into_day + 12 * HOUR).await;
    told.checks_in().await.ok(201);
    silent.checks_in().await.ok(201);
    app.clock.advance(DAY).await;
    assert_eq!(reminders(&app, &told, "T_REMINDER_CHECK_IN").await, 0, "not at noon");
    app.clock.advance(8 * HOUR).await;
    eventually("the reminder of the evening", async || {
        (reminders(&app, &told, "T_REMINDER_CHECK_IN").await == 1).then_some(())
    })
    .await;
    app.clock.advance(16 * HOUR).await;
    eventually("the word of the missed day", async || {
        (reminders(&app, &told, "T_REMINDER_MISSED").await == 1).then_some(())
    })
    .await;
    assert_eq!(told.get("/me/quarantine").await.ok(200)["days_done"], 0);
    for _ in 0..7 {
        told.checks_in().await.ok(201);
        app.clock.advance(DAY).await;
    }
    eventually("the word of the end", async || {
        (reminders(&app, &told, "T_REMINDER_OVER").await == 1).then_some(())
    })
    .await;
    assert_eq!(reminders(&app, &told, "T_REMINDER_MISSED").await, 1);
    let to_silent =
        app.sms_to(&silent.phone).into_iter().filter(|m| m.template.starts_with("T_REMINDER")).count();
    assert_eq!(to_silent, 0);
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn a_clock_that_jumps_turns_nobody_green_early(#[case] form: Form) {
    let Some(app) = start(form).await else { return };
    let citizen = app.citizen().await;
    citizen.declares(&resident_number(1), json!({ "symptoms": ["cough"] })).await.ok(201);
    for _ in 0..3 {
        app.clock.advance(DAY).await;
        citizen.checks_in().await.ok(201);
    }
    app.clock.advance(-2 * DAY).await;
    let behind = citizen.checks_in().await;
    behind.problem(503, "unavailable");
    assert_eq!(citizen.get("/me/quarantine").await.ok(200)["days_done"], 3);
    app.clock.advance(2 * DAY).await;
    assert_eq!(citizen.checks_in().await.ok(201)["days_done"], 3, "the day has had its report");
    app.clock.advance(20 * DAY).await;
    eventually("the days to be settled", async || {
        let zero = app.count("SELECT count(*) AS n FROM health WHERE days_left = 7").await == 1;
        zero.then_some(())
    })
    .await;
    assert_eq!(citizen.colour().await, "yellow");
}
