//! Every route that the OpenAPI document names, asked by everybody: who may, and who may not.
//!
//! A route without a row here fails the test. That is the point: nobody adds one without saying whom it serves.

use std::collections::BTreeSet;

use mashang_domain::person::Role;
use mashang_tests::{Client, Form, TestApp};
use reqwest::Method;
use rstest::rstest;

/// In this order stand the letters of [`TABLE`]; the device's follows from [`DEVICES`].
const WHO: [&str; 9] = [
    "anonymous",
    "citizen",
    "official",
    "approver",
    "auditor",
    "guard",
    "community_manager",
    "administrator",
    "device",
];

/// What the key of a gate's device opens. Everything else that wants a sign-in refuses it.
const DEVICES: &[&str] = &["POST /checkpoints/verifications", "POST /checkpoints/devices/verifications"];

// `o` = let in (whatever comes of it: no such id, nothing in the body), `u` = 401, `f` = 403.
const EVERYBODY: &str = "oooooooo";
/// Signed in, no matter as whom; whose things they see is decided in the query.
const SIGNED_IN: &str = "uooooooo";
const CITIZENS: &str = "uoffffff";
/// Rights of `domain::person::right`, by the roles that have them.
const TRACE: &str = "ufooffff";
const APPROVE: &str = "uffoffff";
const READ_ALERTS: &str = "ufooofff";
const IMPORT: &str = "ufoofffo";
const READ_AUDIT: &str = "ufffoffo";
const STAFF: &str = "uffoffoo";
const ADMINISTRATORS: &str = "uffffffo";
const GATES: &str = "ufoofoff";

/// Who may call what. Below `/api/v1` unless the path says otherwise.
const TABLE: &[(&str, &str)] = &[
    ("GET /healthz", EVERYBODY),
    ("GET /readyz", EVERYBODY),
    ("GET /metrics", EVERYBODY),
    ("GET /v/{token}/{direction}", EVERYBODY),
    ("GET /v/{name}.txt", EVERYBODY),
    ("POST /auth/codes", EVERYBODY),
    ("POST /auth/sessions", EVERYBODY),
    ("POST /auth/sessions/wechat", EVERYBODY),
    ("POST /auth/sessions/wechat/phone", EVERYBODY),
    ("POST /auth/sessions/alipay", EVERYBODY),
    ("POST /auth/sessions/alipay/phone", EVERYBODY),
    ("GET /platforms/wechat/push", EVERYBODY),
    ("POST /platforms/wechat/push", EVERYBODY),
    ("POST /staff/sessions", EVERYBODY),
    ("GET /me", CITIZENS),
    ("GET /me/export", CITIZENS),
    ("GET /me/accesses", CITIZENS),
    ("POST /me/phone", CITIZENS),
    ("POST /scans", CITIZENS),
    ("POST /scans/batch", CITIZENS),
    ("GET /me/scans", CITIZENS),
    ("GET /me/notices", CITIZENS),
    ("POST /me/notices/{id}/acknowledgement", CITIZENS),
    ("GET /.well-known/health-code-keys", EVERYBODY),
    ("GET /health-notice", EVERYBODY),
    ("POST /me/declarations", CITIZENS),
    ("GET /me/declarations", CITIZENS),
    ("GET /me/health-code", CITIZENS),
    ("POST /me/check-ins", CITIZENS),
    ("GET /me/quarantine", CITIZENS),
    ("GET /me/code-checks", CITIZENS),
    ("PUT /me/reminders", CITIZENS),
    ("POST /me/trips", CITIZENS),
    ("GET /me/trips", CITIZENS),
    ("POST /me/cards", CITIZENS),
    ("GET /me/cards", CITIZENS),
    ("DELETE /me/cards/{id}", CITIZENS),
    ("POST /checkpoints/verifications", GATES),
    ("POST /checkpoints/devices/verifications", GATES),
    ("POST /health-code-keys/{number}/replacement", ADMINISTRATORS),
    ("POST /api-keys", ADMINISTRATORS),
    ("GET /api-keys", ADMINISTRATORS),
    ("DELETE /api-keys/{id}", ADMINISTRATORS),
    ("POST /venues", CITIZENS),
    ("GET /venues", SIGNED_IN),
    ("GET /venues/{id}", SIGNED_IN),
    ("PATCH /venues/{id}", SIGNED_IN),
    ("POST /venues/{id}/zones", SIGNED_IN),
    ("GET /venues/{id}/occupancy", SIGNED_IN),
    ("GET /venues/{id}/codes", SIGNED_IN),
    ("POST /venues/{id}/codes/rotation", SIGNED_IN),
    ("GET /venues/{id}/screen-code", SIGNED_IN),
    ("GET /venues/{id}/poster.{format}", SIGNED_IN),
    ("GET /venues/posters.zip", TRACE),
    ("POST /venues/imports", TRACE),
    ("POST /venues/{id}/approval", TRACE),
    ("POST /venues/{id}/suspension", TRACE),
    ("POST /venues/{id}/closure", TRACE),
    ("POST /cases", TRACE),
    ("GET /cases", TRACE),
    ("GET /cases/{id}", TRACE),
    ("GET /cases/{id}/visits", TRACE),
    ("POST /cases/{id}/visits", TRACE),
    ("PATCH /cases/{id}/visits/{visit_id}", TRACE),
    ("DELETE /cases/{id}/visits/{visit_id}", TRACE),
    ("POST /traces", TRACE),
    ("GET /traces", TRACE),
    ("GET /traces/{id}", TRACE),
    ("GET /traces/{id}/contacts", TRACE),
    ("GET /traces/{id}/additions", TRACE),
    ("POST /imports/visits", IMPORT),
    ("POST /health-records/imports", TRACE),
    ("GET /health-records/imports", TRACE),
    ("GET /health-records", TRACE),
    ("DELETE /health-records/{id}", TRACE),
    ("GET /integrity-records", TRACE),
    ("GET /me/integrity-records", CITIZENS),
    ("GET /alert-templates", READ_ALERTS),
    ("POST /alerts", TRACE),
    ("GET /alerts", READ_ALERTS),
    ("GET /alerts/{id}", READ_ALERTS),
    ("GET /alerts/{id}/events", READ_ALERTS),
    ("GET /alerts/{id}/deliveries", READ_ALERTS),
    ("GET /alerts/{id}/report.csv", READ_ALERTS),
    ("GET /alerts/{id}/report.pdf", READ_ALERTS),
    ("POST /alerts/{id}/submission", TRACE),
    ("POST /alerts/{id}/approval", APPROVE),
    ("POST /alerts/{id}/rejection", APPROVE),
    ("POST /alerts/{id}/cancellation", TRACE),
    ("POST /alerts/{id}/correction", TRACE),
    ("GET /dispatch", ADMINISTRATORS),
    ("GET /dispatch/dead-letters", ADMINISTRATORS),
    ("POST /dispatch/dead-letters/{id}/resend", ADMINISTRATORS),
    ("POST /dispatch/dead-letters/resend", ADMINISTRATORS),
    ("POST /dispatch/{gateway}/pause", ADMINISTRATORS),
    ("POST /dispatch/{gateway}/resume", ADMINISTRATORS),
    ("GET /work-list", TRACE),
    ("POST /work-list/{id}/take", TRACE),
    ("POST /work-list/{id}/result", TRACE),
    ("POST /people/{id}/colour-changes", TRACE),
    ("GET /colour-changes", TRACE),
    ("POST /colour-changes/{id}/confirmation", TRACE),
    ("POST /colour-changes/{id}/refusal", TRACE),
    ("POST /people/{id}/release", TRACE),
    ("GET /releases", TRACE),
    ("POST /me/appeals", CITIZENS),
    ("GET /me/appeals", CITIZENS),
    ("DELETE /me/appeals/{id}", CITIZENS),
    ("GET /me/health-code/history", CITIZENS),
    ("GET /appeals", TRACE),
    ("GET /appeals/{id}", TRACE),
    ("POST /appeals/{id}/decision", TRACE),
    ("GET /statistics/colours", READ_ALERTS),
    ("GET /statistics/colours.csv", READ_ALERTS),
    ("GET /staff", STAFF),
    ("POST /staff", STAFF),
    ("PATCH /staff/{id}", STAFF),
    ("GET /audit", READ_AUDIT),
    ("GET /audit/head", READ_AUDIT),
    ("GET /audit/verification", READ_AUDIT),
    ("GET /retention", READ_AUDIT),
    ("POST /retention/run", ADMINISTRATORS),
    ("GET /operation", EVERYBODY),
    ("GET /operation/certificate", EVERYBODY),
    ("POST /operation/end", ADMINISTRATORS),
    // Last: they take the caller's own session with them.
    ("DELETE /me", CITIZENS),
    ("DELETE /auth/sessions/current", SIGNED_IN),
];

/// `GET /api/v1/me` and the like, as the document has them.
async fn documented(app: &TestApp) -> Vec<String> {
    let document = app.anyone().get("/api/openapi.json").await.ok(200);
    let mut routes = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in ["get", "post", "put", "patch", "delete"] {
            if item.get(method).is_some() {
                let short = path.strip_prefix("/api/v1").unwrap_or(path);
                routes.push(format!("{} {short}", method.to_uppercase()));
            }
        }
    }
    routes
}

/// One caller per column.
async fn callers(app: &TestApp) -> Vec<Client> {
    let mut callers = vec![app.anyone(), app.citizen().await.client()];
    for word in &WHO[2..8] {
        let role: Role = word.parse().unwrap();
        callers.push(app.staff(role, "").await.client());
    }
    callers.push(app.device(&["verify_codes"]).await.client());
    callers
}

fn letter(status: u16) -> char {
    match status {
        401 => 'u',
        403 => 'f',
        _ => 'o',
    }
}

async fn ask(client: &Client, route: &str) -> u16 {
    let (method, path) = route.split_once(' ').unwrap();
    let nobody = "01900000-0000-7000-8000-000000000000";
    let mut path = path
        .replace("{format}", "svg")
        .replace("{direction}", "in")
        .replace("{token}", "AAAAAAAA")
        .replace("{number}", "9");
    while let Some((head, tail)) = path.split_once('{') {
        path = format!("{head}{nobody}{}", tail.split_once('}').unwrap().1);
    }
    if route == "POST /health-records/imports" {
        path = format!("{path}?kind=confirmed");
    }
    if path.ends_with("/additions") {
        path = format!("{path}?since={nobody}");
    }
    // Nobody who may not call hears that a body is broken; who may is stopped by it, so that nothing happens.
    let body = (method != "GET").then(|| ("application/json", b"{".to_vec()));
    client.send_raw(method.parse::<Method>().unwrap(), &path, body).await.status
}

#[tokio::test]
async fn every_route_has_a_row_and_every_row_a_route() {
    let app = TestApp::start(Form::Sqlite).await.unwrap();
    let documented: BTreeSet<String> = documented(&app).await.into_iter().collect();
    let rows: BTreeSet<String> = TABLE.iter().map(|(row, _)| (*row).to_owned()).collect();
    let missing: Vec<_> = documented.difference(&rows).collect();
    assert!(missing.is_empty(), "routes without a row in the table: {missing:#?}");
    let stale: Vec<_> = rows.difference(&documented).collect();
    assert!(stale.is_empty(), "rows without a route: {stale:#?}");
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn everybody_may_what_the_table_says_and_no_more(#[case] form: Form) {
    let Some(app) = TestApp::start(form).await else { return };
    let mut callers = callers(&app).await;
    let mut wrong = Vec::new();
    for (route, expected) in TABLE {
        let mut seen = String::new();
        for client in &callers {
            // An answer of 401 to somebody who may call is about the body, such as a wrong code.
            seen.push(if *expected == EVERYBODY { 'o' } else { letter(ask(client, route).await) });
        }
        let device = if *expected == EVERYBODY || DEVICES.contains(route) { 'o' } else { 'f' };
        let expected = format!("{expected}{device}");
        if seen != expected {
            wrong.push(format!("{route}: {seen}, not {expected}"));
        }
        if *route == "DELETE /me" {
            callers[1] = app.citizen().await.client();
        }
    }
    assert!(wrong.is_empty(), "in the order {WHO:?}:\n{}", wrong.join("\n"));
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn a_token_that_is_wrong_is_nobody(#[case] form: Form) {
    let Some(app) = TestApp::start(form).await else { return };
    for token in ["x", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "' OR 1=1 --                  "] {
        app.anyone().with_token(token).get("/me").await.problem(401, "unauthenticated");
    }
    let citizen = app.citizen().await;
    let basic = app.anyone().with("authorization", &format!("Basic {}", citizen.token));
    basic.get("/me").await.problem(401, "unauthenticated");
}
