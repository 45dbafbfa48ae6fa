//! The report of an alert that is printed and filed, and the lists officials start their day from.

use std::process::Command;

use mashang_tests::{Form, TestApp};
use rstest::rstest;
use serde_json::{Value, json};

/// What a PDF says, as a reader's copy and paste would have it.
fn text_of(app: &TestApp, pdf: &[u8]) -> String {
    let file = app.path("report.pdf");
    std::fs::write(&file, pdf).unwrap();
    let output = Command::new("pdftotext").args(["-layout", file.to_str().unwrap(), "-"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// A drill to everybody who sat beside a case, sent.
async fn drill(app: &TestApp) -> (Value, String) {
    let hall = app.venue("滇池会堂", "restaurant").await;
    let (ill, beside) = (app.citizen().await, app.citizen().await);
    for person in [&ill, &beside] {
        person.scans(&hall.code_in).await.ok(201);
    }
    app.clock.advance(20 * 60_000).await;
    let (official, approver) = (app.official("530100").await, app.approver("530100").await);
    let now = app.clock.rfc3339(0);
    let case = official
        .post("/cases", json!({ "phone": ill.phone, "reported_at": now, "onset_at": now }))
        .await
        .ok(201);
    let trace = official.post("/traces", json!({ "case_ids": [case["id"]] })).await.ok(201);
    let draft = json!({ "trace_id": trace["id"], "urgent": true, "drill": true });
    let alert = official.post("/alerts", draft).await.ok(201);
    let path = format!("/alerts/{}", alert["id"].as_str().unwrap());
    official.post(&format!("{path}/submission"), json!({})).await.ok(200);
    approver.post(&format!("{path}/approval"), json!({ "trace_sha256": trace["sha256"] })).await.ok(200);
    app.drained().await;
    (trace, path)
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn an_alert_has_a_report_to_file(#[case] form: Form) {
    let Some(app) = TestApp::start(form).await else { return };
    let (trace, path) = drill(&app).await;
    let official = app.official("530100").await;
    let reply = official.get(&format!("{path}/report.pdf")).await;
    assert_eq!((reply.status, reply.header("content-type")), (200, "application/pdf"), "{}", reply.text());
    let text = text_of(&app, &reply.body);
    // A hash breaks where its column ends.
    let text: String = text.split_whitespace().collect();
    let hash = trace["sha256"].as_str().unwrap();
    for said in ["预警发送报告", "Alertreport", "演练", hash, "流调发现", "批准", "短信", "1/1"]
    {
        assert!(text.contains(said), "{said} is missing:\n{text}");
    }
    assert!(text.contains("approver-"), "who approved is named:\n{text}");
    let numbers = text.split(|c: char| !c.is_ascii_digit() && c != '*').filter(|n| n.len() == 11);
    assert_eq!(
        numbers.filter(|n| n.starts_with("154")).count(),
        0,
        "no citizen's number, masked or not:
{text}"
    );

    let english = official.get(&format!("{path}/report.pdf?lang=en")).await;
    let text = text_of(&app, &english.body);
    assert!(text.contains("Alert report") && !text.contains("预警发送报告"), "{text}");
    official.get(&format!("{path}/report.pdf?lang=fr")).await.problem(422, "invalid");
    let stranger = app.official("510100").await;
    stranger.get(&format!("{path}/report.pdf")).await.problem(404, "not_found");
    assert!(official.get(&format!("{path}/report.csv")).await.text().contains("delivery_id"));
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn officials_find_their_cases_and_traces_again_and_nobody_elses(#[case] form: Form) {
    let Some(app) = TestApp::start(form).await else { return };
    let (official, stranger) = (app.official("530100").await, app.official("510100").await);
    let now = app.clock.rfc3339(0);
    let mut cases = Vec::new();
    for _ in 0..3 {
        let case = json!({ "phone": app.fresh_phone(), "reported_at": now, "positive_at": now });
        cases.push(official.post("/cases", case).await.ok(201)["id"].clone());
        let trace = json!({ "case_ids": [cases.last()] });
        official.post("/traces", trace).await.ok(201);
    }
    cases.reverse();
    for (path, wanted) in [("/cases", Some(&cases)), ("/traces", None)] {
        let first = official.get(&format!("{path}?limit=2")).await.ok(200);
        let after = first["next"].as_str().expect("there is more").to_owned();
        let rest = official.get(&format!("{path}?limit=2&after={after}")).await.ok(200);
        assert!(rest["next"].is_null(), "{rest}");
        let both =
            [first["items"].as_array().unwrap().clone(), rest["items"].as_array().unwrap().clone()].concat();
        let ids: Vec<Value> = both.iter().map(|item| item["id"].clone()).collect();
        assert_eq!(ids.len(), 3, "{path}: {ids:?}");
        assert!(wanted.is_none_or(|w| *w == ids), "newest first: {ids:?}");
        assert!(!rest.to_string().contains("phone"), "a list opens nobody's number");
        assert_eq!(stranger.get(path).await.ok(200)["items"], json!([]), "{path}");
    }
}
