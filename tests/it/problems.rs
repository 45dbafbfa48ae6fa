//! What is wrong with a request is said in one form, in the reader's language, with a word that programs read.

use mashang_tests::{Client, Form, TestApp};
use reqwest::Method;
use rstest::rstest;
use serde_json::json;

async fn raw(client: &Client, kind: &str, body: impl Into<Vec<u8>>) -> mashang_tests::Reply {
    client.send_raw(Method::POST, "/auth/codes", Some((kind, body.into()))).await
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn bodies_are_strict_and_bounded(#[case] form: Form) {
    let Some(app) = TestApp::start(form).await else { return };
    let (client, json_type) = (app.anyone(), "application/json");
    let good = r#"{"phone":"15400000001"}"#;
    for body in ["{", "", "[", "{\"phone\":\"15400000001\"} x", "\u{feff}{}", "{'phone':1}", "\u{0}"] {
        let expected = if body.is_empty() { (422, "invalid") } else { (400, "malformed_json") };
        raw(&client, json_type, body).await.problem(expected.0, expected.1);
    }
    let twice = r#"{"phone":"15400000001","phone":"15400000002"}"#;
    raw(&client, json_type, twice).await.problem(400, "malformed_json");
    raw(&client, json_type, "[]").await.problem(422, "invalid");
    raw(&client, json_type, "null").await.problem(422, "invalid");

    let problem =
        client.post("/auth/codes", json!({ "phone": "15400000001", "role": "administrator" })).await;
    let problem = problem.problem(422, "unknown_field");
    assert_eq!(problem["errors"][0]["field"], "role");
    let problem = client.post("/auth/codes", json!({})).await.problem(422, "invalid");
    assert_eq!(
        (&problem["errors"][0]["field"], &problem["errors"][0]["code"]),
        (&json!("phone"), &json!("missing"))
    );

    for kind in ["text/plain", "application/x-www-form-urlencoded", "application/xml", ""] {
        raw(&client, kind, good).await.problem(415, "unsupported_media_type");
    }
    raw(&client, "application/json; charset=utf-8", good).await.ok(202);
    let large = format!(r#"{{"phone":"15400000001","channel":"{}"}}"#, "x".repeat(2_000_000));
    raw(&client, json_type, large).await.problem(413, "too_large");
    let deep = "[".repeat(10_000);
    assert!([400, 422].contains(&raw(&client, json_type, deep).await.status));
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn what_is_not_there_is_said(#[case] form: Form) {
    let Some(app) = TestApp::start(form).await else { return };
    let client = app.anyone();
    for path in ["/nothing", "/api/v1", "/api/v2/me", "/no/where", "/me/nothing"] {
        client.get(path).await.problem(404, "not_found");
    }
    for (method, path, allowed) in [
        (Method::GET, "/auth/codes", "POST"),
        (Method::PUT, "/me", "GET, DELETE"),
        (Method::POST, "/healthz", "GET"),
        // Beside paths that take an id.
        (Method::PATCH, "/staff/sessions", "POST"),
        (Method::PATCH, "/venues/imports", "POST"),
        (Method::PATCH, "/venues/posters.zip", "GET"),
    ] {
        let reply = client.send(method, path, None).await;
        assert_eq!(reply.header("allow"), allowed, "{path}");
        reply.problem(405, "method_not_allowed");
    }
    let admin = app.administrator().await;
    for query in ["?limit=0", "?limit=501", "?after=%21%21", "?after=AAAA"] {
        admin.get(&format!("/staff{query}")).await.problem(422, "invalid");
    }
    admin.get("/staff?limit=many").await.problem(422, "invalid");
    admin.get("/staff?colour=red").await.problem(422, "unknown_field");
    admin.patch("/staff/not-an-id", json!({})).await.problem(404, "not_found");
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn answers_speak_the_readers_language(#[case] form: Form) {
    let Some(app) = TestApp::start(form).await else { return };
    let title = async |language: &str| {
        let client = app.anyone().with("accept-language", language);
        client.get("/me").await.problem(401, "unauthenticated")["title"].as_str().unwrap().to_owned()
    };
    assert_eq!(title("en").await, "Sign in first");
    for chinese in ["zh-CN", "fr", "*", "zh-CN,en;q=0.5", "x".repeat(2_000).as_str()] {
        assert_eq!(title(chinese).await, "请先登录", "{chinese}");
    }
    let reply = app.anyone().get("/me").await;
    assert_eq!(reply.header("www-authenticate"), "Bearer");
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn a_request_keeps_its_id(#[case] form: Form) {
    let Some(app) = TestApp::start(form).await else { return };
    let reply = app.anyone().with("x-request-id", "scan-42.a_b").get("/me").await;
    assert_eq!(reply.header("x-request-id"), "scan-42.a_b");
    assert_eq!(reply.json()["request_id"], "scan-42.a_b");
    for bad in ["a b", "<script>", &"x".repeat(65)] {
        let reply = app.anyone().with("x-request-id", bad).get("/me").await;
        assert_eq!(reply.header("x-request-id").len(), 36, "a new one instead of {bad}");
    }
    let reply = app.anyone().get("/healthz").await;
    for (name, value) in [("x-content-type-options", "nosniff"), ("cache-control", "no-store")] {
        assert_eq!(reply.header(name), value);
    }
    assert_eq!(reply.header("x-request-id").len(), 36);
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn an_idempotency_key_is_worth_one_answer(#[case] form: Form) {
    let Some(app) = TestApp::start(form).await else { return };
    let (admin, other) = (app.administrator().await, app.administrator().await);
    let body = |name: &str| json!({ "username": name, "password": "a long enough one", "role": "guard" });
    let once = admin.with("idempotency-key", "k-1");
    let first = once.post("/staff", body("g.one")).await.ok(201);
    let again = once.post("/staff", body("g.one")).await;
    assert_eq!(again.header("idempotent-replay"), "true");
    assert_eq!(again.ok(201)["id"], first["id"]);
    once.post("/staff", body("g.two")).await.problem(422, "idempotency_mismatch");
    // Somebody else's key is another key.
    other.with("idempotency-key", "k-1").post("/staff", body("g.three")).await.ok(201);
    admin.with("idempotency-key", "a b").post("/staff", body("g.four")).await.problem(422, "invalid");

    let key = admin.with("idempotency-key", "k-2");
    let at_once = futures_util::future::join_all((0..8).map(|_| key.post("/staff", body("g.five")))).await;
    let statuses: Vec<u16> = at_once.iter().map(|r| r.status).collect();
    assert!(statuses.iter().all(|s| [201, 409].contains(s)) && statuses.contains(&201), "{statuses:?}");
    assert_eq!(app.count("SELECT COUNT(*) FROM staff WHERE username = 'g.five'").await, 1);
}
