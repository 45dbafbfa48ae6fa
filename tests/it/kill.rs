//! SIGKILL under scans: what was answered 201 is there, once, whenever the process died.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use mashang_entity::scan;
use mashang_tests::{Client, Form, TestApp};
use reqwest::Method;
use rstest::rstest;
use sea_orm::{EntityTrait, QuerySelect};
use serde_json::json;
use uuid::Uuid;

const KILLS: u32 = 50;
const PEOPLE: usize = 6;
/// Longer than it takes to start again.
const GIVE_UP: Duration = Duration::from_secs(60);

/// One person, scanning without a pause: the answers they hold, by the id of their scan.
async fn scan_on(
    client: Client,
    codes: Vec<String>,
    stop: Arc<AtomicBool>,
    retries: Arc<AtomicUsize>,
) -> Vec<Uuid> {
    let mut answered = Vec::new();
    for code in codes.iter().cycle() {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let body = json!({ "venue_code": code, "client_scan_id": Uuid::new_v4() }).to_string().into_bytes();
        let begun = Instant::now();
        loop {
            let sent =
                client.try_send_raw(Method::POST, "/scans", Some(("application/json", body.clone()))).await;
            match sent {
                Ok(reply) if reply.status == 201 || reply.status == 200 => {
                    answered.push(reply.json()["scan_id"].as_str().unwrap().parse().unwrap());
                    break;
                }
                Ok(reply) => assert_eq!(reply.status, 503, "only \"try again\" is honest: {}", reply.text()),
                Err(_) => {
                    retries.fetch_add(1, Ordering::Relaxed);
                }
            }
            assert!(begun.elapsed() < GIVE_UP, "the same scan again and again, and no answer");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    answered
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_scan_that_was_answered_is_lost(#[case] form: Form) {
    let settings = [("scans.repeat_seconds", "0"), ("scans.max_per_day", "1000000")];
    let Some(mut app) = TestApp::with(form, &settings).await else { return };
    let mut codes = Vec::new();
    for name in ["一", "二", "三"] {
        let venue = app.venue(name, "supermarket").await;
        codes.extend([venue.code_in, venue.code_out]);
    }
    let (stop, retries) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let mut people = Vec::new();
    for _ in 0..PEOPLE {
        let client = app.citizen().await.client();
        people.push(tokio::spawn(scan_on(client, codes.clone(), stop.clone(), retries.clone())));
    }
    let mut seed = 20_200_212_u64;
    for _ in 0..KILLS {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        tokio::time::sleep(Duration::from_millis(60 + (seed >> 33) % 400)).await;
        app.api().kill();
        app.start_api().unwrap();
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    stop.store(true, Ordering::Relaxed);
    let mut answered: Vec<Uuid> = Vec::new();
    for person in people {
        answered.extend(person.await.unwrap());
    }
    let rows: Vec<Uuid> = scan::Entity::find()
        .select_only()
        .column(scan::Column::Id)
        .into_tuple()
        .all(app.db().await)
        .await
        .unwrap();
    let mut times: HashMap<Uuid, usize> = HashMap::new();
    for id in rows {
        *times.entry(id).or_default() += 1;
    }
    let wrong: Vec<&Uuid> = answered.iter().filter(|id| times.get(id) != Some(&1)).collect();
    let retries = retries.load(Ordering::Relaxed);
    eprintln!("{KILLS} kills, {} scans answered, {retries} sent again, {} rows", answered.len(), times.len());
    assert!(wrong.is_empty(), "of {} answered scans {} are not there once", answered.len(), wrong.len());
    assert!(answered.len() > 500 && retries > 50, "{} scans, {retries} retries: too quiet", answered.len());
    assert_eq!(
        times.len(),
        answered.len(),
        "nothing is there that nobody was told of: each was sent until it was answered"
    );
}
