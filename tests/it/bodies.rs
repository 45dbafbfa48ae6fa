//! Every JSON body of the OpenAPI document, attacked by the document itself: fields that are not asked for, values of
//! other types, texts that no column takes. Nothing of it is stored, and nothing is a failure of ours.

use std::collections::BTreeSet;

use futures_util::StreamExt;
use futures_util::stream::iter;
use mashang_tests::contract::{Contract, NOBODY, Operation, kinds};
use mashang_tests::{Client, Form, Reply, TestApp};
use reqwest::Method;
use rstest::rstest;
use serde_json::{Value, json};

/// An operation with a body, somebody who may call it, and a body that can be read.
struct Door {
    operation: Operation,
    who: Client,
    sample: Value,
}

impl Door {
    async fn send(&self, body: Vec<u8>) -> Reply {
        let method: Method = self.operation.method.parse().unwrap();
        self.who.send_raw(method, &self.operation.address(NOBODY), Some(("application/json", body))).await
    }

    async fn send_json(&self, body: &Value) -> Reply {
        self.send(body.to_string().into_bytes()).await
    }

    fn with(&self, field: &str, value: Value) -> Value {
        let mut body = self.sample.clone();
        body[field] = value;
        body
    }

    fn name(&self) -> String {
        format!("{} {}", self.operation.method, self.operation.path)
    }

    /// Name and schema of each field.
    fn fields(&self, contract: &Contract) -> Vec<(String, Value)> {
        let schema = self.operation.body.clone().unwrap_or_default();
        let all = schema["properties"].as_object().cloned().unwrap_or_default();
        all.into_iter().map(|(name, field)| (name, contract.resolved(&field))).collect()
    }
}

/// All doors, each with the first of these people who is let in.
async fn doors(app: &TestApp, contract: &Contract) -> Vec<Door> {
    let people = [
        app.citizen().await.client(),
        app.official("").await.client(),
        app.approver("").await.client(),
        app.administrator().await.client(),
    ];
    let mut doors = Vec::new();
    for operation in contract.operations() {
        let Some(schema) = operation.body.clone() else { continue };
        let mut door = Door { sample: contract.sample(&schema), operation, who: app.anyone() };
        for who in people.iter().filter(|_| door.operation.secured) {
            door.who = who.clone();
            if door.send(b"{".to_vec()).await.status == 400 {
                break;
            }
        }
        door.send(b"{".to_vec()).await.problem(400, "malformed_json");
        doors.push(door);
    }
    assert!(doors.len() >= 20, "the document names its bodies: {}", doors.len());
    doors
}

/// Sends them all and collects what is wrong with the answers.
async fn complaints<T>(
    cases: impl IntoIterator<Item = T>,
    judge: impl AsyncFn(T) -> Option<String>,
) -> Vec<String> {
    iter(cases).map(|case| judge(case)).buffer_unordered(8).filter_map(async |wrong| wrong).collect().await
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn no_column_can_be_set_that_is_not_asked_for(#[case] form: Form) {
    let Some(app) = TestApp::start(form).await else { return };
    let contract = Contract::of(&app).await;
    let doors = doors(&app, &contract).await;
    let columns: BTreeSet<String> = app.columns().await.into_values().flatten().collect();
    assert!(columns.len() > 80 && columns.contains("phone_sealed"), "{columns:?}");
    app.drained().await;
    let before = app.rows().await;
    let cases = doors.iter().flat_map(|door| {
        let asked: BTreeSet<String> = door.fields(&contract).into_iter().map(|(name, _)| name).collect();
        columns.iter().filter(move |c| !asked.contains(*c)).map(move |column| (door, column))
    });
    let wrong = complaints(cases, async |(door, column): (&Door, &String)| {
        let reply = door.send_json(&door.with(column, json!("1"))).await;
        let right = reply.status == 422
            && reply.json()["code"] == "unknown_field"
            && reply.json()["errors"][0]["field"] == column.as_str();
        (!right).then(|| format!("{} with `{column}`: {} {}", door.name(), reply.status, reply.text()))
    })
    .await;
    assert!(wrong.is_empty(), "{} of them:\n{}", wrong.len(), wrong[..wrong.len().min(20)].join("\n"));
    assert_eq!(app.rows().await, before, "nothing was stored");
}

/// One value of each JSON type.
fn strangers() -> Vec<(&'static str, Value)> {
    vec![
        ("null", json!(null)),
        ("boolean", json!(true)),
        ("integer", json!(-9_223_372_036_854_775_807_i64)),
        ("number", json!(1.5e300)),
        ("string", json!("\u{1b}[31m\u{202e}' OR 1=1 --")),
        ("array", json!([[]])),
        ("object", json!({ "": {} })),
    ]
}

/// Whether a schema takes this value, as far as its types tell.
fn takes(schema: &Value, kind: &str) -> bool {
    let kinds = kinds(schema);
    let of = |k: &str| kinds.iter().any(|own| own == k);
    of(kind) || kinds.is_empty() || (kind == "integer" && of("number"))
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn values_of_other_types_are_refused_by_name(#[case] form: Form) {
    let Some(app) = TestApp::start(form).await else { return };
    let contract = Contract::of(&app).await;
    let doors = doors(&app, &contract).await;
    app.drained().await;
    let before = app.rows().await;
    let cases = doors.iter().flat_map(|door| {
        door.fields(&contract).into_iter().flat_map(move |(field, schema)| {
            let foreign =
                strangers().into_iter().filter(move |(kind, _)| *kind != "null" && !takes(&schema, kind));
            foreign.map(move |(_, value)| (door, field.clone(), value))
        })
    });
    let wrong = complaints(cases, async |(door, field, value): (&Door, String, Value)| {
        let reply = door.send_json(&door.with(&field, value.clone())).await;
        let named = reply.json()["errors"][0]["field"].as_str().is_some_and(|f| f.starts_with(&field));
        let right = reply.status == 422 && named;
        (!right).then(|| format!("{} `{field}` = {value}: {} {}", door.name(), reply.status, reply.text()))
    })
    .await;
    assert!(wrong.is_empty(), "{} of them:\n{}", wrong.len(), wrong[..wrong.len().min(20)].join("\n"));
    assert_eq!(app.rows().await, before, "nothing was stored");
}

/// Texts, as they stand between the quotes of JSON, that parsers, logs and databases stumble over.
fn texts() -> Vec<String> {
    let mut texts: Vec<String> = [
        r"\u0000",
        r"a\u0000b",
        r"\ud800",
        r"\udc00x",
        r"\u0001\u001b[2J",
        r"\r\n\r\nHTTP/1.1 200 OK",
        r"\u2028\u2029",
        r"\ufffe\uffff",
        "{{7*7}}${7*7}",
        "../../etc/passwd",
        "'; DROP TABLE person; --",
    ]
    .map(str::to_owned)
    .to_vec();
    texts.extend(["码".repeat(15_000), "9".repeat(40_000), "e\u{301}".repeat(5_000)]);
    texts
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn no_text_is_a_failure_of_ours(#[case] form: Form) {
    let filter = [("log.filter", "debug,sqlx=warn,sea_orm=warn,h2=warn")];
    let Some(app) = TestApp::with(form, &filter).await else { return };
    let contract = Contract::of(&app).await;
    let doors = doors(&app, &contract).await;
    let cases = doors.iter().flat_map(|door| {
        let texts_of = |schema: &Value| takes(schema, "string") && !kinds(schema).is_empty();
        let fields = door.fields(&contract).into_iter().filter(move |(_, schema)| texts_of(schema));
        fields.flat_map(move |(field, _)| texts().into_iter().map(move |text| (door, field.clone(), text)))
    });
    let wrong = complaints(cases, async |(door, field, text): (&Door, String, String)| {
        let marked = door.with(&field, json!("@@")).to_string();
        let reply = door.send(marked.replace("\"@@\"", &format!("\"{text}\"")).into_bytes()).await;
        let right = match text.as_str() {
            // No JSON, or no text.
            bad if bad.contains(r"\ud800") || bad.contains(r"\udc00") => reply.status == 400,
            bad if bad.contains(r"\u0000") => reply.status == 422,
            // A device is told the result of its question in the body.
            _ if door.operation.path.ends_with("/devices/verifications") && reply.status == 200 => true,
            _ => (400..500).contains(&reply.status) || reply.status == 201 && text.len() < 100,
        };
        let short: String = text.chars().take(30).collect();
        (!right).then(|| format!("{} `{field}` = {short}: {} {}", door.name(), reply.status, reply.text()))
    })
    .await;
    assert!(wrong.is_empty(), "{} of them:\n{}", wrong.len(), wrong[..wrong.len().min(20)].join("\n"));
    // What came in breaks no line of the logs and moves nobody's terminal.
    let logs = app.logs();
    assert!(logs.lines().count() > 5, "something is logged");
    let no_event = |line: &&str| !serde_json::from_str::<Value>(line).is_ok_and(|v| v.is_object());
    assert_eq!(logs.lines().find(no_event), None, "one line of JSON per event");
    assert!(!logs.contains(['\u{1b}', '\u{2028}', '\u{202e}', '\0']), "no control character as it came");
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn a_field_stands_once_wherever_it_stands(#[case] form: Form) {
    let Some(app) = TestApp::start(form).await else { return };
    let contract = Contract::of(&app).await;
    let doors = doors(&app, &contract).await;
    let mut seen = 0;
    for door in &doors {
        for (field, _) in door.fields(&contract) {
            let whole = door.sample.to_string();
            let again = format!("{{{}:{},{}", json!(field), door.sample[&field], &whole[1..]);
            let problem = door.send(again.into_bytes()).await.problem(400, "malformed_json");
            assert!(problem["detail"].as_str().unwrap().contains("duplicate"), "{} {problem}", door.name());
            seen += 1;
        }
    }
    assert!(seen > 40, "{seen}");
    // Also inside of a batch, where each scan has its own answer.
    let citizen = app.citizen().await;
    let venue = app.venue("双份", "bank").await;
    let scan = format!(
        r#"{{"venue_code":"{}","venue_code":"{}","client_scan_id":"twice-1"}}"#,
        venue.code_in, venue.code_out
    );
    let body = format!(r#"{{"scans":[{scan}]}}"#).into_bytes();
    let reply =
        citizen.send_raw(Method::POST, "/scans/batch", Some(("application/json", body))).await.ok(200);
    assert_eq!(reply["results"][0]["problem"]["code"], "malformed_json", "{reply}");
    assert_eq!(app.count("SELECT COUNT(*) FROM scan").await, 0);
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn who_may_not_call_learns_nothing_of_the_body(#[case] form: Form) {
    let Some(app) = TestApp::start(form).await else { return };
    let contract = Contract::of(&app).await;
    let (guard, citizen, stranger) = (app.guard().await, app.citizen().await, app.anyone());
    let huge = vec![b'x'; 200_000];
    for operation in contract.operations().into_iter().filter(|o| o.secured && o.body.is_some()) {
        let (method, path) = (operation.method.parse::<Method>().unwrap(), operation.address(NOBODY));
        for (kind, body) in [
            ("application/json", b"{".to_vec()),
            ("text/plain", b"x".to_vec()),
            ("application/json", huge.clone()),
        ] {
            let reply = stranger.try_send_raw(method.clone(), &path, Some((kind, body.clone()))).await;
            // A server that has answered need not take the rest of what is sent.
            if let Ok(reply) = reply {
                reply.problem(401, "unauthenticated");
            }
        }
        // A guard may check codes; a citizen may not.
        let gate = operation.path.contains("/checkpoints/");
        let other = if gate { citizen.client() } else { guard.client() };
        let reply = other.send_raw(method, &path, Some(("application/json", b"{".to_vec()))).await;
        let expected = if operation.path.contains("/venues/{id}") && reply.status == 400 { 400 } else { 403 };
        assert_eq!(reply.status, expected, "{} {}", operation.method, operation.path);
    }
}
