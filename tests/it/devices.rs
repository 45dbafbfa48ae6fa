//! Keys of gates' devices: shown once, good for what they were given for, gone at once.

use mashang_domain::person::Role;
use mashang_tests::health::resident_number;
use mashang_tests::{Form, TestApp};
use rstest::rstest;
use serde_json::{Value, json};
use sha2::Digest;

const DAY: i64 = 86_400_000;

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn a_key_is_shown_once_and_opens_gates_only(#[case] form: Form) {
    let Some(app) = TestApp::start(form).await else { return };
    let admin = app.administrator().await;
    let device = app.device(&["verify_codes"]).await;
    assert_eq!((device.secret.len(), &device.secret[..3]), (46, "mk_"));
    let citizen = app.citizen().await;
    citizen.declares(&resident_number(1), json!({})).await.ok(201);
    let token = citizen.code().await["token"].clone();
    let seen = device.post("/checkpoints/verifications", json!({ "token": token })).await.ok(200);
    assert_eq!((&seen["result"], &seen["name_masked"]), (&json!("allow"), &json!("张**")));
    let mine = citizen.get("/me/code-checks").await.ok(200);
    assert_eq!(mine["items"][0]["place"], "东门", "where the device stands");

    for path in ["/me", "/staff", "/venues", "/api-keys", "/audit", "/me/health-code"] {
        device.get(path).await.problem(403, "forbidden");
    }
    let mut forged = device.secret.clone();
    forged.replace_range(9..10, if &forged[9..10] == "A" { "B" } else { "A" });
    let forged = app.anyone().with_token(&forged);
    forged
        .post("/checkpoints/verifications", json!({ "token": token }))
        .await
        .problem(401, "unauthenticated");

    let list = admin.get("/api-keys").await;
    assert!(!list.text().contains(&device.secret[3..]), "no secret in the list");
    let key = list.ok(200)["items"][0].clone();
    assert_eq!((&key["name"], &key["scopes"]), (&json!("东门测温枪"), &json!(["verify_codes"])));
    assert!(key["last_used_at"].is_string() && key.get("secret").is_none(), "{key}");
    let stored = if form == Form::Sqlite { "hex(secret_hash)" } else { "encode(secret_hash, 'hex')" };
    let hash = data_encoding::HEXLOWER.encode(&sha2::Sha256::digest(device.secret.as_bytes()));
    let sql = format!("SELECT count(*) AS n FROM api_key WHERE lower({stored}) = '{hash}'");
    assert_eq!(app.count(&sql).await, 1, "what is stored is its SHA-256");
    assert!(!app.logs().contains(&device.secret));
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn a_key_that_is_taken_back_opens_nothing_more(#[case] form: Form) {
    let Some(app) = TestApp::start(form).await else { return };
    let admin = app.administrator().await;
    let device = app.device(&["verify_codes"]).await;
    // The answer is cached from here on.
    assert_eq!(device.asks(2, "x", "0").await.ok(200)["healthStatus"], 6);
    admin.delete(&format!("/api-keys/{}", device.id)).await.ok(204);
    device.asks(2, "x", "0").await.problem(401, "unauthenticated");
    admin.delete(&format!("/api-keys/{}", device.id)).await.problem(404, "not_found");
    let key = admin.get("/api-keys").await.ok(200)["items"][0].clone();
    assert!(key["revoked_at"].is_string(), "{key}");

    let audit = app.auditor().await.get("/audit").await.ok(200);
    let of = |action: &str| {
        let entries = audit["items"].as_array().unwrap();
        entries.iter().filter(|e| e["action"] == action && e["object_id"] == device.id.as_str()).count()
    };
    assert_eq!((of("api_key.create"), of("api_key.revoke")), (1, 1), "{audit}");
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn a_key_ends_with_its_time_and_stays_in_its_division(#[case] form: Form) {
    let Some(app) = TestApp::start(form).await else { return };
    let admin = app.administrator().await;
    let tomorrow = app.clock.rfc3339(DAY);
    let body = json!({ "name": "枪", "scopes": ["verify_codes"], "expires_at": tomorrow, "division_code": "530102" });
    let device = app.device_of(&admin, body).await;
    assert_eq!(device.asks(2, "x", "0").await.ok(200)["healthStatus"], 6);
    app.clock.advance(DAY + 1_000).await;
    device.asks(2, "x", "0").await.problem(401, "unauthenticated");

    // The administrator has idled away meanwhile.
    let admin = app.administrator().await;
    let with = |field: &str, value: Value| {
        let mut body = json!({ "name": "枪", "scopes": ["verify_codes"] });
        body[field] = value;
        body
    };
    for (field, value, code) in [
        ("expires_at", json!(tomorrow), "invalid"),
        ("name", json!(" "), "invalid"),
        ("scopes", json!([]), "invalid"),
        ("scopes", json!(["everything"]), "invalid"),
        ("place", json!("x".repeat(65)), "invalid"),
        ("division_code", json!("53"), "invalid"),
        ("secret", json!("mk_own"), "unknown_field"),
    ] {
        admin.post("/api-keys", with(field, value)).await.problem(422, code);
    }
    let elsewhere = app.staff(Role::Administrator, "330000").await;
    elsewhere.post("/api-keys", with("division_code", json!("530102"))).await.problem(404, "not_found");
    elsewhere.delete(&format!("/api-keys/{}", device.id)).await.problem(404, "not_found");
    assert_eq!(elsewhere.get("/api-keys").await.ok(200)["items"], json!([]));
    admin.delete(&format!("/api-keys/{}", device.id)).await.ok(204);
}
