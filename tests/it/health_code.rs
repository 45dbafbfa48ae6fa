//! The way through the health code: declare, show, be checked, report every day, be green again.

use mashang_code_verify::{DenyList, KeyId, KeySet, PublicKey, Purpose, Refusal, Verifier};
use mashang_domain::person::Role;
use mashang_domain::time::Timestamp;
use mashang_tests::health::{declaration, resident_number, resident_number_of};
use mashang_tests::persona::Staff;
use mashang_tests::{Client, Form, TestApp};
use rstest::rstest;
use serde_json::{Value, json};

use crate::posters::decode_svg;

const SECOND: i64 = 1_000;
const DAY: i64 = 86_400_000;

async fn guard(app: &TestApp) -> Staff {
    app.staff(Role::Guard, "330106").await
}

async fn check(guard: &Client, token: &Value) -> Value {
    guard.post("/checkpoints/verifications", json!({ "token": token, "place": "东门" })).await.ok(200)
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn who_declares_gets_a_colour_at_once_and_a_guard_sees_it(#[case] form: Form) {
    let Some(app) = TestApp::start(form).await else { return };
    let citizen = app.citizen().await;
    let grey = citizen.code().await;
    assert_eq!((&grey["colour"], &grey["reason"]["code"]), (&json!("grey"), &json!("not_declared")));
    let guard = guard(&app).await;
    let seen = check(&guard, &grey["token"]).await;
    assert_eq!((&seen["result"], &seen["reason_class"]), (&json!("deny"), &json!("not_declared")));

    let notice = app.anyone().get("/health-notice").await.ok(200);
    assert!(notice["text"].as_str().unwrap().contains("敏感个人信息"), "{notice}");
    let made = citizen.declares(&resident_number(1), json!({})).await.ok(201);
    assert_eq!((&made["colour"], &made["reason"]["rule"]), (&json!("green"), &json!("healthy")), "{made}");
    let code = citizen.code().await;
    let (read, side) = decode_svg(code["qr_svg"].as_str().unwrap());
    assert_eq!((read.as_str(), side), (code["token"].as_str().unwrap(), 49), "version 6 and its quiet zone");
    let seen = check(&guard, &code["token"]).await;
    assert_eq!(
        (&seen["result"], &seen["colour"], &seen["name_masked"]),
        (&json!("allow"), &json!("green"), &json!("张**"))
    );
    assert_eq!((&seen["health_status"], &seen["shown_before"]), (&json!(1), &Value::Null), "{seen}");

    let venue = app.venue("西湖", "other").await;
    let scan = citizen.scans(&venue.code_in).await.ok(201);
    assert_eq!(scan["health"]["colour"], "green");
    let mine = citizen.get("/me/declarations").await.ok(200);
    let number = resident_number(1);
    assert_eq!(mine["items"][0]["id_number_masked"], format!("33****{}", &number[16..]));
    let checks = citizen.get("/me/code-checks").await.ok(200);
    assert_eq!(checks["items"].as_array().unwrap().len(), 2, "{checks}");
    assert_eq!(checks["items"][0]["place"], "东门");
    let stored = app.count("SELECT count(*) AS n FROM declaration").await;
    assert_eq!(stored, 1);
    assert!(!app.logs().contains(&resident_number(1)));
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn seven_days_in_a_row_turn_yellow_green(#[case] form: Form) {
    let Some(app) = TestApp::start(form).await else { return };
    let citizen = app.citizen().await;
    let made = citizen.declares(&resident_number(1), json!({ "symptoms": ["cough"] })).await.ok(201);
    assert_eq!((&made["colour"], &made["days_required"]), (&json!("yellow"), &json!(7)));
    for day in 1..=3 {
        app.clock.advance(DAY).await;
        let done = citizen.checks_in().await.ok(201);
        assert_eq!((&done["days_done"], &done["normal"]), (&json!(day), &json!(true)));
        assert_eq!(citizen.checks_in().await.ok(201)["days_done"], day, "a second one on a day is harmless");
    }
    app.clock.advance(2 * DAY).await;
    let state = citizen.get("/me/quarantine").await.ok(200);
    assert_eq!((&state["days_done"], state["missed"].as_array().unwrap().len()), (&json!(0), 1), "{state}");
    for _ in 0..5 {
        citizen.checks_in().await.ok(201);
        app.clock.advance(DAY).await;
    }
    let ill = json!({ "temperature_c": 37.3 });
    let done = citizen.post("/me/check-ins", ill).await.ok(201);
    assert_eq!(
        (&done["normal"], &done["colour"], &done["days_done"]),
        (&json!(false), &json!("yellow"), &json!(0))
    );
    assert_eq!(citizen.checks_in().await.ok(201)["days_done"], 0, "not on that day any more");
    for day in 1..=7 {
        app.clock.advance(DAY).await;
        assert_eq!(citizen.colour().await, "yellow", "not before day {day} was reported");
        citizen.checks_in().await.ok(201);
    }
    let green = citizen.code().await;
    assert_eq!((&green["colour"], &green["reason"]["code"]), (&json!("green"), &json!("completed")));
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn a_screenshot_is_dead_after_a_minute_and_a_second_showing_is_seen(#[case] form: Form) {
    let Some(app) = TestApp::start(form).await else { return };
    let citizen = app.citizen().await;
    citizen.declares(&resident_number(1), json!({})).await.ok(201);
    let (east, west) = (guard(&app).await, guard(&app).await);
    let token = citizen.code().await["token"].clone();
    assert_eq!(check(&east, &token).await["shown_before"], Value::Null);
    app.clock.advance(10 * SECOND).await;
    let again = check(&west, &token).await;
    assert_eq!(
        (&again["shown_before"]["place"], &again["shown_before"]["same_guard"]),
        (&json!("东门"), &json!(false)),
        "{again}"
    );
    assert!(again["code_age_seconds"].as_i64().unwrap() >= 10);
    app.clock.advance(51 * SECOND).await;
    let late = east.post("/checkpoints/verifications", json!({ "token": token })).await;
    assert!(late.problem(422, "token_expired")["expired_seconds_ago"].as_u64().unwrap() < 30);

    let token = citizen.code().await["token"].as_str().unwrap().to_owned();
    for at in (0..token.len()).step_by(7) {
        let mut forged = token.clone().into_bytes();
        forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
        let body = json!({ "token": String::from_utf8(forged).unwrap() });
        let refused = east.post("/checkpoints/verifications", body).await.problem(422, "token_invalid");
        assert!(refused["reason"].is_string(), "{at}");
    }
    for wrong in ["", "MSC:", "https://evil.example/v/x", &token[..146], &token.to_lowercase()] {
        east.post("/checkpoints/verifications", json!({ "token": wrong }))
            .await
            .problem(422, "token_invalid");
    }
    assert_eq!(app.count("SELECT count(*) AS n FROM code_check").await, 2, "what is no code is nobody's");
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn a_fever_at_a_gate_recolours(#[case] form: Form) {
    let Some(app) = TestApp::start(form).await else { return };
    let citizen = app.citizen().await;
    citizen.declares(&resident_number(1), json!({})).await.ok(201);
    let guard = guard(&app).await;
    let at = |degrees: f64, token: &Value| json!({ "token": token, "temperature_c": degrees });
    let token = citizen.code().await["token"].clone();
    let cool = guard.post("/checkpoints/verifications", at(37.2, &token)).await.ok(200);
    assert_eq!((&cool["result"], &cool["fever"]), (&json!("allow"), &json!(false)));
    let hot = guard.post("/checkpoints/verifications", at(37.3, &token)).await.ok(200);
    assert_eq!(
        (&hot["result"], &hot["fever"], &hot["colour"]),
        (&json!("deny"), &json!(true), &json!("yellow"))
    );
    assert_eq!(citizen.code().await["reason"]["code"], "gate_fever");
    guard.post("/checkpoints/verifications", at(52.0, &token)).await.problem(422, "invalid");
    assert_eq!(citizen.checks_in().await.ok(201)["days_done"], 0, "that day counts no more");
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn what_is_wrong_with_a_declaration_is_named(#[case] form: Form) {
    let Some(app) = TestApp::start(form).await else { return };
    let citizen = app.citizen().await;
    let number = resident_number(1);
    let child = resident_number_of("20150301", 1);
    for (changes, field) in [
        (json!({ "consent": false }), "consent"),
        (json!({ "consent_health_data": false }), "consent_health_data"),
        (json!({ "id_number": "530102199003074518" }), "id_number"),
        (json!({ "id_number": number.replace("3301", "330x") }), "id_number"),
        (json!({ "name": " " }), "name"),
        (json!({ "division_code": "3301" }), "division_code"),
        (json!({ "temperature_c": 99.0 }), "temperature_c"),
        (json!({ "arrival": { "division_code": "420100", "on": "2999-01-01" } }), "arrival.on"),
        (json!({ "id_type": "passport", "id_number": "E12345678" }), "birth_date"),
        (json!({ "id_number": child }), "guardian"),
    ] {
        let refused = citizen.declares(&number, changes).await.problem(422, "invalid");
        assert_eq!(refused["errors"][0]["field"], field, "{refused}");
        assert!(!refused.to_string().contains(&number[6..14]), "{refused}");
    }
    let old = citizen.declares(&number, json!({ "notice_version": "2019" })).await;
    assert_eq!(old.problem(409, "notice_outdated")["notice_version"], "2020-02-11");
    citizen.declares(&number, json!({ "colour": "green" })).await.problem(422, "unknown_field");
    citizen.checks_in().await.problem(409, "not_declared");
    let mother = json!({ "id_number": child, "guardian": { "name": "李四", "relation": "母亲" } });
    citizen.declares(&number, mother).await.ok(201);
    assert_eq!(app.count("SELECT count(*) AS n FROM declaration").await, 1);
    // Twice under one key is once.
    let keyed = citizen.client().with("idempotency-key", "declare-1");
    let body = declaration(&number, &json!({}));
    let first = keyed.post("/me/declarations", body.clone()).await.ok(201);
    assert_eq!(keyed.post("/me/declarations", body).await.ok(201)["id"], first["id"]);
    assert_eq!(app.count("SELECT count(*) AS n FROM declaration").await, 2);
}

/// What a gate's device makes of the published keys.
async fn offline(app: &TestApp) -> (Verifier, Vec<u64>) {
    let published = app.anyone().get("/.well-known/health-code-keys").await.ok(200);
    assert_eq!(published["format_version"], 1);
    let seconds = |text: &Value| {
        let at = Timestamp::parse(text.as_str().unwrap()).unwrap();
        u32::try_from(at.secs()).unwrap()
    };
    let key = |key: &Value| {
        let bytes = data_encoding::BASE64.decode(key["public_key"].as_str().unwrap().as_bytes()).unwrap();
        let id = KeyId(u32::try_from(key["id"].as_u64().unwrap()).unwrap());
        let in_use = seconds(&key["signs_from"])..seconds(&key["signs_until"]);
        PublicKey::new(id, bytes.as_slice().try_into().unwrap(), in_use).unwrap()
    };
    let keys = published["keys"].as_array().unwrap();
    let ids = keys.iter().map(|key| key["id"].as_u64().unwrap()).collect();
    (Verifier::new(KeySet::new(keys.iter().map(key)).unwrap(), [Purpose::HealthCode], 0), ids)
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn a_gate_without_a_network_trusts_the_published_keys_through_rotations(#[case] form: Form) {
    let Some(app) = TestApp::with(form, &[("health.key_days", "2")]).await else { return };
    let citizen = app.citizen().await;
    citizen.declares(&resident_number(1), json!({})).await.ok(201);
    let (gate, ids) = offline(&app).await;
    assert_eq!(ids, [1]);
    // The command does the same.
    let keys = app.path("keys.json");
    std::fs::write(&keys, app.anyone().get("/.well-known/health-code-keys").await.body).unwrap();
    let token = citizen.code().await["token"].as_str().unwrap().to_owned();
    let at = app.clock.rfc3339(0);
    let line = ["verify-code", "--keys", keys.to_str().unwrap(), "--at", &at, &token];
    let read = app.command(&line).await;
    let said = String::from_utf8(read.stdout).unwrap();
    assert!(read.status.success() && said.contains("绿码 green"), "{said}");
    let late = app.clock.rfc3339(91 * SECOND);
    let refused = app.command(&["verify-code", "--keys", line[2], "--at", &late, &token]).await;
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8(refused.stderr).unwrap().contains("expired"));
    let reads = async |gate: &Verifier| {
        let token = citizen.code().await["token"].as_str().unwrap().to_owned();
        let now = u64::try_from(app.now().secs()).unwrap();
        gate.verify(token, now, &DenyList::default())
    };
    assert!(reads(&gate).await.is_ok());
    // A day before its time the next key is there.
    app.clock.advance(DAY + 6 * 3_600 * SECOND).await;
    mashang_tests::app::eventually("the next key", async || {
        let (_, ids) = offline(&app).await;
        (ids.len() == 2).then_some(())
    })
    .await;
    let (gate, _) = offline(&app).await;
    assert!(reads(&gate).await.is_ok());
    app.clock.advance(18 * 3_600 * SECOND).await;
    let read = reads(&gate).await.unwrap();
    assert_eq!(read.key, KeyId(2), "the new key signs, and the gate knew it a day ago");
    // A leaked key is taken out.
    let admin = app.staff(Role::Administrator, "").await;
    admin.post("/health-code-keys/2/replacement", json!({})).await.ok(204);
    admin.post("/health-code-keys/2/replacement", json!({})).await.problem(404, "not_found");
    mashang_tests::app::eventually("another key", async || {
        let (fresh, _) = offline(&app).await;
        let read = reads(&fresh).await.ok()?;
        (read.key == KeyId(3)).then_some(())
    })
    .await;
    assert!(matches!(reads(&gate).await, Err(Refusal::UnknownKey(KeyId(3)))), "the gate has to ask");
    let guard = guard(&app).await;
    check(&guard, &citizen.code().await["token"]).await;
}
