//! Whoever asks for a code learns nothing of whose number it is: not from the answer, and not from how long it takes.

use std::time::Instant;

use mashang_tests::{Form, TestApp};
use reqwest::Method;
use rstest::rstest;
use serde_json::{Value, json};

/// Requests of each kind, on each database.
const EACH: usize = 1_000;

/// The largest distance of two samples' distribution functions (Kolmogorov and Smirnov).
fn distance(a: &[u64], b: &[u64]) -> f64 {
    let (mut a, mut b) = (a.to_vec(), b.to_vec());
    a.sort_unstable();
    b.sort_unstable();
    let share = |sorted: &[u64], x: u64| sorted.partition_point(|v| *v <= x) as f64 / sorted.len() as f64;
    a.iter().chain(&b).map(|x| (share(&a, *x) - share(&b, *x)).abs()).fold(0.0, f64::max)
}

/// The chance of a distance like this, or a larger one, between samples of one and the same thing.
fn p_value(distance: f64, n: usize, m: usize) -> f64 {
    let effective = ((n * m) as f64 / (n + m) as f64).sqrt();
    let lambda = (effective + 0.12 + 0.11 / effective) * distance;
    let term =
        |k: i32| (-2.0 * f64::from(k * k) * lambda * lambda).exp() * if k % 2 == 1 { 1.0 } else { -1.0 };
    (2.0 * (1..=100).map(term).sum::<f64>()).clamp(0.0, 1.0)
}

#[test]
fn the_test_tells_what_differs_from_what_does_not() {
    let mut seed = 42_u64;
    let mut sample = |shift: u64| -> Vec<u64> {
        let mut next = || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            4_000 + (seed >> 33) % 1_000 + shift
        };
        (0..EACH).map(|_| next()).collect()
    };
    let (a, b, later) = (sample(0), sample(0), sample(150));
    assert!(p_value(distance(&a, &b), EACH, EACH) > 0.01);
    assert!(p_value(distance(&a, &later), EACH, EACH) < 0.001, "a seventh of a millisecond is seen");
}

/// Makes people of these numbers, who never asked for a code.
async fn people(app: &TestApp, phones: &[String]) {
    let venue = app.venue("人口", "bank").await;
    let (at, mut csv) = (app.clock.rfc3339(-3_600_000), "phone,venue_ref,direction,scanned_at\n".to_owned());
    phones.iter().for_each(|phone| csv.push_str(&format!("{phone},{},in,{at}\n", venue.id)));
    let official = app.house_official().await;
    let report =
        official.send_raw(Method::POST, "/imports/visits", Some(("text/csv", csv.into_bytes()))).await;
    assert!(report.text().contains(&format!("\"people_made\":{}", phones.len())), "{}", report.text());
}

/// What is said about a number, without what is new in every answer.
fn shape(mut answer: Value) -> String {
    answer["request_id"] = Value::Null;
    answer.to_string()
}

/// Asks for codes for both kinds of numbers in turn; microseconds of each answer.
async fn ask(app: &TestApp, known: &[String], unknown: &[String]) -> (Vec<u64>, Vec<u64>) {
    let (client, mut times) = (app.anyone(), (Vec::new(), Vec::new()));
    let mut shapes = std::collections::BTreeSet::new();
    for (n, (a, b)) in known.iter().zip(unknown).enumerate() {
        // Which comes first changes, so that being second is not what is measured.
        for is_known in if n % 2 == 0 { [true, false] } else { [false, true] } {
            let phone = if is_known { a } else { b };
            let begun = Instant::now();
            let reply = client.post("/auth/codes", json!({ "phone": phone })).await;
            let micros = u64::try_from(begun.elapsed().as_micros()).unwrap();
            if is_known {
                times.0.push(micros)
            } else {
                times.1.push(micros)
            }
            let length = reply.body.len();
            shapes.insert((length, shape(reply.ok(202))));
        }
    }
    assert_eq!(shapes.len(), 1, "every answer has the same bytes but for its id: {shapes:?}");
    times
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn known_and_unknown_numbers_take_the_same_time(#[case] form: Form) {
    // The sweep and the notifier work in bursts; both kinds meet them alike, being asked in turn.
    let Some(app) = TestApp::start(form).await else { return };
    let numbers =
        |from: usize| -> Vec<String> { (from..from + EACH).map(|n| format!("154{n:08}")).collect() };
    let known = numbers(20_000_000);
    people(&app, &known).await;
    let (a, b) = ask(&app, &known, &numbers(30_000_000)).await;
    let mut p = p_value(distance(&a, &b), a.len(), b.len());
    if p <= 0.01 {
        // One in a hundred runs of equal samples is as far apart as this: a difference that is real shows again.
        eprintln!("p = {p:.4}, once more");
        app.clock.advance(61_000).await;
        let (a, b) = ask(&app, &known, &numbers(40_000_000)).await;
        p = p_value(distance(&a, &b), a.len(), b.len());
    }
    eprintln!("p = {p:.4}");
    assert!(p > 0.01, "p = {p}");
}
