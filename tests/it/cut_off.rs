//! Clients that are gone in the middle of a request: nothing is left half done, and asking again is answered.

use std::time::{Duration, Instant};

use mashang_tests::{Client, Form, Reply, TestApp};
use reqwest::Method;
use rstest::rstest;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use uuid::Uuid;

/// A request on a bare socket.
struct Call<'a> {
    token: &'a str,
    path: &'a str,
    key: String,
    body: Value,
}

impl Call<'_> {
    fn bytes(&self) -> Vec<u8> {
        let body = self.body.to_string();
        format!(
            "POST /api/v1{} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {}\r\nIdempotency-Key: {}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.path,
            self.token,
            self.key,
            body.len()
        )
        .into_bytes()
    }

    /// Sends the first `share` of it, waits, and resets the connection.
    async fn break_off(&self, app: &TestApp, share: f64, wait: Duration) {
        let bytes = self.bytes();
        let mut socket = TcpStream::connect(app.url.trim_start_matches("http://")).await.unwrap();
        socket.set_nodelay(true).unwrap();
        socket.write_all(&bytes[..(bytes.len() as f64 * share) as usize]).await.unwrap();
        tokio::time::sleep(wait).await;
        // A close that forgets what was sent is a reset.
        socket.set_zero_linger().unwrap();
    }

    /// Asks again, as a phone does that found its connection broken, until there is an answer.
    async fn ask_again(&self, client: &Client) -> Reply {
        let client = client.with("idempotency-key", &self.key);
        let begun = Instant::now();
        loop {
            let reply = client.send(Method::POST, self.path, Some(self.body.clone())).await;
            if reply.status != 409 || begun.elapsed() > Duration::from_secs(10) {
                return reply;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// How much of a request is sent, and the milliseconds after which its client is gone.
fn breaks() -> Vec<(f64, u64)> {
    let whole = [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 6, 7, 8, 9, 10, 12, 14, 17, 20, 25, 30, 40, 60];
    let parts = [(0.1, 5), (0.5, 5), (0.8, 0), (0.99, 5)];
    parts.into_iter().chain(whole.map(|ms| (1.0, ms))).collect()
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn a_client_that_is_gone_finds_its_answer(#[case] form: Form) {
    let Some(app) = TestApp::start(form).await else { return };
    let (official, citizen) = (app.official("530100").await, app.citizen().await);
    let token = official.token.clone();
    for (n, (share, ms)) in breaks().into_iter().enumerate() {
        let case = json!({ "phone": app.fresh_phone(), "reported_at": app.clock.rfc3339(0), "positive_at": app.clock.rfc3339(0) });
        let venue = mashang_tests::persona::venue_form(&format!("第{n}店"), "bank");
        let calls = [
            (
                Call { token: &token, path: "/cases", key: format!("case-{n}"), body: case },
                official.client(),
                "infection_case",
            ),
            (
                Call { token: &citizen.token, path: "/venues", key: format!("venue-{n}"), body: venue },
                citizen.client(),
                "venue",
            ),
        ];
        for (call, client, table) in calls {
            let count = format!("SELECT COUNT(*) FROM {table}");
            let before = app.count(&count).await;
            call.break_off(&app, share, Duration::from_millis(ms)).await;
            let first = call.ask_again(&client).await.ok(201);
            let second = call.ask_again(&client).await;
            assert_eq!(second.header("idempotent-replay"), "true", "{share} {ms}");
            assert_eq!(second.ok(201), first, "{share} {ms}");
            assert_eq!(app.count(&count).await, before + 1, "{} {share} {ms}: one thing", call.path);
        }
    }
    // A venue is whole or not there: each has its two codes.
    let codeless =
        "SELECT COUNT(*) FROM venue v WHERE (SELECT COUNT(*) FROM venue_code c WHERE c.venue_id = v.id) <> 2";
    assert_eq!(app.count(codeless).await, 0);
    let open = "SELECT COUNT(*) FROM idempotency WHERE response_sealed IS NULL";
    assert_eq!(app.count(open).await, 0, "no key is left without its answer");
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn a_scan_whose_client_is_gone_is_there_once(#[case] form: Form) {
    let Some(app) = TestApp::with(form, &[("scans.repeat_seconds", "0")]).await else { return };
    let (venue, citizen) = (app.venue("断线店", "bank").await, app.citizen().await);
    let mut scans = 0;
    for (share, ms) in breaks() {
        let body = json!({ "venue_code": venue.code_in, "client_scan_id": Uuid::new_v4().to_string() });
        let call = Call { token: &citizen.token, path: "/scans", key: "none".into(), body };
        call.break_off(&app, share, Duration::from_millis(ms)).await;
        let first = citizen.post("/scans", call.body.clone()).await;
        assert!([200, 201].contains(&first.status), "{share} {ms}: {}", first.text());
        assert_eq!(citizen.post("/scans", call.body.clone()).await.ok(200), first.json(), "{share} {ms}");
        scans += 1;
    }
    assert_eq!(app.count("SELECT COUNT(*) FROM scan").await, scans);
    assert_eq!(app.count("SELECT COUNT(*) FROM scan_key").await, scans);
}
