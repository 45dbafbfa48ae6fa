//! Appeals: who may file one, who decides, and the clock that runs until then.

use mashang_tests::app::eventually;
use mashang_tests::health::resident_number;
use mashang_tests::persona::Citizen;
use mashang_tests::{Form, TestApp};
use reqwest::Method;
use rstest::rstest;
use serde_json::{Value, json};

use crate::decisions::{changes, decides, green};

const HOUR: i64 = 3_600_000;

/// Somebody of Hangzhou whose code is yellow for a symptom.
async fn yellow(app: &TestApp, n: u32) -> Citizen {
    let citizen = app.citizen().await;
    citizen.declares(&resident_number(n), json!({ "symptoms": ["cough"] })).await.ok(201);
    assert_eq!(citizen.colour().await, "yellow");
    citizen
}

async fn appeals(citizen: &Citizen) -> Value {
    let body = json!({ "text": "只是过敏，有诊断证明", "documents": ["门诊 2020-17"] });
    citizen.post("/me/appeals", body).await.ok(201)
}

fn path(appeal: &Value) -> String {
    format!("/appeals/{}", appeal["id"].as_str().unwrap())
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn a_person_decides_and_the_citizen_reads_why(#[case] form: Form) {
    let Some(app) = TestApp::start(form).await else { return };
    let citizen = yellow(&app, 1).await;
    let once = citizen.with("idempotency-key", "the-same");
    let body = json!({ "text": "只是过敏，有诊断证明", "documents": ["门诊 2020-17"] });
    let filed = once.post("/me/appeals", body.clone()).await.ok(201);
    assert_eq!(once.post("/me/appeals", body).await.ok(201)["id"], filed["id"], "one key, one appeal");
    assert_eq!((&filed["state"], &filed["colour"]), (&json!("open"), &json!("yellow")), "{filed}");
    let again = json!({ "text": "再次申诉" });
    citizen.post("/me/appeals", again).await.problem(409, "appeal_open");
    let official = app.official("330100").await;
    let listed = official.get("/appeals?state=open").await.ok(200);
    let item = &listed["items"][0];
    assert_eq!((&item["id"], &item["overdue"]), (&filed["id"], &json!(false)), "{listed}");
    let left = item["seconds_left"].as_i64().unwrap();
    assert!((86_000..=86_400).contains(&left), "{left}");
    assert!(!listed.to_string().contains("过敏"), "a list opens no text");
    let seen = official.get(&path(&filed)).await.ok(200);
    assert_eq!(
        (&seen["text"], &seen["may_decide"]),
        (&json!("只是过敏，有诊断证明"), &json!(true)),
        "{seen}"
    );
    assert_eq!(seen["history"][0]["to"], "yellow", "{seen}");
    let kinds: Vec<&str> =
        seen["evidence"].as_array().unwrap().iter().filter_map(|e| e["kind"].as_str()).collect();
    assert!(kinds.contains(&"declared_symptom"), "{kinds:?}");
    let whole = seen.to_string();
    assert!(!whole.contains("张三丰") && !whole.contains(&citizen.phone), "no name and no number: {whole}");
    let decision = format!("{}/decision", path(&filed));
    for body in [
        json!({ "decision": "grant", "reason": "核实" }),
        json!({ "decision": "grant", "to": "yellow", "reason": "核实" }),
        json!({ "decision": "grant", "to": "red", "reason": "核实" }),
        json!({ "decision": "grant", "to": "grey", "reason": "核实" }),
        json!({ "decision": "reject", "to": "green", "reason": "核实" }),
        json!({ "decision": "grant", "to": "green", "reason": " " }),
        json!({ "decision": "grant", "to": "green" }),
    ] {
        official.post(&decision, body).await.problem(422, "invalid");
    }
    let grant = json!({ "decision": "grant", "to": "green", "reason": "已核实诊断证明" });
    let stranger = app.official("530100").await;
    stranger.get(&path(&filed)).await.problem(404, "not_found");
    stranger.post(&decision, grant.clone()).await.problem(404, "not_found");
    assert_eq!(stranger.get("/appeals").await.ok(200)["items"], json!([]));
    let done = official.post(&decision, grant.clone()).await.ok(200);
    assert_eq!((&done["state"], &done["seconds_left"]), (&json!("granted"), &Value::Null), "{done}");
    assert_eq!(citizen.colour().await, "green");
    official.post(&decision, grant).await.problem(409, "wrong_state");
    let told = "SELECT COUNT(*) FROM reminder WHERE kind = 'appeal_decided'";
    assert_eq!(app.count(told).await, 1, "and hears of it");
    let mine = citizen.get("/me/appeals").await.ok(200);
    assert_eq!(mine["items"][0]["answer"], "已核实诊断证明", "{mine}");
    let kept = app.rows().await["appeal"].join("\n");
    assert!(!kept.contains("过敏") && !kept.contains("已核实"), "what people write is sealed");
    let green = json!({ "text": "已经绿码" });
    citizen.post("/me/appeals", green).await.problem(409, "not_restricted");
    let accesses = citizen.get("/me/accesses").await.ok(200).to_string();
    assert!(accesses.contains("appeal.show") && accesses.contains("appeal.grant"), "{accesses}");
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn who_set_the_colour_does_not_decide(#[case] form: Form) {
    let Some(app) = TestApp::start(form).await else { return };
    let citizen = green(&app, 1).await;
    let (first, second) = (app.official("330100").await, app.official("330100").await);
    let request = changes(&first, &citizen.person_id, "red", "clinical_finding").await.ok(202);
    decides(&second, &request, "confirmation").await.ok(200);
    let filed = appeals(&citizen).await;
    let decision = format!("{}/decision", path(&filed));
    let reject = json!({ "decision": "reject", "reason": "维持" });
    for own in [&first, &second] {
        assert_eq!(own.get(&path(&filed)).await.ok(200)["may_decide"], false);
        own.post(&decision, reject.clone()).await.problem(403, "own_decision");
    }
    let third = app.official("330100").await;
    third.post(&decision, reject).await.ok(200);
    assert_eq!(citizen.colour().await, "red");
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn an_overdue_appeal_stays_open_and_rings(#[case] form: Form) {
    let Some(app) = TestApp::start(form).await else { return };
    let (citizen, other) = (yellow(&app, 1).await, yellow(&app, 2).await);
    let filed = appeals(&citizen).await;
    app.clock.advance(2 * HOUR).await;
    let later = appeals(&other).await;
    app.clock.advance(23 * HOUR).await;
    let official = app.official("330100").await;
    let overdue = official.get("/appeals?overdue=true").await.ok(200);
    let ids: Vec<&Value> = overdue["items"].as_array().unwrap().iter().map(|a| &a["id"]).collect();
    assert_eq!(ids, [&filed["id"]], "{overdue}");
    assert!(overdue["items"][0]["seconds_left"].as_i64().unwrap() < 0);
    let all = official.get("/appeals?limit=1").await.ok(200);
    assert_eq!(all["items"][0]["id"], filed["id"], "what is due first stands first");
    let next = format!("/appeals?limit=1&after={}", all["next"].as_str().unwrap());
    assert_eq!(official.get(&next).await.ok(200)["items"][0]["id"], later["id"]);
    assert_eq!(official.get("/appeals?overdue=false").await.ok(200)["items"][0]["id"], later["id"]);
    assert_eq!(citizen.colour().await, "yellow", "time grants nothing");
    let rings = async || {
        let text = app.anyone().get("/metrics").await.text();
        text.contains("mashang_appeals_overdue 1").then_some(())
    };
    eventually("the gauge of overdue appeals", rings).await;
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn an_appeal_is_withdrawn_by_its_person_only(#[case] form: Form) {
    let Some(app) = TestApp::start(form).await else { return };
    let (citizen, other) = (yellow(&app, 1).await, yellow(&app, 2).await);
    for body in [
        json!({ "text": " " }),
        json!({ "text": "字".repeat(2_001) }),
        json!({ "text": "x", "documents": vec!["d"; 11] }),
        json!({ "text": "x", "documents": ["字".repeat(201)] }),
        json!({ "text": "x", "documents": [""] }),
    ] {
        citizen.post("/me/appeals", body).await.problem(422, "invalid");
    }
    let filed = appeals(&citizen).await;
    let own = format!("/me/appeals/{}", filed["id"].as_str().unwrap());
    other.send(Method::DELETE, &own, None).await.problem(404, "not_found");
    citizen.send(Method::DELETE, &own, None).await.ok(204);
    citizen.send(Method::DELETE, &own, None).await.problem(409, "wrong_state");
    assert_eq!(citizen.get("/me/appeals").await.ok(200)["items"][0]["state"], "withdrawn");
    assert_eq!(other.get("/me/appeals").await.ok(200)["items"], json!([]));
    appeals(&citizen).await;
}
