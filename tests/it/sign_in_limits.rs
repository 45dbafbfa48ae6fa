//! What keeps guessing hopeless and a bill small: limits that neither a resent code, nor another address, nor the next
//! number gets around.

use std::collections::BTreeMap;

use futures_util::StreamExt;
use futures_util::stream::iter;
use mashang_tests::{Client, Form, TestApp};
use rstest::rstest;
use serde_json::json;

/// Connections of the test's pool: on PostgreSQL so many requests may be counted at the same moment.
const AT_THE_SAME_MOMENT: usize = 8;

/// Asks for a code for each of the numbers and counts the answers by status.
async fn ask_all(
    client: &Client,
    phones: impl IntoIterator<Item = String>,
    at_once: usize,
) -> BTreeMap<u16, usize> {
    let asked = iter(phones).map(|phone| client.post("/auth/codes", json!({ "phone": phone })));
    let mut counts = BTreeMap::new();
    for reply in asked.buffer_unordered(at_once).collect::<Vec<_>>().await {
        if reply.status == 429 {
            assert!(reply.json()["retry_after"].as_i64().is_some_and(|s| s > 0), "{}", reply.text());
        }
        *counts.entry(reply.status).or_default() += 1;
    }
    counts
}

/// Numbers of the block of 10,000 that begins with `block`.
fn block(block: u32, n: u32) -> impl Iterator<Item = String> {
    (0..n).map(move |i| format!("154{block:04}{i:04}"))
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn a_new_code_does_not_forget_the_wrong_ones(#[case] form: Form) {
    let settings = [("limits.code_failures_per_phone_day", "15"), ("limits.code_per_phone_hour", "100")];
    let Some(app) = TestApp::with(form, &settings).await else { return };
    let phone = app.fresh_phone();
    for _ in 0..3 {
        let (request_id, code) = app.code_for_later(&phone).await;
        let wrong = |n: u32| format!("{:06}", (code.parse::<u32>().unwrap() + n) % 1_000_000);
        for n in 1..=6 {
            let body = json!({ "request_id": request_id, "code": wrong(n) });
            let expected = if n <= 5 { "code_invalid" } else { "code_expired" };
            app.anyone().post("/auth/sessions", body).await.problem(401, expected);
        }
    }
    app.clock.advance(61_000).await;
    app.anyone().post("/auth/codes", json!({ "phone": phone })).await.problem(429, "rate_limited");
    assert_eq!(app.anyone().post("/auth/codes", json!({ "phone": app.fresh_phone() })).await.status, 202);
    app.clock.advance(86_400_000).await;
    app.sign_in(&phone).await;
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn guessing_at_many_numbers_stops_everybody_for_a_while(#[case] form: Form) {
    let Some(app) = TestApp::with(form, &[("limits.code_failures_breaker", "20")]).await else { return };
    let (mut waiting, mut wrong) = (app.code_for(&app.fresh_phone()).await, 0);
    while wrong < 20 {
        let (request_id, code) = app.code_for(&app.fresh_phone()).await;
        for n in 1..=5_u32 {
            let guess = format!("{:06}", (code.parse::<u32>().unwrap() + n) % 1_000_000);
            let body = json!({ "request_id": request_id, "code": guess });
            app.anyone().post("/auth/sessions", body).await.problem(401, "code_invalid");
            wrong += 1;
        }
        waiting = (request_id, code);
    }
    let body = json!({ "request_id": waiting.0, "code": "000000" });
    app.anyone().post("/auth/sessions", body).await.problem(429, "rate_limited");
    let counted = "SELECT CAST(SUM(wrong_tries) AS BIGINT) FROM login_code";
    assert_eq!(app.count(counted).await, 20, "nothing more was looked at");
    let metrics = app.anyone().get("/metrics").await.text();
    assert!(metrics.contains("mashang_login_breaker_total"), "somebody can be woken up");
    app.clock.advance(601_000).await;
    app.citizen().await;
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn a_client_is_who_connects_and_not_who_it_says(#[case] form: Form) {
    let Some(app) = TestApp::with(form, &[("limits.code_per_address_hour", "20")]).await else { return };
    let mut sent = 0;
    for (n, phone) in block(1, 60).enumerate() {
        let somebody = format!("203.0.{}.{}", n / 250, n % 250);
        let client =
            app.anyone().with("x-forwarded-for", &somebody).with("forwarded", &format!("for={somebody}"));
        let client = client.with("x-real-ip", &somebody).with("cf-connecting-ip", &somebody);
        sent += ask_all(&client, [phone], 1).await.get(&202).copied().unwrap_or(0);
    }
    assert_eq!(sent, 20, "sixty addresses are one");
    let counts = ask_all(&app.anyone(), block(2, 100), 50).await;
    assert_eq!(counts.get(&429), Some(&100), "{counts:?}");
    app.clock.advance(3_601_000).await;
    let at_once = ask_all(&app.anyone(), block(3, 100), 50).await[&202];
    assert!((20..=20 + AT_THE_SAME_MOMENT).contains(&at_once), "{at_once}");
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn behind_a_proxy_of_ours_everybody_has_an_address(#[case] form: Form) {
    let settings = [("limits.code_per_address_hour", "5"), ("http.trusted_proxies", "127.0.0.1")];
    let Some(app) = TestApp::with(form, &settings).await else { return };
    let as_seen_by_the_proxy =
        |claimed: &str, real: &str| app.anyone().with("x-forwarded-for", &format!("{claimed}, {real}"));
    let mut sent = 0;
    for (n, phone) in block(1, 20).enumerate() {
        let client = as_seen_by_the_proxy(&format!("203.0.113.{n}"), "198.51.100.7");
        sent += ask_all(&client, [phone], 1).await.get(&202).copied().unwrap_or(0);
    }
    assert_eq!(sent, 5, "what stands before the real address is invention");
    let other = as_seen_by_the_proxy("198.51.100.7", "198.51.100.8");
    assert_eq!(ask_all(&other, block(2, 1), 1).await[&202], 1, "somebody else is served");
    let mut of_one_network = 0;
    for (n, phone) in block(3, 20).enumerate() {
        let client = as_seen_by_the_proxy("203.0.113.9", &format!("2001:db8:1:2::{n:x}"));
        of_one_network += ask_all(&client, [phone], 1).await.get(&202).copied().unwrap_or(0);
    }
    assert_eq!(of_one_network, 5, "a household has a network of addresses");
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn counting_through_a_block_of_numbers_is_cut_short(#[case] form: Form) {
    let Some(app) = TestApp::with(form, &[("limits.code_per_prefix_hour", "20")]).await else { return };
    let counts = ask_all(&app.anyone(), block(7_777, 300), 16).await;
    assert!((20..=20 + AT_THE_SAME_MOMENT).contains(&counts[&202]), "{counts:?}");
    assert_eq!(ask_all(&app.anyone(), block(7_778, 10), 1).await[&202], 10, "their neighbours are served");
    app.drained().await;
    assert_eq!(app.provider.accepted().len(), counts[&202] + 10, "no message was paid for in vain");
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn a_day_has_its_budget(#[case] form: Form) {
    let Some(app) = TestApp::with(form, &[("limits.code_per_day", "30")]).await else { return };
    let counts = ask_all(&app.anyone(), (0..60).map(|n| format!("154{:04}0000", n + 100)), 1).await;
    assert_eq!((counts.get(&202), counts.get(&429)), (Some(&30), Some(&30)));
    let metrics = app.anyone().get("/metrics").await.text();
    for metric in [
        "mashang_login_code_budget_alarm_total",
        "mashang_login_codes_last_day",
        "mashang_login_codes_budget",
    ] {
        assert!(metrics.contains(metric), "{metric}");
    }
    app.clock.advance(86_401_000).await;
    assert_eq!(ask_all(&app.anyone(), block(1, 5), 1).await[&202], 5);
}
