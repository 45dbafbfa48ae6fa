//! Numbers that are planted everywhere a number can go, and then looked for everywhere they must not be.

use std::collections::HashMap;

use data_encoding::{BASE64, HEXLOWER};
use futures_util::StreamExt;
use futures_util::stream::iter;
use mashang_domain::person::Role;
use mashang_tests::fake_provider::Fault;
use mashang_tests::persona::venue_form;
use mashang_tests::{Form, TestApp};
use reqwest::Method;
use rstest::rstest;
use sea_orm::{ConnectionTrait, Statement};
use serde_json::json;

/// Numbers with no other sequence of digits in common with ids or times.
fn canaries() -> Vec<String> {
    (0..200).map(|i| format!("154{:08}", 73_910_000 + i * 37)).collect()
}

/// Sends the numbers through every door, rightly and wrongly.
async fn plant(app: &TestApp, numbers: &[String]) {
    let (anyone, official) = (app.anyone(), app.official("").await);
    let citizen = app.citizen().await;
    // The provider fails for some: its errors are logged, without the number.
    for (number, fault) in
        numbers.iter().zip([Fault::NumberInvalid, Fault::ServerError, Fault::HtmlError, Fault::Cut])
    {
        app.provider.fail_for(&format!("+86{number}"), fault);
    }
    iter(numbers.iter().enumerate())
        .map(|(i, number)| {
            let (anyone, official, citizen) = (&anyone, &official, &citizen);
            async move {
                let json_type = "application/json";
                let broken = format!("{{\"phone\":\"{number}\"");
                match i % 10 {
                    0..=4 => anyone.post("/auth/codes", json!({ "phone": number })).await,
                    5 => anyone.send_raw(Method::POST, "/auth/codes", Some((json_type, broken.into_bytes()))).await,
                    6 => official.post("/cases", json!({ "phone": number, "reported_at": app.clock.rfc3339(0), "positive_at": app.clock.rfc3339(0) })).await,
                    7 => {
                        let mut form = venue_form("金丝雀", "bank");
                        form["contact_phone"] = json!(number);
                        citizen.post("/venues", form).await
                    }
                    8 => anyone.post("/auth/codes", json!({ "phone": [number], "x": number })).await,
                    _ => anyone.with("x-request-id", &format!("+86 {number}")).get(&format!("/nothing/{number}?phone={number}")).await,
                }
            }
        })
        .buffer_unordered(8)
        .collect::<Vec<_>>()
        .await;
    for number in &numbers[10..13] {
        if app.messages_to(number).is_empty() {
            app.code_for(number).await;
        }
    }
    let csv = numbers.iter().map(|n| format!("{n},none,in,never\n")).collect::<String>();
    let csv = format!("phone,venue_id,direction,scanned_at\n{csv}");
    official.send_raw(Method::POST, "/imports/visits", Some(("text/csv", csv.into_bytes()))).await;
    app.add_staff("c.one", Role::Guard, "", true).await;
    let wrong = json!({ "username": numbers[0], "password": numbers[1] });
    anyone.post("/staff/sessions", wrong).await;
}

/// The ways in which a number is written down.
fn disguises(number: &str) -> Vec<Vec<u8>> {
    let e164 = format!("+86{number}");
    let utf16: Vec<u8> = number.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let base64 = |text: &str| BASE64.encode(text.as_bytes()).trim_end_matches('=').as_bytes()[..12].to_vec();
    vec![
        number.as_bytes().to_vec(),
        utf16,
        HEXLOWER.encode(number.as_bytes()).into_bytes(),
        base64(number),
        base64(&e164),
    ]
}

fn hits(place: &str, haystack: &[u8], numbers: &[String]) -> Vec<String> {
    // One pass for all needles: their first eight bytes lead to the few that may follow.
    let mut needles: HashMap<&[u8], Vec<(&str, &[u8])>> = HashMap::new();
    let all: Vec<(&str, Vec<u8>)> =
        numbers.iter().flat_map(|n| disguises(n).into_iter().map(move |d| (n.as_str(), d))).collect();
    for (number, needle) in &all {
        needles.entry(&needle[..8]).or_default().push((number, needle));
    }
    let mut found = Vec::new();
    for (at, start) in haystack.windows(8).enumerate() {
        for (number, needle) in needles.get(start).into_iter().flatten() {
            if haystack[at..].starts_with(needle) {
                found.push(format!("{place}: {}…", &number[..5]));
            }
        }
    }
    found
}

/// Every row of every table as text.
async fn tables(app: &TestApp) -> Vec<u8> {
    let conn = app.db().await;
    let backend = conn.get_database_backend();
    let names =
        "SELECT relname::text FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace";
    let mut all = Vec::new();
    for row in conn.query_all_raw(Statement::from_string(backend, names)).await.unwrap() {
        let table: String = row.try_get_by_index(0).unwrap();
        let rows = format!("SELECT t::text FROM \"{table}\" t");
        for row in conn.query_all_raw(Statement::from_string(backend, rows)).await.unwrap() {
            let text: String = row.try_get_by_index(0).unwrap();
            all.extend(text.as_bytes());
            all.push(b'\n');
        }
    }
    all
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn no_number_is_written_down_in_clear(#[case] form: Form) {
    let Some(app) = TestApp::with(form, &[("log.filter", "debug,sqlx=warn,sea_orm=warn,h2=warn")]).await
    else {
        return;
    };
    let numbers = canaries();
    plant(&app, &numbers).await;
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    let arrived = numbers.iter().filter(|n| !app.messages_to(n).is_empty()).count();
    assert!(arrived >= 80, "the numbers were in use: {arrived} had a message");
    let mut found = hits("logs", app.logs().as_bytes(), &numbers);
    found.extend(hits("metrics", &app.anyone().get("/metrics").await.body, &numbers));
    for file in ["mashang.db", "mashang.db-wal", "keys.toml"] {
        if let Ok(bytes) = std::fs::read(app.path(file)) {
            found.extend(hits(file, &bytes, &numbers));
        }
    }
    if form == Form::Service {
        found.extend(hits("tables", &tables(&app).await, &numbers));
    }
    assert!(found.is_empty(), "{} hits: {:?}", found.len(), &found[..found.len().min(10)]);
    // The search has teeth: what is there is found.
    assert_eq!(hits("itself", numbers[7].as_bytes(), &numbers).len(), 1);
}
