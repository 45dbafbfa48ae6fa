//! Two people at once: who decides on an alert, and what happens when both of them press the button.

use futures_util::future::join_all;
use mashang_tests::{Client, Form, Staff, TestApp};
use reqwest::Method;
use rstest::rstest;
use serde_json::{Value, json};

fn statuses(replies: &[mashang_tests::Reply]) -> Vec<u16> {
    replies.iter().map(|r| r.status).collect()
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn of_many_approvers_at_once_one_approves(#[case] form: Form) {
    let Some(app) = TestApp::start(form).await else { return };
    let outbreak = app.outbreak(12).await;
    let alert = outbreak.submitted().await;
    let mut approvers: Vec<Staff> = Vec::new();
    for _ in 0..4 {
        approvers.push(app.approver("530100").await);
    }
    // Everybody presses twice.
    let path = format!("{alert}/approval");
    let pressed = approvers.iter().chain(&approvers).map(|a| a.post(&path, outbreak.approval()));
    let replies = join_all(pressed).await;
    let seen = statuses(&replies);
    assert!(seen.iter().all(|s| [200, 409].contains(s)), "{seen:?}");
    let won: Vec<usize> = (0..4).filter(|n| seen[*n] == 200 || seen[n + 4] == 200).collect();
    assert_eq!(won.len(), 1, "one person has decided: {seen:?}");
    for reply in replies.into_iter().filter(|r| r.status == 409) {
        reply.problem(409, "wrong_state");
    }
    app.drained().await;
    for phone in &outbreak.exposed {
        assert_eq!(app.sms_to(phone).len(), 1, "warned once");
    }
    let approvals = "SELECT COUNT(*) FROM audit WHERE action = 'alert.approve'";
    assert_eq!(app.count(approvals).await, 1);
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn approval_and_rejection_at_once_do_not_both_count(#[case] form: Form) {
    let Some(app) = TestApp::start(form).await else { return };
    let outbreak = app.outbreak(2).await;
    let other = app.approver("530100").await;
    for _ in 0..6 {
        let alert = outbreak.submitted().await;
        let (approval, rejection, cancellation) =
            (format!("{alert}/approval"), format!("{alert}/rejection"), format!("{alert}/cancellation"));
        let (yes, no, stop) = tokio::join!(
            outbreak.approver.post(&approval, outbreak.approval()),
            other.post(&rejection, json!({ "reason": "再核对 / check again" })),
            outbreak.official.post(&cancellation, json!({})),
        );
        let seen = [yes.status, no.status, stop.status];
        assert!(seen.iter().all(|s| [200, 409].contains(s)), "{seen:?}");
        assert!(!(seen[0] == 200 && seen[1] == 200), "approved and rejected: {seen:?}");
        let state = outbreak.official.get(&alert).await.ok(200)["state"].clone();
        let expected = match seen {
            [_, _, 200] => "cancelled",
            [200, _, _] => "approved",
            _ => "rejected",
        };
        let under_way = ["sending", "done"].contains(&state.as_str().unwrap()) && expected == "approved";
        assert!(state == expected || under_way, "{seen:?}: {state}");
    }
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn nobody_decides_on_their_own_nor_on_what_they_have_not_seen(#[case] form: Form) {
    let Some(app) = TestApp::start(form).await else { return };
    let outbreak = app.outbreak(3).await;
    // An approver may do what officials do, and then somebody else decides.
    let drafter = app.approver("530100").await;
    let body = json!({ "trace_id": outbreak.trace["id"] });
    let draft = drafter.post("/alerts", body).await.ok(201);
    let alert = format!("/alerts/{}", draft["id"].as_str().unwrap());
    let submitter = app.approver("530100").await;
    submitter.post(&format!("{alert}/submission"), json!({})).await.ok(200);
    for own in [&drafter, &submitter] {
        own.post(&format!("{alert}/approval"), outbreak.approval()).await.problem(403, "own_submission");
        own.post(&format!("{alert}/rejection"), json!({})).await.problem(403, "own_submission");
    }
    let good = outbreak.trace["sha256"].as_str().unwrap();
    for hash in ["", "0", &"0".repeat(64), &good.to_uppercase(), &good[..63], &format!("{good} ")] {
        let reply =
            outbreak.approver.post(&format!("{alert}/approval"), json!({ "trace_sha256": hash })).await;
        assert!([409, 422].contains(&reply.status), "{hash}: {}", reply.text());
    }
    outbreak.approver.post(&format!("{alert}/approval"), outbreak.approval()).await.ok(200);
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn what_lies_in_another_division_is_not_there(#[case] form: Form) {
    let Some(app) = TestApp::start(form).await else { return };
    let outbreak = app.outbreak(2).await;
    let alert = outbreak.submitted().await;
    let (official, approver) = (app.official("330100").await, app.approver("330100").await);
    let (case, trace) = (outbreak.path("cases"), outbreak.path("traces"));
    let visits = outbreak.official.get(&format!("{case}/visits")).await.ok(200);
    let visit = format!("{case}/visits/{}", visits["items"][0]["visit_id"].as_str().unwrap());
    app.drained().await;
    let before = app.rows().await;
    let venue = format!("/venues/{}", outbreak.venue.id);
    let reads = [
        case.clone(),
        format!("{case}/visits"),
        trace.clone(),
        format!("{trace}/contacts"),
        format!("{trace}/additions?since={}", outbreak.trace["id"].as_str().unwrap()),
        alert.clone(),
        format!("{alert}/deliveries"),
        format!("{alert}/report.csv"),
        format!("{alert}/events"),
        venue.clone(),
        format!("{venue}/codes"),
        format!("{venue}/occupancy"),
        format!("{venue}/poster.svg"),
    ];
    for path in &reads {
        official.get(path).await.problem(404, "not_found");
    }
    let a_visit = json!({ "venue_id": outbreak.venue.id, "in": app.clock.rfc3339(-3_600_000), "out": app.clock.rfc3339(-60_000) });
    let id = &outbreak.trace["id"];
    let writes: Vec<(&Staff, Method, String, Value)> = vec![
        (&official, Method::POST, format!("{case}/visits"), a_visit.clone()),
        (&official, Method::PATCH, visit.clone(), json!({ "out": app.clock.rfc3339(-60_000) })),
        (&official, Method::DELETE, visit, json!({})),
        (&official, Method::POST, "/traces".into(), json!({ "case_ids": [outbreak.case["id"]] })),
        (&official, Method::POST, "/alerts".into(), json!({ "trace_id": id })),
        (&official, Method::POST, format!("{alert}/cancellation"), json!({})),
        (&official, Method::POST, format!("{alert}/correction"), json!({})),
        (&approver, Method::POST, format!("{alert}/approval"), outbreak.approval()),
        (&approver, Method::POST, format!("{alert}/rejection"), json!({})),
        (&official, Method::PATCH, venue.clone(), json!({ "name": "别人的" })),
        (&official, Method::POST, format!("{venue}/closure"), json!({})),
        (&official, Method::POST, format!("{venue}/zones"), json!({ "name": "东门" })),
        (&official, Method::POST, format!("{venue}/codes/rotation"), json!({})),
    ];
    for (who, method, path, body) in writes {
        who.send(method, &path, Some(body)).await.problem(404, "not_found");
    }
    let after = app.rows().await;
    let changed: Vec<&String> = before.keys().filter(|t| before[*t] != after[*t]).collect();
    assert!(changed.is_empty(), "{changed:?}");
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn one_key_makes_one_thing_on_every_route_that_makes_things(#[case] form: Form) {
    let Some(app) = TestApp::start(form).await else { return };
    let outbreak = app.outbreak(2).await;
    let (official, manager) = (outbreak.official.client(), outbreak.venue.manager.client());
    let administrator = app.administrator().await.client();
    let case = json!({ "phone": app.fresh_phone(), "reported_at": app.clock.rfc3339(0), "positive_at": app.clock.rfc3339(0) });
    let visit = json!({ "venue_id": outbreak.venue.id, "in": app.clock.rfc3339(-5_400_000), "out": app.clock.rfc3339(-4_800_000) });
    let member = |name: &str| json!({ "username": name, "password": "a long enough one", "role": "guard" });
    let routes: Vec<(&Client, String, &str, Value, Value)> = vec![
        (&official, "/cases".into(), "infection_case", case.clone(), {
            let mut other = case;
            other["note"] = json!("x");
            other
        }),
        (&official, format!("{}/visits", outbreak.path("cases")), "case_edit", visit.clone(), {
            let mut other = visit;
            other["out"] = json!(app.clock.rfc3339(-4_700_000));
            other
        }),
        (
            &official,
            "/traces".into(),
            "trace",
            json!({ "case_ids": [outbreak.case["id"]] }),
            json!({ "case_ids": [outbreak.case["id"]], "parameters": {} }),
        ),
        (
            &official,
            "/alerts".into(),
            "alert",
            json!({ "trace_id": outbreak.trace["id"] }),
            json!({ "trace_id": outbreak.trace["id"], "drill": true }),
        ),
        (
            &manager,
            "/venues".into(),
            "venue",
            mashang_tests::persona::venue_form("一号", "bank"),
            mashang_tests::persona::venue_form("二号", "bank"),
        ),
        (
            &manager,
            format!("/venues/{}/zones", outbreak.venue.id),
            "zone",
            json!({ "name": "东门" }),
            json!({ "name": "西门" }),
        ),
        (&administrator, "/staff".into(), "staff", member("g.one"), member("g.two")),
    ];
    for (client, path, table, body, other) in routes {
        let count = format!("SELECT COUNT(*) FROM {table}");
        let before = app.count(&count).await;
        let once = client.with("idempotency-key", "the-same");
        let replies = join_all((0..12).map(|_| once.post(&path, body.clone()))).await;
        let seen = statuses(&replies);
        assert!(seen.iter().all(|s| [201, 409].contains(s)) && seen.contains(&201), "{path}: {seen:?}");
        assert_eq!(app.count(&count).await, before + 1, "{path}: one thing is made");
        let again = once.post(&path, body.clone()).await;
        assert_eq!(again.header("idempotent-replay"), "true", "{path}");
        let first = replies.into_iter().find(|r| r.status == 201 && r.header("idempotent-replay").is_empty());
        assert_eq!(again.ok(201), first.expect("one did the work").json(), "{path}");
        once.post(&path, other).await.problem(422, "idempotency_mismatch");
        assert_eq!(app.count(&count).await, before + 1, "{path}: and no other");
    }
    // What is shown once, and what an official noted, is not kept in clear for the repetition.
    let kept = app.rows().await["idempotency"].join("\n");
    assert!(
        !kept.contains("otpauth") && !kept.contains("totp_url") && !kept.contains("phone_masked"),
        "{kept}"
    );
}
