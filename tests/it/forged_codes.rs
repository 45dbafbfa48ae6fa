//! Venue codes that are not in force, and texts that were never one.

use mashang_tests::{Form, TestApp};
use rstest::rstest;
use serde_json::json;
use tokio::net::TcpListener;
use uuid::Uuid;

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn a_code_that_was_replaced_is_gone_and_says_why(#[case] form: Form) {
    let Some(app) = TestApp::start(form).await else { return };
    let (venue, citizen) = (app.venue("老码", "bank").await, app.citizen().await);
    citizen.scans(&venue.code_in).await.ok(201);
    venue.manager.post(&format!("/venues/{}/codes/rotation", venue.id), json!({})).await.ok(201);
    for code in [&venue.code_in, &venue.code_out] {
        let problem = citizen.scans(code).await.problem(410, "code_revoked");
        assert!(problem["detail"].as_str().unwrap().contains("更换"), "{problem}");
    }
    let scans: Vec<_> = (0..3)
        .map(|n| json!({ "venue_code": venue.code_in, "client_scan_id": format!("old-{n}") }))
        .collect();
    let answer = citizen.post("/scans/batch", json!({ "scans": scans })).await.ok(200);
    assert!(answer["results"].as_array().unwrap().iter().all(|r| r["status"] == 410), "{answer}");
    let page = app.anyone().get(&format!("/v/{}/in", venue.code_in)).await;
    assert_eq!(page.status, 410, "the page of a camera says it too");
    assert_eq!(app.count("SELECT COUNT(*) FROM scan").await, 1);
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn pieces_of_codes_and_other_peoples_links_are_no_codes(#[case] form: Form) {
    let Some(app) = TestApp::start(form).await else { return };
    let (a, b) = (app.venue("甲店", "bank").await, app.venue("乙店", "bank").await);
    let citizen = app.citizen().await;
    // Whoever is named in a link hears of nobody: scans are looked up, never fetched.
    let trap = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let evil = trap.local_addr().unwrap();
    let half = a.code_in.len() / 2;
    let mut texts: Vec<String> = vec![
        String::new(),
        a.code_in[..half].to_owned(),
        a.code_in[1..].to_owned(),
        format!("{}0", a.code_in),
        // The number of one venue with the check part of another.
        format!("{}{}", &a.code_in[..half], &b.code_in[half..]),
        format!("{}{}", &b.code_in[..half], &a.code_in[half..]),
        a.id.clone(),
        "0".repeat(20),
        "码".repeat(20),
        "%00".to_owned(),
        "../../../etc/passwd".to_owned(),
    ];
    for path in [format!("v/{}/in", a.code_in), "v/AAAAAAAAAAAAAAAAAAAA/in".to_owned(), String::new()] {
        texts.extend([
            format!("http://{evil}/{path}"),
            format!("https://evil.example/{path}"),
            format!("//{evil}/{path}"),
            format!("http://user@{evil}/{path}"),
            format!("javascript:fetch('http://{evil}/{path}')"),
            format!("weixin://dl/business/?t={path}"),
        ]);
    }
    for text in &texts {
        citizen.scans(text).await.problem(422, "code_invalid");
    }
    let scans: Vec<_> = texts
        .iter()
        .map(|t| json!({ "venue_code": t, "client_scan_id": Uuid::new_v4().to_string() }))
        .collect();
    let answer = citizen.post("/scans/batch", json!({ "scans": scans })).await.ok(200);
    let codes: Vec<_> =
        answer["results"].as_array().unwrap().iter().map(|r| r["problem"]["code"].clone()).collect();
    assert!(codes.len() == texts.len() && codes.iter().all(|c| c == "code_invalid"), "{codes:?}");
    let waited = tokio::time::timeout(std::time::Duration::from_millis(300), trap.accept()).await;
    assert!(waited.is_err(), "somebody followed a link");
    assert_eq!(app.count("SELECT COUNT(*) FROM scan").await, 0);
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn the_page_of_a_camera_shows_nothing_it_was_given(#[case] form: Form) {
    let Some(app) = TestApp::start(form).await else { return };
    let client = app.anyone();
    for token in [
        "%3Cscript%3Ealert(1)%3C%2Fscript%3E",
        "%22%3E%3Cimg%20src%3Dx%3E",
        "AAAAAAAAAAAAAAAAAAAA",
        "%E7%A0%81",
    ] {
        let page = client.get(&format!("/v/{token}/in")).await;
        assert_eq!(page.status, 404, "{token}");
        assert!(!page.text().contains("<script") && !page.text().contains("<img"), "{}", page.text());
        assert!(page.header("content-security-policy").contains("default-src 'none'"));
    }
    client.get("/v/AA%00AA/in").await.problem(404, "not_found");
    client.get("/venues?division=%00").await.problem(422, "invalid");
}
