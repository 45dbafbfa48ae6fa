//! The whole way: people scan, one of them falls ill, the others are found, warned once, and their receipts counted.

use mashang_tests::app::eventually;
use mashang_tests::persona::Citizen;
use mashang_tests::{Form, TestApp};
use rstest::rstest;
use serde_json::{Value, json};

use crate::posters::decode_png;

const MINUTE: i64 = 60_000;

/// What the provider took for a person, but for login codes.
fn warnings(app: &TestApp, person: &Citizen) -> Vec<String> {
    let sent = app.messages_to(&person.phone).into_iter().filter(|m| m.template != "T_LOGIN");
    let mut words: Vec<String> = sent
        .map(|m| format!("{} {}", if m.api == "SingleCallByTts" { "call" } else { "sms" }, m.template))
        .collect();
    words.sort();
    words
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn everybody_who_was_exposed_is_warned_exactly_once(#[case] form: Form) {
    let Some(app) = TestApp::start(form).await else { return };
    let (official, approver) = (app.official("530100").await, app.approver("530100").await);
    let (hall, elsewhere) = (app.venue("滇池会堂", "restaurant").await, app.venue("远处", "bank").await);
    let poster = hall.manager.get(&format!("/venues/{}/poster.png?direction=in", hall.id)).await;
    let url = decode_png(&poster.body);
    assert!(url.contains(&hall.code_in) || url.contains("/v/"), "{url}");

    let mut people = Vec::new();
    for _ in 0..6 {
        people.push(app.citizen().await);
    }
    let [ill, beside, after, late, away, gone] = &people[..] else { unreachable!() };
    gone.scans(&hall.code_in).await.ok(201);
    app.clock.advance(30 * MINUTE).await;
    gone.scans(&hall.code_out).await.ok(201);
    app.clock.advance(MINUTE).await;
    ill.scans(&hall.code_in).await.ok(201);
    beside.scans(&hall.code_in).await.ok(201);
    away.scans(&elsewhere.code_in).await.ok(201);
    app.clock.advance(20 * MINUTE).await;
    ill.scans(&hall.code_out).await.ok(201);
    beside.scans(&hall.code_out).await.ok(201);
    app.clock.advance(5 * MINUTE).await;
    after.scans(&hall.code_in).await.ok(201);
    app.clock.advance(30 * MINUTE).await;
    late.scans(&hall.code_in).await.ok(201);
    app.clock.advance(10 * MINUTE).await;

    let case = json!({ "phone": ill.phone, "reported_at": app.clock.rfc3339(0), "onset_at": app.clock.rfc3339(-MINUTE) });
    let case = official.post("/cases", case).await.ok(201);
    assert!(!case.to_string().contains(&ill.phone), "officials never see a number");
    let visits = official.get(&format!("/cases/{}/visits", case["id"].as_str().unwrap())).await.ok(200);
    assert_eq!(visits["items"].as_array().unwrap().len(), 1, "{visits}");
    let trace = official.post("/traces", json!({ "case_ids": [case["id"]] })).await.ok(201);
    assert_eq!(trace["counts"]["people"], 2, "{trace}");
    assert_eq!(trace["counts"]["by_level"], json!({ "1": 0, "2": 1, "3": 1 }), "{trace}");
    let trace_id = trace["id"].as_str().unwrap();
    let contacts = official.get(&format!("/traces/{trace_id}/contacts")).await.ok(200);
    let level_of = |person: &Citizen| {
        let items = contacts["items"].as_array().unwrap();
        items.iter().find(|c| c["person_id"] == json!(person.person_id)).map(|c| c["level"].clone())
    };
    assert_eq!((level_of(beside), level_of(after)), (Some(json!(3)), Some(json!(2))));
    assert!(people.iter().all(|p| !contacts.to_string().contains(&p.phone)), "numbers are masked");

    let draft = official.post("/alerts", json!({ "trace_id": trace_id, "urgent": true })).await.ok(201);
    let alert = format!("/alerts/{}", draft["id"].as_str().unwrap());
    official.post(&format!("{alert}/submission"), json!({})).await.ok(200);
    let hash = json!({ "trace_sha256": trace["sha256"] });
    official.post(&format!("{alert}/approval"), hash.clone()).await.problem(403, "forbidden");
    let wrong = json!({ "trace_sha256": "0".repeat(64) });
    approver.post(&format!("{alert}/approval"), wrong).await.problem(409, "trace_changed");
    approver.post(&format!("{alert}/approval"), hash.clone()).await.ok(200);
    let twice = approver.post(&format!("{alert}/approval"), hash).await;
    assert!([200, 409].contains(&twice.status), "{}", twice.text());

    app.drained().await;
    let sent = async || (warnings(&app, beside).len() == 2 && warnings(&app, after).len() == 1).then_some(());
    eventually("the warnings are sent", sent).await;
    app.receipts_arrive(true).await;
    app.receipts_arrive(true).await;
    let settled = async || {
        let counts = official.get(&alert).await.ok(200)["counts"].clone();
        (counts["delivered"] == 3).then_some(counts)
    };
    let counts = eventually("the receipts are counted", settled).await;
    for none in ["pending", "sending", "unknown", "undelivered", "unreachable"] {
        assert_eq!(counts[none], 0, "{counts}");
    }
    // The calls of level 2 would come now, had there been no receipt; and nobody is warned twice.
    app.clock.advance(11 * MINUTE).await;
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    app.drained().await;
    assert_eq!(warnings(&app, beside), ["call T_3", "sms T_3"]);
    assert_eq!(warnings(&app, after), ["sms T_2"]);
    for nobody in [ill, late, away, gone] {
        assert_eq!(warnings(&app, nobody), Vec::<String>::new());
    }
    let notices = after.get("/me/notices").await.ok(200);
    let notice = &notices["items"][0];
    assert_eq!((&notice["level"], notices["items"].as_array().unwrap().len()), (&json!(2), 1));
    let receipt = format!("/me/notices/{}/acknowledgement", notice["id"].as_str().unwrap());
    assert!((200..300).contains(&after.post(&receipt, json!({ "call_back": true })).await.status));
    assert_eq!(late.post(&receipt, json!({})).await.status, 404, "somebody else's notice is not there");
    let state: Value = official.get(&alert).await.ok(200);
    assert!(["done", "sending"].contains(&state["state"].as_str().unwrap()), "{state}");
    assert!(
        state["seconds_to_last_accepted"].is_number() && state["seconds_to_last_receipt"].is_number(),
        "{state}"
    );
}
