//! Declared trips: kept sealed, read by their person, gone with them.

use mashang_tests::health::resident_number;
use mashang_tests::{Form, TestApp};
use rstest::rstest;
use serde_json::{Value, json};

fn trip(app: &TestApp) -> Value {
    json!({ "from_division": "420100", "to_division": "530102", "departed_on": app.now().shanghai_day().pred_opt(),
            "arrived_on": app.now().shanghai_day(), "transport": "train", "number": "G7309" })
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn a_trip_is_sealed_exported_and_erased(#[case] form: Form) {
    let Some(app) = TestApp::start(form).await else { return };
    let citizen = app.citizen().await;
    let made = citizen.post("/me/trips", trip(&app)).await.ok(201);
    assert_eq!((&made["number"], &made["colour"]), (&json!("G7309"), &json!("grey")), "{made}");
    citizen.declares(&resident_number(1), json!({})).await.ok(201);
    let keyed = citizen.client().with("idempotency-key", "trip-1");
    let second = keyed.post("/me/trips", trip(&app)).await.ok(201);
    assert_eq!(second["colour"], "green");
    assert_eq!(keyed.post("/me/trips", trip(&app)).await.ok(201)["id"], second["id"]);
    let mine = citizen.get("/me/trips?limit=1").await.ok(200);
    assert_eq!(mine["items"][0]["id"], second["id"], "newest first: {mine}");
    let next = format!("/me/trips?limit=1&after={}", mine["next"].as_str().unwrap());
    let mine = citizen.get(&next).await.ok(200);
    assert_eq!((&mine["items"][0]["id"], &mine["next"]), (&made["id"], &Value::Null));
    for (field, expected) in trip(&app).as_object().unwrap() {
        assert_eq!(&mine["items"][0][field], expected, "{field}");
    }
    let text = if form == Form::Sqlite { "CAST(sealed AS text)" } else { "encode(sealed, 'escape')" };
    let sql = format!("SELECT count(*) AS n FROM trip WHERE {text} LIKE '%G7309%' OR {text} LIKE '%420100%'");
    assert_eq!(app.count(&sql).await, 0);
    let export = citizen.get("/me/export").await.ok(200);
    assert_eq!(
        (export["trips"].as_array().unwrap().len(), &export["trips"][0]["number"]),
        (2, &json!("G7309"))
    );

    let other = app.citizen().await;
    assert_eq!(other.get("/me/trips").await.ok(200)["items"], json!([]));
    citizen.delete("/me").await.ok(204);
    assert_eq!(app.count("SELECT count(*) AS n FROM trip").await, 0);
}

#[tokio::test]
async fn what_is_wrong_with_a_trip_is_named() {
    let app = TestApp::start(Form::Sqlite).await.unwrap();
    let citizen = app.citizen().await;
    for (field, value) in [
        ("from_division", json!("42")),
        ("to_division", json!("x")),
        ("departed_on", json!("2999-01-01")),
        ("arrived_on", json!("2999-01-01")),
        ("number", json!("")),
        ("transport", json!("rocket")),
    ] {
        let mut body = trip(&app);
        body[field] = value;
        let refused = citizen.post("/me/trips", body).await.problem(422, "invalid");
        assert_eq!(refused["errors"][0]["field"], field, "{refused}");
    }
    let mut body = trip(&app);
    body["colour"] = json!("green");
    citizen.post("/me/trips", body).await.problem(422, "unknown_field");
}
