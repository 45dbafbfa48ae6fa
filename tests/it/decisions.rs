//! Colours that officials set: alone, with a second one, never without a ground; and releases.

use futures_util::future::join_all;
use mashang_tests::health::resident_number;
use mashang_tests::persona::{Citizen, Staff};
use mashang_tests::{Form, Reply, TestApp};
use reqwest::Method;
use rstest::rstest;
use serde_json::{Value, json};

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

/// Moves the clock to the next noon of Shanghai, so that no day ends in the middle of a test.
pub async fn noon(app: &TestApp) {
    let noon = app.now().shanghai_day_start() + DAY + 12 * HOUR;
    app.clock.advance(noon - app.now()).await;
}

/// Somebody of Hangzhou whose code is green.
pub async fn green(app: &TestApp, n: u32) -> Citizen {
    let citizen = app.citizen().await;
    citizen.declares(&resident_number(n), json!({})).await.ok(201);
    citizen
}

/// An official wants a colour for a person.
pub async fn changes(official: &Staff, person: &str, to: &str, ground: &str) -> Reply {
    let body = json!({ "to": to, "ground": ground, "document": "杭卫函〔2020〕12号" });
    official.post(&format!("/people/{person}/colour-changes"), body).await
}

/// What officials decide about a request.
pub async fn decides(official: &Staff, request: &Value, how: &str) -> Reply {
    let id = request["id"].as_str().unwrap_or_default();
    official.post(&format!("/colour-changes/{id}/{how}"), json!({})).await
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn a_change_by_hand_has_its_ground_and_the_person_reads_it(#[case] form: Form) {
    let Some(app) = TestApp::start(form).await else { return };
    let (citizen, official) = (green(&app, 1).await, app.official("330100").await);
    let made = changes(&official, &citizen.person_id, "yellow", "epidemiological_finding").await.ok(201);
    assert_eq!((&made["state"], &made["from"]), (&json!("applied"), &json!("green")), "{made}");
    assert_eq!(citizen.colour().await, "yellow");
    let history = citizen.with("accept-language", "en").get("/me/health-code/history").await.ok(200);
    let entry = &history["items"][0];
    assert_eq!((&entry["from"], &entry["to"]), (&json!("green"), &json!("yellow")), "{entry}");
    assert_eq!((&entry["by"], &entry["kind"]), (&json!("official"), &json!("manual")));
    assert_eq!(entry["ground"]["code"], "epidemiological_finding");
    assert_eq!(entry["ground"]["text"], "Finding of an investigation");
    assert_eq!(entry["ground"]["document"], "杭卫函〔2020〕12号");
    assert_eq!(entry["reason"]["text"], entry["reason"]["en"], "{entry}");
    assert!(!entry["reason"]["zh"].as_str().unwrap().is_ascii(), "{entry}");
    assert!(entry["objection"].as_str().unwrap().contains("/me/appeals"), "{entry}");
    let text = history.to_string();
    assert!(!text.contains(&official.id) && !text.contains(&official.username), "an office, no name");
    assert_eq!(history["items"][1]["by"], "self", "the declaration");
    let chinese = citizen.get("/me/health-code/history?limit=1").await.ok(200);
    assert_eq!(chinese["items"][0]["reason"]["text"], chinese["items"][0]["reason"]["zh"]);
    let next = format!("/me/health-code/history?limit=1&after={}", chinese["next"].as_str().unwrap());
    assert_eq!(citizen.get(&next).await.ok(200)["items"][0]["kind"], "declaration");
    let accesses = citizen.get("/me/accesses").await.ok(200).to_string();
    assert!(accesses.contains("colour_change.apply"), "{accesses}");
    // What is written down in words is sealed.
    let kept = app.rows().await["colour_change"].join("\n");
    assert!(!kept.contains("杭卫函"), "{kept}");
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn nothing_is_changed_without_ground_evidence_or_a_colour_that_fits(#[case] form: Form) {
    let Some(app) = TestApp::start(form).await else { return };
    let (citizen, official) = (green(&app, 1).await, app.official("330100").await);
    let path = format!("/people/{}/colour-changes", citizen.person_id);
    let full = json!({ "to": "yellow", "ground": "clinical_finding", "document": "1" });
    let with = |field: &str, value: Value| {
        let mut body = full.clone();
        body[field] = value;
        body
    };
    let without = |field: &str| {
        let mut body = full.clone();
        body.as_object_mut().unwrap().remove(field);
        body
    };
    let (before, key) = (app.rows().await, "the ground");
    for body in [
        without("ground"),
        without("document"),
        with("ground", json!("petition")),
        with("document", json!(" ")),
        with("document", json!("字".repeat(201))),
        with("note", json!("字".repeat(1_001))),
        with("to", json!("grey")),
        with("ground", json!("record_error")),
    ] {
        official.post(&path, body).await.problem(422, "invalid");
    }
    official.post(&path, with("to", json!("green"))).await.problem(409, "same_colour");
    for (who, status, code) in [
        (app.official("530100").await, 404, "not_found"),
        (app.guard().await, 403, "forbidden"),
        (app.auditor().await, 403, "forbidden"),
        (app.administrator().await, 403, "forbidden"),
    ] {
        who.post(&path, full.clone()).await.problem(status, code);
    }
    let nobody = app.citizen().await;
    changes(&official, &nobody.person_id, "yellow", "clinical_finding").await.problem(404, "not_found");
    for query in ["?name=张三丰", "?phone=15400000000"] {
        let answer = official.get(&format!("/colour-changes{query}")).await;
        assert!([400, 422].contains(&answer.status), "nobody is looked up by {query}: {}", answer.text());
    }
    let after = app.rows().await;
    for table in ["health", "health_change", "colour_change"] {
        assert_eq!(before[table], after[table], "{table}: {key}");
    }
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn nobody_turns_anybody_red_alone(#[case] form: Form) {
    let Some(app) = TestApp::start(form).await else { return };
    let citizen = green(&app, 1).await;
    let (official, second) = (app.official("330100").await, app.approver("330106").await);
    let request = changes(&official, &citizen.person_id, "red", "clinical_finding").await.ok(202);
    assert_eq!((&request["state"], citizen.colour().await), (&json!("awaiting_second"), "green".to_owned()));
    for how in ["confirmation", "refusal"] {
        decides(&official, &request, how).await.problem(403, "own_request");
        decides(&app.official("530100").await, &request, how).await.problem(404, "not_found");
    }
    changes(&second, &citizen.person_id, "red", "clinical_finding").await.problem(409, "request_waiting");
    let waiting = second.get("/colour-changes?state=awaiting_second").await.ok(200);
    assert_eq!(waiting["items"][0]["id"], request["id"], "{waiting}");
    let made = decides(&second, &request, "confirmation").await.ok(200);
    assert_eq!((&made["state"], &made["decided_by"]), (&json!("applied"), &json!(second.id)), "{made}");
    assert_eq!(citizen.colour().await, "red");
    decides(&second, &request, "confirmation").await.problem(409, "wrong_state");
    let history = citizen.get("/me/health-code/history").await.ok(200);
    assert_eq!(history["items"][0]["confirmed"], true, "{history}");
    let both =
        "SELECT COUNT(*) FROM audit WHERE action IN ('colour_change.request', 'colour_change.confirm')";
    assert_eq!(app.count(both).await, 2);
    assert_eq!(second.get("/colour-changes?state=awaiting_second").await.ok(200)["items"], json!([]));
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn a_request_expires_after_a_day(#[case] form: Form) {
    let Some(app) = TestApp::start(form).await else { return };
    let (citizen, refused) = (green(&app, 1).await, green(&app, 2).await);
    let (official, second) = (app.official("330100").await, app.official("330100").await);
    let request = changes(&official, &citizen.person_id, "red", "clinical_finding").await.ok(202);
    let other = changes(&official, &refused.person_id, "red", "clinical_finding").await.ok(202);
    assert_eq!(decides(&second, &other, "refusal").await.ok(200)["state"], "refused");
    app.clock.advance(DAY).await;
    let (official, second) = (app.official("330100").await, app.official("330100").await);
    let late = decides(&second, &request, "confirmation").await.problem(409, "wrong_state");
    assert_eq!(late["state"], "expired");
    let listed = official.get("/colour-changes?state=expired").await.ok(200);
    assert_eq!(listed["items"][0]["id"], request["id"], "{listed}");
    assert_eq!(official.get("/colour-changes?state=awaiting_second").await.ok(200)["items"], json!([]));
    assert_eq!([citizen.colour().await, refused.colour().await], ["green", "green"]);
    changes(&second, &citizen.person_id, "red", "clinical_finding").await.ok(202);
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn beyond_the_limit_a_second_official_is_wanted(#[case] form: Form) {
    let limit = [("health.alone_per_hour", "3")];
    let Some(app) = TestApp::with(form, &limit).await else { return };
    let official = app.official("330100").await;
    let mut people = Vec::new();
    for n in 1..=6 {
        people.push(green(&app, n).await);
    }
    let all = people.iter().map(|p| changes(&official, &p.person_id, "yellow", "clinical_finding"));
    let mut seen: Vec<u16> = join_all(all).await.iter().map(|reply| reply.status).collect();
    seen.sort_unstable();
    assert_eq!(seen, [201, 201, 201, 202, 202, 202]);
    let metrics = app.anyone().get("/metrics").await.text();
    assert!(metrics.contains("mashang_colour_changes_beyond_limit_total 3"), "{metrics}");
    // A clock that goes back gives nobody more of them.
    app.clock.advance(-2 * HOUR).await;
    let waiting = official.get("/colour-changes?state=awaiting_second").await.ok(200);
    let second = app.official("330100").await;
    decides(&second, &waiting["items"][0], "refusal").await.ok(200);
    let person = waiting["items"][0]["person_id"].as_str().unwrap();
    changes(&official, person, "yellow", "clinical_finding").await.ok(202);
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn of_many_officials_at_once_exactly_one_decides(#[case] form: Form) {
    let Some(app) = TestApp::start(form).await else { return };
    let (citizen, official) = (green(&app, 1).await, app.official("330100").await);
    let request = changes(&official, &citizen.person_id, "red", "clinical_finding").await.ok(202);
    let mut others = Vec::new();
    for _ in 0..4 {
        others.push(app.official("330100").await);
    }
    let pressed = others.iter().chain(&others).map(|other| decides(other, &request, "confirmation"));
    let replies = join_all(pressed).await;
    let won = replies.iter().filter(|reply| reply.status == 200).count();
    assert_eq!(won, 1, "{:?}", replies.iter().map(|r| r.status).collect::<Vec<_>>());
    let red = "SELECT COUNT(*) FROM health_change WHERE to_colour = 'red'";
    assert_eq!(app.count(red).await, 1);
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn red_is_released_by_an_official_once_its_days_are_done(#[case] form: Form) {
    let Some(app) = TestApp::start(form).await else { return };
    noon(&app).await;
    let citizen = app.citizen().await;
    let symptoms = json!({ "symptoms": ["cough"], "from_key_area": true });
    citizen.declares(&resident_number(1), symptoms).await.ok(201);
    assert_eq!(citizen.colour().await, "red");
    let official = app.official("330100").await;
    let release = format!("/people/{}/release", citizen.person_id);
    let early = official.post(&release, json!({})).await.problem(409, "days_left");
    assert_eq!(early["days_left"], 14);
    let well = green(&app, 2).await;
    official
        .post(&format!("/people/{}/release", well.person_id), json!({}))
        .await
        .problem(409, "wrong_state");
    for _ in 0..14 {
        citizen.checks_in().await.ok(201);
        app.clock.advance(DAY).await;
    }
    assert_eq!(citizen.colour().await, "red", "the days alone release nobody");
    let official = app.official("330100").await;
    let waiting = official.get("/releases").await.ok(200);
    assert_eq!(waiting["items"].as_array().unwrap().len(), 1, "{waiting}");
    assert_eq!(waiting["items"][0]["person_id"], citizen.person_id.as_str());
    let stranger = app.official("530100").await;
    assert_eq!(stranger.get("/releases").await.ok(200)["items"], json!([]));
    stranger.post(&release, json!({})).await.problem(404, "not_found");
    let (one, two) = tokio::join!(official.post(&release, json!({})), official.post(&release, json!({})));
    let mut seen = [one.status, two.status];
    seen.sort_unstable();
    assert_eq!(seen, [200, 409], "{} {}", one.text(), two.text());
    assert_eq!(citizen.colour().await, "green");
    assert_eq!(official.get("/releases").await.ok(200)["items"], json!([]));
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn who_takes_their_data_takes_their_health_with_it_and_nothing_is_left_after_erasure(
    #[case] form: Form,
) {
    let Some(app) = TestApp::start(form).await else { return };
    let (citizen, official) = (green(&app, 1).await, app.official("330100").await);
    citizen.checks_in().await.ok(201);
    let body = json!({ "to": "yellow", "ground": "clinical_finding", "document": "D-1", "note": "咨询过" });
    official.post(&format!("/people/{}/colour-changes", citizen.person_id), body).await.ok(201);
    let text = json!({ "text": "检测为阴性", "documents": ["报告 7"] });
    citizen.post("/me/appeals", text).await.ok(201);
    let health = citizen.get("/me/export").await.ok(200)["health"].clone();
    assert_eq!(health["declarations"][0]["stated"]["name"], "张三丰", "{health}");
    assert_eq!(health["check_ins"].as_array().unwrap().len(), 1, "{health}");
    assert_eq!(
        (&health["changes"][0]["to"], &health["changes"][0]["by"]),
        (&json!("yellow"), &json!("official"))
    );
    assert_eq!(health["changes_by_hand"][0]["note"], "咨询过", "{health}");
    assert_eq!(health["appeals"][0]["text"], "检测为阴性", "{health}");
    assert_eq!(health["integrity_records"], json!([]));
    assert!(health["accesses"].to_string().contains("colour_change.apply"), "{health}");
    citizen.send(Method::DELETE, "/me", None).await.ok(204);
    let rows = app.rows().await;
    for table in ["appeal", "colour_change", "health", "health_change", "declaration", "check_in"] {
        assert!(rows[table].is_empty(), "{table}: {:?}", rows[table]);
    }
}
