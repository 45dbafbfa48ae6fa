//! Files of visits over HTTP: whose venues they may speak of, and what one bad line costs.

use mashang_tests::{Client, Form, TestApp};
use reqwest::Method;
use rstest::rstest;
use serde_json::{Value, json};

/// Sends a file; the lines of the report.
async fn import(client: &Client, file: impl Into<Vec<u8>>) -> Vec<Value> {
    let reply = client.send_raw(Method::POST, "/imports/visits", Some(("text/csv", file.into()))).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn summary(report: &[Value]) -> &Value {
    let last = report.last().unwrap();
    assert_eq!(last["type"], "summary", "{report:?}");
    last
}

const HEAD: &str = "phone,venue_ref,direction,scanned_at\n";

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn an_official_imports_for_their_own_division_only(#[case] form: Form) {
    let Some(app) = TestApp::start(form).await else { return };
    let kunming = app.venue("昆明店", "bank").await;
    let mut elsewhere = mashang_tests::persona::venue_form("杭州店", "bank");
    elsewhere["division_code"] = json!("330102");
    let hangzhou = app.citizen().await.post("/venues", elsewhere).await.ok(201);
    let hangzhou = hangzhou["id"].as_str().unwrap();
    let at = app.clock.rfc3339(-3_600_000);
    let line = |phone: &str, venue: &str| format!("{phone},{venue},in,{at}\n");
    let file = format!("{HEAD}{}{}", line("15420000001", &kunming.id), line("15420000002", hangzhou));

    let report = import(&app.official("530100").await.client(), file.clone()).await;
    let told = summary(&report);
    assert_eq!(
        (&told["recorded"], &told["rejected"], &told["people_made"]),
        (&json!(1), &json!(1), &json!(1))
    );
    let bad = report.iter().find(|line| line["type"] == "rejected").unwrap();
    assert_eq!(
        (&bad["line"], &bad["code"]),
        (&json!(3), &json!("unknown_venue")),
        "as one that is not there"
    );
    // What one office had to leave out is open to the other, in the very same file.
    let told = import(&app.official("330100").await.client(), file.clone()).await;
    assert_eq!(summary(&told)["recorded"], 1, "{told:?}");
    assert_eq!(app.count("SELECT COUNT(*) FROM scan").await, 2);
    // An administrator of everywhere is bound by nothing; what is there is not doubled.
    let told = import(&app.administrator().await.client(), file).await;
    assert_eq!(
        (&summary(&told)["duplicates"], &summary(&told)["rejected"]),
        (&json!(2), &json!(0)),
        "{told:?}"
    );
    assert_eq!(app.count("SELECT COUNT(*) FROM scan").await, 2);
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn a_poisoned_line_costs_itself_only(#[case] form: Form) {
    let Some(app) = TestApp::start(form).await else { return };
    let (venue, official) = (app.venue("毒行", "bank").await, app.official("").await);
    let at = app.clock.rfc3339(-3_600_000);
    let poison: Vec<Vec<u8>> = [
        "=1+1,{v},in,{t}",
        "+86154\t1,{v},in,{t}",
        "\"154\n1\",{v},in,{t}",
        "15420000009,=cmd|' /C calc'!A0,in,{t}",
        "15420000009,\"a\0b\",in,{t}",
        "15420000009,{v},IN ,{t}",
        "15420000009,{v},\u{202e}ni,{t}",
        "15420000009,{v},in,=NOW()",
        "15420000009,{v},in,9999-12-31T00:00:00Z",
        "15420000009,{v},in,-1",
        "15420000009,{v},in",
        "15420000009,{v},in,{t},more",
        "15420000009,{v};DROP TABLE scan,in,{t}",
        ",,,",
    ]
    .iter()
    .map(|line| line.replace("{v}", &venue.id).replace("{t}", &at).into_bytes())
    .chain([b"154200\xff\xfe09,x,in,y".to_vec(), vec![b'9'; 100_000]])
    .collect();
    let mut file = HEAD.as_bytes().to_vec();
    for (n, bad) in poison.iter().enumerate() {
        file.extend(format!("154300000{n:02},{},in,{at}\n", venue.id).into_bytes());
        file.extend(bad);
        file.push(b'\n');
    }
    let report = import(&official, file).await;
    let told = summary(&report);
    assert_eq!(
        (&told["recorded"], &told["rejected"]),
        (&json!(poison.len()), &json!(poison.len())),
        "{report:?}"
    );
    let quoted =
        report.iter().map(Value::to_string).any(|line| line.contains("calc") || line.contains("15420000009"));
    assert!(!quoted, "a report quotes no line: {report:?}");
    assert_eq!(app.count("SELECT COUNT(*) FROM scan").await, i64::try_from(poison.len()).unwrap());
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn what_is_no_such_file_is_said(#[case] form: Form) {
    let Some(app) = TestApp::start(form).await else { return };
    let official = app.official("").await;
    let send = |kind: &'static str, body: Vec<u8>| {
        let client = official.client();
        async move { client.send_raw(Method::POST, "/imports/visits", Some((kind, body))).await }
    };
    send("application/json", b"{}".to_vec()).await.problem(415, "unsupported_media_type");
    for (file, code) in [
        (Vec::new(), "invalid"),
        (b"a,b,c\n1,2,3\n".to_vec(), "invalid"),
        (b"\xff\xfe\x00p".to_vec(), "invalid"),
        (b"\x1f\x8b\x08 this is no gzip".to_vec(), "bad_request"),
    ] {
        let status = if code == "invalid" { 422 } else { 400 };
        send("text/csv", file).await.problem(status, code);
    }
    let only_a_head = import(&official, HEAD).await;
    assert_eq!(summary(&only_a_head)["lines"], 0);
    app.guard()
        .await
        .send_raw(Method::POST, "/imports/visits", Some(("text/csv", b"x".to_vec())))
        .await
        .problem(403, "forbidden");
}
