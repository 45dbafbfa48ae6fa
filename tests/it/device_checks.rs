//! What devices of the field send, and the numbers they get back.

use mashang_domain::time::Timestamp;
use mashang_tests::device::Device;
use mashang_tests::health::{resident_number, resident_number_of};
use mashang_tests::{Citizen, Form, TestApp};
use rstest::rstest;
use sea_orm::{ConnectionTrait, TransactionTrait};
use serde_json::{Value, json};

const DAY: i64 = 86_400_000;

async fn token(citizen: &Citizen) -> String {
    citizen.code().await["token"].as_str().unwrap().to_owned()
}

/// Somebody who has declared with these changes.
async fn declared(app: &TestApp, number: &str, changes: Value) -> Citizen {
    let citizen = app.citizen().await;
    citizen.declares(number, changes).await.ok(201);
    citizen
}

/// `healthStatus`, the number of cameras, that of door panels, and whether to open.
fn numbers(answer: &Value) -> (u64, u64, u64, bool) {
    let number = |field: &str| answer[field].as_u64().unwrap_or_else(|| panic!("{field}: {answer}"));
    (number("healthStatus"), number("colourCode"), number("health"), answer["pass"].as_bool().unwrap())
}

async fn shows(device: &Device, citizen: &Citizen) -> Value {
    device.asks(2, &token(citizen).await, "36.5").await.ok(200)
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn a_scanner_gun_hears_the_number_of_every_result(#[case] form: Form) {
    let Some(app) = TestApp::start(form).await else { return };
    let device = app.device(&["verify_codes"]).await;
    let green = declared(&app, &resident_number(1), json!({})).await;
    let yellow = declared(&app, &resident_number(2), json!({ "symptoms": ["cough"] })).await;
    let red = declared(&app, &resident_number(3), json!({ "contact_with_case": true })).await;
    let seen = shows(&device, &green).await;
    assert_eq!(numbers(&seen), (1, 2, 0, true), "{seen}");
    for (field, expected) in [
        ("colour", json!("green")),
        ("name", json!("张**")),
        ("idCardType", json!("01")),
        ("idCardNo", json!(format!("33****{}", &resident_number(1)[16..]))),
        ("certType", json!("QR_CODE")),
        ("speech", json!("绿码，请通行")),
        ("temperatureStatus", json!(0)),
        ("healthDataSource", json!("mashang")),
        ("iotId", json!(device.id)),
        ("deviceIndexCode", json!("860000000000001")),
        ("shownBefore", json!(false)),
    ] {
        assert_eq!(seen[field], expected, "{field}: {seen}");
    }
    for field in ["eventTime", "healthStatusUpdateTime"] {
        assert!(Timestamp::parse(seen[field].as_str().unwrap()).is_some(), "{field}: {seen}");
    }
    let checks = green.get("/me/code-checks").await.ok(200);
    assert_eq!((&checks["items"][0]["id"], &checks["items"][0]["place"]), (&seen["eventId"], &json!("东门")));
    assert_eq!(checks["items"][0]["temperature_c"], 36.5);

    assert_eq!(numbers(&shows(&device, &yellow).await), (2, 3, 1, false));
    let colour = red.colour().await;
    let expected = if colour == "red" { (3, 1, 1, false) } else { (2, 3, 1, false) };
    assert_eq!(numbers(&shows(&device, &red).await), expected, "{colour}");

    let undeclared = app.citizen().await;
    assert_eq!(numbers(&shows(&device, &undeclared).await), (5, 0, 2, false));
    let shown = token(&green).await;
    let mut forged = shown.clone();
    forged.replace_range(20..21, if &shown[20..21] == "A" { "B" } else { "A" });
    for content in [forged.as_str(), "", "https://example.cn/v/x"] {
        let failed = device.asks(2, content, "0").await.ok(200);
        assert_eq!(numbers(&failed), (6, 4, 2, false), "{content}");
        assert_eq!((&failed["name"], &failed["colour"]), (&Value::Null, &Value::Null));
    }
    device.asks(2, &shown, "0").await.ok(200);
    assert_eq!(device.asks(2, &shown, "0").await.ok(200)["shownBefore"], true);
    app.clock.advance(62_000).await;
    assert_eq!(numbers(&device.asks(2, &shown, "0").await.ok(200)), (4, 4, 2, false));
    // An account that is gone has no code.
    let last = token(&green).await;
    green.delete("/me").await.ok(204);
    let gone = device.asks(2, &last, "0").await.ok(200);
    assert_eq!(gone["healthStatus"], 5, "{gone}");
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn a_card_finds_the_person_and_stands_in_the_log(#[case] form: Form) {
    let Some(app) = TestApp::start(form).await else { return };
    let device = app.device(&["verify_codes"]).await;
    let number = resident_number(1);
    let citizen = declared(&app, &number, json!({})).await;
    let seen = device.asks(1, &number, "36.5").await.ok(200);
    assert_eq!(numbers(&seen), (1, 2, 0, true), "{seen}");
    assert_eq!((&seen["certType"], &seen["name"]), (&json!("ID_CARD"), &json!("张**")));
    assert!(!seen.to_string().contains(&number[6..14]), "{seen}");
    let again = device.asks(1, &number, "0").await.ok(200);
    assert_eq!((&again["shownBefore"], &again["temperatureStatus"]), (&json!(false), &Value::Null));
    let checks = citizen.get("/me/code-checks").await.ok(200);
    assert_eq!(checks["items"].as_array().unwrap().len(), 2, "{checks}");
    let looked = citizen.get("/me/accesses").await.ok(200);
    let looks = looked["items"].as_array().unwrap().iter().filter(|a| a["action"] == "person.look_up");
    assert_eq!(looks.clone().count(), 2, "{looked}");
    assert!(looks.clone().all(|a| a["purpose"] == "gate_check"), "{looked}");

    assert_eq!(numbers(&device.asks(1, &resident_number(2), "0").await.ok(200)), (5, 0, 2, false));
    for wrong in ["530102199003074518", "not a number", ""] {
        assert_eq!(numbers(&device.asks(1, wrong, "0").await.ok(200)), (6, 4, 2, false), "{wrong}");
    }
    // A child without a card of its own is declared by the household register's number.
    let child = resident_number_of("20150301", 1);
    let register =
        json!({ "id_type": "household_register", "guardian": { "name": "李四", "relation": "母亲" } });
    declared(&app, &child, register).await;
    assert_eq!(device.asks(1, &child.to_lowercase(), "0").await.ok(200)["healthStatus"], 1);
    // Declared with another document, nobody is found by the old one.
    let passport = json!({ "id_type": "passport", "id_number": "E12345678", "birth_date": "1990-01-01" });
    citizen.declares(&number, passport).await.ok(201);
    assert_eq!(device.asks(1, &number, "0").await.ok(200)["healthStatus"], 5);
    assert!(!app.logs().contains(&number) && !app.logs().contains(&child));
    let audit = app.auditor().await.get("/audit?limit=500").await;
    assert!(!audit.text().contains(&number[6..14]));
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn a_second_account_makes_nobody_lighter(#[case] form: Form) {
    let Some(app) = TestApp::start(form).await else { return };
    let device = app.device(&["verify_codes"]).await;
    let number = resident_number(1);
    for (ill, expected) in [(false, 1), (true, 2), (false, 2)] {
        let symptoms = if ill { json!(["cough"]) } else { json!([]) };
        declared(&app, &number, json!({ "symptoms": symptoms })).await;
        assert_eq!(device.asks(1, &number, "0").await.ok(200)["healthStatus"], expected);
    }
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn temperatures_of_devices(#[case] form: Form) {
    let Some(app) = TestApp::start(form).await else { return };
    let device = app.device(&["verify_codes"]).await;
    let citizen = declared(&app, &resident_number(1), json!({})).await;
    for (text, status, opens) in [
        ("0", Value::Null, true),
        ("28.5", json!(2), true),
        ("37.2", json!(0), true),
        ("37.3", json!(1), false),
    ] {
        let seen = device.asks(2, &token(&citizen).await, text).await.ok(200);
        assert_eq!((&seen["temperatureStatus"], &seen["pass"]), (&status, &json!(opens)), "{text}: {seen}");
        app.clock.advance(1_000).await;
    }
    let hot = shows(&device, &citizen).await;
    assert_eq!(hot["healthStatus"], 2, "the fever has coloured: {hot}");
    let fever = device.asks(1, &resident_number(1), "38.0").await.ok(200);
    assert!(fever["speech"].as_str().unwrap().starts_with("体温异常"), "{fever}");
}

#[tokio::test]
async fn what_is_no_question_is_refused() {
    let app = TestApp::start(Form::Sqlite).await.unwrap();
    let device = app.device(&["verify_codes"]).await;
    let with = |field: &str, value: Value| {
        let mut body =
            json!({ "cardNoType": 2, "idCardNo": "x", "temperature": "0", "deviceIndexCode": "1" });
        body[field] = value;
        body
    };
    for (field, value, code) in [
        ("cardNoType", json!(3), "invalid"),
        ("cardNoType", json!("2"), "invalid"),
        ("idCardNo", json!("0".repeat(401)), "invalid"),
        ("temperature", json!("warm"), "invalid"),
        ("temperature", json!("46"), "invalid"),
        ("deviceIndexCode", json!(""), "invalid"),
        ("deviceIndexCode", json!("x".repeat(65)), "invalid"),
        ("colour", json!("green"), "unknown_field"),
    ] {
        let reply = device.post("/checkpoints/devices/verifications", with(field, value.clone())).await;
        reply.problem(422, code);
    }
    let body = with("temperature", json!("0"));
    app.anyone()
        .post("/checkpoints/devices/verifications", body.clone())
        .await
        .problem(401, "unauthenticated");
    app.citizen()
        .await
        .post("/checkpoints/devices/verifications", body.clone())
        .await
        .problem(403, "forbidden");
    let guard = app.guard().await;
    assert_eq!(guard.post("/checkpoints/devices/verifications", body).await.ok(200)["healthStatus"], 6);
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn a_declaration_that_has_expired_is_4_and_a_slow_database_is_7(#[case] form: Form) {
    let Some(app) = TestApp::start(form).await else { return };
    let device = app.device(&["verify_codes"]).await;
    let citizen = declared(&app, &resident_number(1), json!({})).await;
    assert_eq!(device.asks(1, &resident_number(1), "0").await.ok(200)["healthStatus"], 1);
    // Nobody can write a check down while this holds.
    let held = app.db().await.begin().await.unwrap();
    let lock = match form {
        Form::Sqlite => "DELETE FROM code_check WHERE 1 = 0",
        Form::Service => "LOCK TABLE code_check IN ACCESS EXCLUSIVE MODE",
    };
    held.execute_unprepared(lock).await.unwrap();
    let late = device.asks(2, &token(&citizen).await, "0").await.ok(200);
    assert_eq!(numbers(&late), (7, 0, 2, false), "{late}");
    assert_eq!(late["speech"], "核验超时，请稍后再试");
    held.rollback().await.unwrap();
    app.clock.advance(40 * DAY).await;
    let seen = device.asks(1, &resident_number(1), "0").await.ok(200);
    let colour = citizen_colour(&app, &citizen).await;
    assert_eq!((numbers(&seen), colour.as_str()), ((4, 4, 2, false), "grey"), "{seen}");
}

/// The colour as the person sees it, signed in again.
async fn citizen_colour(app: &TestApp, citizen: &Citizen) -> String {
    app.sign_in_later(&citizen.phone).await.colour().await
}
