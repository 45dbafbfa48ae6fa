//! Linked cards: by a code of the platform, one's own only, told to hospitals only.

use mashang_tests::fake_cards::{APP_SECRET, APP_TOKEN, CardFault, FakeCards};
use mashang_tests::health::resident_number;
use mashang_tests::{Citizen, Form, TestApp};
use rstest::rstest;
use serde_json::{Value, json};

const KINDS: [&str; 2] = ["e_health", "social_security"];

async fn start(form: Form) -> Option<(TestApp, FakeCards)> {
    let cards = FakeCards::start().unwrap();
    let settings = cards.settings();
    let changes: Vec<(&str, &str)> = settings.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    Some((TestApp::with(form, &changes).await?, cards))
}

async fn declared(app: &TestApp, n: u32) -> Citizen {
    let citizen = app.citizen().await;
    citizen.declares(&resident_number(n), json!({})).await.ok(201);
    citizen
}

fn new(kind: &str, code: &str) -> Value {
    json!({ "kind": kind, "code": code })
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn a_card_is_linked_once_by_its_holder(#[case] form: Form) {
    let Some((app, cards)) = start(form).await else { return };
    let citizen = declared(&app, 1).await;
    for kind in KINDS {
        let reference = format!("REF-{kind}-000017");
        let code = cards.issue(&reference, &resident_number(1).to_lowercase());
        let made = citizen.post("/me/cards", new(kind, &code)).await.ok(201);
        assert_eq!((&made["kind"], &made["reference_masked"]), (&json!(kind), &json!("****0017")));
        citizen.post("/me/cards", new(kind, &code)).await.problem(422, "card_code_invalid");
        let column = if form == Form::Sqlite { "CAST(sealed AS text)" } else { "encode(sealed, 'escape')" };
        let clear = format!("SELECT count(*) AS n FROM card_link WHERE {column} LIKE '%REF-%'");
        assert_eq!(app.count(&clear).await, 0);
    }
    // Another card of a kind takes the place of the one before.
    let code = cards.issue("REF-000099", &resident_number(1));
    citizen.post("/me/cards", new("e_health", &code)).await.ok(201);
    let mine = citizen.get("/me/cards").await;
    assert!(!mine.text().contains("REF-"), "masked");
    let mine = mine.ok(200);
    assert_eq!(mine["items"].as_array().unwrap().len(), 2, "{mine}");
    let export = citizen.get("/me/export").await.ok(200);
    assert_eq!(export["cards"][0]["reference"], "REF-000099", "{}", export["cards"]);

    let id = mine["items"][1]["id"].as_str().unwrap();
    let other = declared(&app, 2).await;
    other.delete(&format!("/me/cards/{id}")).await.problem(404, "not_found");
    citizen.delete(&format!("/me/cards/{id}")).await.ok(204);
    citizen.delete(&format!("/me/cards/{id}")).await.problem(404, "not_found");
    citizen.delete("/me").await.ok(204);
    assert_eq!(app.count("SELECT count(*) AS n FROM card_link").await, 0);
    assert_eq!(cards.complaints(), Vec::<String>::new());
    let logs = app.logs();
    assert!(![APP_SECRET, APP_TOKEN, "REF-", "one-time-"].iter().any(|secret| logs.contains(secret)));
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn nobody_links_the_card_of_somebody_else(#[case] form: Form) {
    let Some((app, cards)) = start(form).await else { return };
    let (citizen, undeclared) = (declared(&app, 1).await, app.citizen().await);
    for kind in KINDS {
        let code = cards.issue("REF-2", &resident_number(2));
        citizen.post("/me/cards", new(kind, &code)).await.problem(409, "card_mismatch");
        let calls = cards.calls();
        undeclared.post("/me/cards", new(kind, "code-9")).await.problem(409, "not_declared");
        // A wish for a new card and a refusal are no codes.
        for no_code in ["0", "-1", "", "两", &"x".repeat(129)] {
            citizen.post("/me/cards", new(kind, no_code)).await.problem(422, "card_code_invalid");
        }
        assert_eq!(cards.calls(), calls, "the platform was not asked");
    }
    citizen.post("/me/cards", new("bank", "x")).await.problem(422, "invalid");
    assert_eq!(app.count("SELECT count(*) AS n FROM card_link").await, 0);
}

#[tokio::test]
async fn a_platform_that_fails_links_nothing() {
    let (app, cards) = start(Form::Sqlite).await.unwrap();
    let citizen = declared(&app, 1).await;
    for kind in KINDS {
        for fault in [
            CardFault::Hang,
            CardFault::ServerError,
            CardFault::Half,
            CardFault::Redirect,
            CardFault::OtherRequest,
            CardFault::Empty,
        ] {
            cards.fail(Some(fault));
            let code = cards.issue("REF-1", &resident_number(1));
            let begun = std::time::Instant::now();
            let refused = citizen.post("/me/cards", new(kind, &code)).await.problem(503, "unavailable");
            assert!(!refused.to_string().contains("REF"), "{fault:?}");
            assert!(begun.elapsed().as_secs() < 5, "{fault:?}");
        }
        cards.fail(None);
    }
    assert_eq!((cards.elsewhere(), cards.complaints().len()), (0, 0), "{:?}", cards.complaints());
    assert_eq!(app.count("SELECT count(*) AS n FROM card_link").await, 0);
}

#[tokio::test]
async fn without_a_platform_there_is_nothing_to_link() {
    let app = TestApp::start(Form::Sqlite).await.unwrap();
    let citizen = declared(&app, 1).await;
    for kind in KINDS {
        citizen.post("/me/cards", new(kind, "code")).await.problem(404, "not_found");
    }
    assert_eq!(citizen.get("/me/cards").await.ok(200)["items"], json!([]));
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn a_hospital_hears_the_reference_and_a_gate_does_not(#[case] form: Form) {
    let Some((app, cards)) = start(form).await else { return };
    let citizen = declared(&app, 1).await;
    let code = cards.issue("REF-1", &resident_number(1));
    citizen.post("/me/cards", new("e_health", &code)).await.ok(201);
    let (gate, hospital) = (app.device(&["verify_codes"]).await, app.device(&["hospital"]).await);
    let token = citizen.code().await["token"].clone();
    let check = json!({ "token": token });
    let seen = gate.post("/checkpoints/verifications", check.clone()).await.ok(200);
    assert_eq!(seen["cards"], Value::Null);
    let seen = hospital.post("/checkpoints/verifications", check.clone()).await.ok(200);
    let expected = json!([{ "kind": "e_health", "reference": "REF-1", "valid": true }]);
    assert_eq!((&seen["cards"], &seen["colour"]), (&expected, &json!("green")));
    let heard = hospital.asks(2, token.as_str().unwrap(), "0").await.ok(200);
    assert_eq!(heard["cards"], expected);
    // Who has not shown a code has shown no card either.
    assert_eq!(hospital.asks(1, &resident_number(1), "0").await.ok(200)["cards"], Value::Null);
    assert_eq!(gate.asks(2, token.as_str().unwrap(), "0").await.ok(200)["cards"], Value::Null);

    cards.withdraw("REF-1");
    let seen = hospital.post("/checkpoints/verifications", check.clone()).await.ok(200);
    assert_eq!(seen["cards"][0]["valid"], false);
    cards.fail(Some(CardFault::Hang));
    let seen = hospital.post("/checkpoints/verifications", check).await.ok(200);
    assert_eq!((&seen["cards"][0]["valid"], &seen["result"]), (&Value::Null, &json!("allow")));
    let accesses = citizen.get("/me/accesses").await.ok(200);
    let told = accesses["items"].as_array().unwrap().iter().filter(|a| a["action"] == "card.tell").count();
    assert_eq!(told, 4, "{accesses}");
    assert_eq!(cards.complaints(), Vec::<String>::new());
}
