//! The end of the operation, as everybody sees it: two administrators, then 410 for all, keys and data gone, and a
//! certificate that a third party can check.

use mashang_tests::app::eventually;
use mashang_tests::{Form, TestApp};
use reqwest::Method;
use rstest::rstest;
use serde_json::{Value, json};

/// Every table that holds something of a person.
const PERSONAL: [&str; 8] =
    ["person", "scan", "scan_key", "session", "login_code", "notice", "delivery", "infection_case"];

/// A little of everything: a citizen who scanned, a case, codes that were sent.
async fn lived(app: &TestApp) -> String {
    let venue = app.venue("滇池会堂", "restaurant").await;
    let citizen = app.citizen().await;
    citizen.scans(&venue.code_in).await.ok(201);
    let official = app.official("530100").await;
    let case = json!({ "phone": citizen.phone, "reported_at": app.clock.rfc3339(0), "positive_at": app.clock.rfc3339(0) });
    official.post("/cases", case).await.ok(201);
    citizen.token.clone()
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn the_end_takes_two_administrators_and_leaves_nothing_but_a_certificate(#[case] form: Form) {
    let Some(app) = TestApp::start(form).await else { return };
    let token = lived(&app).await;
    let (one, other) = (app.administrator().await, app.administrator().await);
    let fingerprint = app.anyone().get("/operation").await.ok(200)["certificate_key_fingerprint"].clone();
    let ring = std::fs::read_to_string(app.path("keys.toml")).unwrap();
    // The signing key stays: the certificate is signed with it.
    let (data_keys, _) = ring.split_once("[signing]").unwrap();
    let secrets: Vec<&str> =
        data_keys.lines().filter_map(|l| l.strip_prefix("secret = ")?.split('"').nth(1)).collect();

    other.post("/operation/end", json!({ "confirm": true })).await.problem(409, "wrong_state");
    let asked = one.post("/operation/end", json!({})).await.ok(202);
    assert_eq!(asked["state"], "end_requested", "{asked}");
    one.post("/operation/end", json!({ "confirm": true })).await.problem(403, "forbidden");
    app.anyone().with_token(&token).get("/me").await.ok(200);
    let ended = other.post("/operation/end", json!({ "confirm": true })).await.ok(202);
    assert_eq!(ended["state"], "ended", "{ended}");

    for (method, path) in [("GET", "/me"), ("POST", "/scans"), ("GET", "/nothing"), ("POST", "/auth/codes")] {
        let client = app.anyone().with_token(&token);
        let body = (method == "POST").then(|| json!({}));
        client.send(method.parse::<Method>().unwrap(), path, body).await.problem(410, "operation_ended");
    }
    one.post("/operation/end", json!({})).await.problem(410, "operation_ended");
    let certified =
        async || app.anyone().get("/operation").await.ok(200)["certified"].as_bool()?.then_some(());
    eventually("the certificate is signed", certified).await;
    for table in PERSONAL {
        assert_eq!(app.count(&format!("SELECT COUNT(*) FROM {table}")).await, 0, "{table}");
    }
    let left = std::fs::read_to_string(app.path("keys.toml")).unwrap();
    assert_eq!(secrets.len(), 3, "index, seal and venue codes");
    assert!(secrets.iter().all(|secret| !left.contains(secret)), "a key of the ring is still in its file");
    certificate_is_checked(&app, &fingerprint).await;
}

async fn certificate_is_checked(app: &TestApp, fingerprint: &Value) {
    let signed = app.anyone().get("/operation/certificate").await;
    assert_eq!(signed.status, 200, "{}", signed.text());
    let file = app.path("certificate.json");
    std::fs::write(&file, &signed.body).unwrap();
    let (file, print) = (file.to_str().unwrap(), fingerprint.as_str().unwrap());
    let checked = app.command(&["verify-certificate", file, "--fingerprint", print]).await;
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));

    let mut changed = signed.json();
    let number = numbers(&mut changed).into_iter().next().expect("a certificate counts something");
    *number = json!(number.as_u64().unwrap_or(0) + 1);
    std::fs::write(file, changed.to_string()).unwrap();
    let refused = app.command(&["verify-certificate", file, "--fingerprint", print]).await;
    assert_eq!(refused.status.code(), Some(1), "a certificate was changed and still holds");

    let text = app.anyone().get("/operation/certificate?form=text").await;
    assert!(text.text().contains("销毁"), "{}", text.text());
}

/// Every number in a document, to be changed.
fn numbers(value: &mut Value) -> Vec<&mut Value> {
    match value {
        Value::Number(_) => vec![value],
        Value::Array(items) => items.iter_mut().flat_map(numbers).collect(),
        Value::Object(fields) => fields.values_mut().flat_map(numbers).collect(),
        Value::Null | Value::Bool(_) | Value::String(_) => Vec::new(),
    }
}
