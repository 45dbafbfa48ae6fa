//! Numbers, and addresses of staff, that are planted everywhere they can go, and then looked for everywhere they must not be.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::iter;
use mashang_domain::person::Role;
use mashang_tests::fake_provider::Fault;
use mashang_tests::persona::{PASSWORD, venue_form};
use mashang_tests::private_redis::PrivateRedis;
use mashang_tests::search::Search;
use mashang_tests::{Citizen, Client, Form, Reply, Staff, TestApp, settings};
use reqwest::Method;
use rstest::rstest;
use sea_orm::ConnectionTrait;
use serde_json::json;

use crate::gateways::mail::MailServer;

/// Numbers that begin alike and like nothing else of a test.
fn canaries() -> Vec<String> {
    (0..1_000).map(|i| format!("154739{:05}", 10_000 + i * 37)).collect()
}

/// Addresses of staff, likewise.
fn addresses() -> Vec<String> {
    (0..20).map(|i| format!("zqmail{i:03}@mail.example.org")).collect()
}

/// From here on the provider fails for every message: its errors are logged, without the number.
const UNLUCKY: usize = 996;

/// Who sends the numbers.
struct Senders {
    anyone: Client,
    official: Staff,
    citizen: Citizen,
    venue: String,
}

/// Sends one number through the door that is its turn, rightly or wrongly.
async fn send(app: &TestApp, who: &Senders, n: usize, number: &str) -> Reply {
    let (anyone, now) = (&who.anyone, app.clock.rfc3339(0));
    let broken = format!("{{\"phone\":\"{number}\"").into_bytes();
    let csv = |kind| move |text: String| Some((kind, text.into_bytes()));
    match n % 12 {
        0..=3 => anyone.post("/auth/codes", json!({ "phone": number })).await,
        4 => anyone.send_raw(Method::POST, "/auth/codes", Some(("application/json", broken))).await,
        5 | 6 => {
            let note = format!("电话 {number}，同住 +86{number}");
            let case = json!({ "phone": number, "reported_at": now, "positive_at": now, "note": note });
            who.official.with("idempotency-key", &format!("case-{n}")).post("/cases", case).await
        }
        7 => {
            let mut form = venue_form("金丝雀", "bank");
            form["contact_phone"] = json!(number);
            who.citizen.with("idempotency-key", &format!("venue-{n}")).post("/venues", form).await
        }
        8 => {
            let path = format!("/venues/{}", who.venue);
            who.citizen.patch(&path, json!({ "contact_phone": number })).await
        }
        9 => anyone.post("/auth/codes", json!({ "phone": [number], "x": number })).await,
        10 => {
            let text =
                format!("name,category,division_code,address,contact_phone\n店{n},bank,530102,街,{number}\n");
            who.official.send_raw(Method::POST, "/venues/imports", csv("text/csv")(text)).await
        }
        _ => {
            let odd = anyone.with("x-request-id", &format!("+86 {number}"));
            odd.with_token(number).get(&format!("/nothing/{number}?phone={number}")).await
        }
    }
}

/// Whether a text names one of the numbers, which are in order.
fn names_one(text: &str, numbers: &[String]) -> bool {
    let begins = |(at, _)| text.get(at..at + numbers[0].len());
    let mut candidates = text.match_indices(&numbers[0][..6]).filter_map(begins);
    candidates.any(|candidate| numbers.binary_search_by(|n| n.as_str().cmp(candidate)).is_ok())
}

async fn plant(app: &TestApp, numbers: &[String]) {
    let citizen = app.citizen().await;
    let made = citizen.post("/venues", venue_form("号码店", "bank")).await.ok(201);
    let venue = made["id"].as_str().unwrap().to_owned();
    let who = Senders { anyone: app.anyone(), official: app.official("").await, citizen, venue };
    let faults = [Fault::NumberInvalid, Fault::ServerError, Fault::HtmlError, Fault::Cut];
    for (number, fault) in numbers[UNLUCKY..].iter().zip(faults) {
        app.provider.fail_for(&format!("+86{number}"), fault);
    }
    let sent = iter(numbers.iter().enumerate()).map(|(n, number)| send(app, &who, n, number));
    let replies: Vec<Reply> = sent.buffer_unordered(8).collect().await;
    let taken = replies.iter().filter(|r| (200..300).contains(&r.status)).count();
    assert!(taken >= 650, "the numbers are in use: {taken}");
    let told = replies.iter().filter(|r| names_one(&r.text(), numbers)).count();
    assert_eq!(told, 83 + 83, "a case's note comes back to who wrote it, and nothing else");
    // As people, too: first in lines that are wrong.
    let now = app.clock.rfc3339(-60_000);
    let line = |n: &String| format!("{n},{},in,2020\n{n},none,in,{now}\n", who.venue);
    let lines: String = numbers.iter().map(line).collect();
    let stays: Vec<(String, i64, i64)> = numbers[..UNLUCKY].iter().map(|n| (n.clone(), 90, 60)).collect();
    let file = Some(("text/csv", format!("phone,venue_ref,direction,scanned_at\n{lines}").into_bytes()));
    assert!(who.official.send_raw(Method::POST, "/imports/visits", file).await.text().contains("summary"));
    app.import_stays(&who.official, &who.venue, &stays).await;
    // On official lists: as a number, as a name, as a document that is none, and in a file without a header.
    let today = app.now().shanghai_day();
    let entries: String = numbers.iter().map(|n| format!("{n},,{n},{today}\n,{n},{n},{today}\n")).collect();
    let list = format!("phone,id_number,name,day\n{entries}").into_bytes();
    let bare = format!("{},,{},{today}\n", numbers[0], numbers[0]).into_bytes();
    let path = "/health-records/imports?kind=key_area";
    let imported = who.official.send_raw(Method::POST, path, Some(("text/csv", list))).await;
    let refused = who.official.send_raw(Method::POST, path, Some(("text/csv", bare))).await;
    let listed = who.official.get("/health-records?limit=500").await;
    assert_eq!((imported.status, refused.status, listed.status), (200, 422, 200), "{}", imported.text());
    assert!([imported, refused, listed].iter().all(|reply| !names_one(&reply.text(), numbers)));
    app.add_staff("c.one", Role::Guard, "", true).await;
    let wrong = json!({ "username": numbers[0], "password": numbers[1], "totp": numbers[2] });
    app.anyone().post("/staff/sessions", wrong).await.problem(401, "credentials_invalid");
}

/// Addresses as an administrator gives them to officials, rightly and wrongly.
async fn plant_addresses(app: &TestApp, addresses: &[String]) {
    let admin = app.administrator().await;
    for (n, address) in addresses.iter().enumerate() {
        let member = json!({ "username": format!("mail-{n}"), "password": PASSWORD, "role": "official", "email": address });
        let made = admin.post("/staff", member.clone()).await.ok(201);
        let path = format!("/staff/{}", made["id"].as_str().unwrap());
        let changed = admin.patch(&path, json!({ "email": address })).await;
        let seen = admin.get("/staff?limit=100").await;
        let again = admin.with("idempotency-key", &format!("mail-{n}")).post("/staff", member).await;
        let wrong = admin.patch(&path, json!({ "email": format!("{address}@{address}") })).await;
        let broken = format!("{{\"email\":\"{address}\"").into_bytes();
        let broken = admin.send_raw(Method::POST, "/staff", Some(("application/json", broken))).await;
        let guess = json!({ "username": address, "password": address, "totp": address });
        let guessed = app.anyone().post("/staff/sessions", guess).await;
        for reply in [changed, seen, again, wrong, broken, guessed] {
            assert!(!reply.text().contains(&address[..9]), "{}", reply.text());
        }
    }
}

/// Warns everybody but for one, so that their numbers are opened and go out.
async fn warn(app: &TestApp, numbers: &[String]) {
    let (official, approver) = (app.official("").await, app.approver("").await);
    let case =
        json!({ "phone": numbers[0], "reported_at": app.clock.rfc3339(0), "onset_at": app.clock.rfc3339(0) });
    let case = official.post("/cases", case).await.ok(201);
    let trace = official.post("/traces", json!({ "case_ids": [case["id"]] })).await.ok(201);
    assert_eq!(trace["counts"]["people"], UNLUCKY - 1, "{trace}");
    let alert = official.post("/alerts", json!({ "trace_id": trace["id"], "urgent": true })).await.ok(201);
    let alert = format!("/alerts/{}", alert["id"].as_str().unwrap());
    official.post(&format!("{alert}/submission"), json!({})).await.ok(200);
    approver.post(&format!("{alert}/approval"), json!({ "trace_sha256": trace["sha256"] })).await.ok(200);
    app.drained().await;
    app.receipts_arrive(true).await;
    for path in ["/deliveries?limit=500", "/report.csv", ""] {
        let seen = official.get(&format!("{alert}{path}")).await.text();
        assert!(!names_one(&seen, numbers), "{path} shows a number");
    }
}

/// Where things are kept. What is in memory only is written down first.
async fn places(app: &TestApp, redis: Option<&PrivateRedis>) -> Vec<PathBuf> {
    let metrics = [app.anyone().get("/metrics").await.text(), app.notifier_metrics().await].concat();
    std::fs::write(app.path("metrics.txt"), metrics).unwrap();
    let rows: Vec<String> = app.rows().await.into_values().flatten().collect();
    std::fs::write(app.path("rows.txt"), rows.join("\n")).unwrap();
    let mut places = vec![app.path("")];
    if let Some(redis) = redis {
        redis.command(&["SAVE"]).unwrap();
        app.db().await.execute_unprepared("CHECKPOINT").await.unwrap();
        places.push(redis.folder().to_owned());
        places.extend(app.database_files().await);
    }
    places
}

fn found(search: &Search, places: &[PathBuf]) -> Vec<String> {
    places.iter().flat_map(|place| search.below(place)).collect()
}

/// Writes a number and an address into each of the places, so that the search is known to see them there.
async fn plant_in_clear(app: &TestApp, redis: Option<&PrivateRedis>, text: &str) -> Vec<&'static str> {
    let sql = format!("CREATE TABLE planted (t text); INSERT INTO planted VALUES ('{text}')");
    app.db().await.execute_unprepared(&sql).await.unwrap();
    std::fs::write(app.path("tmp/aside"), text).unwrap();
    let logs = [app.path("api.log"), app.path("notifier.log")];
    for log in logs.iter().filter(|log| log.exists()) {
        let before = std::fs::read_to_string(log).unwrap();
        std::fs::write(log, format!("{before}{text}\n")).unwrap();
    }
    match redis {
        None => vec!["mashang.db-wal", "rows.txt", "tmp/aside", "api.log"],
        Some(redis) => {
            redis.command(&["SET", "planted", text]).unwrap();
            vec!["/base/", "/pg_wal/", "rows.txt", "tmp/aside", "api.log", "notifier.log", ".rdb", ".aof"]
        }
    }
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn no_number_is_written_down_in_clear(#[case] form: Form) {
    let redis = if form == Form::Service { PrivateRedis::start() } else { None };
    let url = redis.as_ref().map(PrivateRedis::url).unwrap_or_default();
    let Some(mail) = MailServer::start() else { return };
    let settings = [
        ("log.filter", "debug,sqlx=warn,sea_orm=warn,h2=warn"),
        ("redis.url", url.as_str()),
        ("alerts.ladder_3", "sms,call,email,work_list"),
        ("alerts.email_after_minutes", "0"),
    ];
    let tables =
        |url: &str| format!("{}[[gateways]]\n{}", settings::gateways(url), mail.text("smtps", "smtps"));
    let Some(app) = TestApp::with_gateways(form, &settings, tables).await else { return };
    let (numbers, addresses, redis) = (canaries(), addresses(), redis.as_ref());
    plant_addresses(&app, &addresses).await;
    plant(&app, &numbers).await;
    warn(&app, &numbers).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let arrived = app.provider.accepted().into_iter().map(|m| m.phone).collect::<BTreeSet<_>>().len();
    assert!(arrived >= UNLUCKY, "the numbers went out: {arrived}");
    let written: BTreeSet<String> =
        addresses.iter().map(|_| mail.letter()["to"][0].as_str().unwrap().to_owned()).collect();
    assert_eq!(written.into_iter().collect::<Vec<_>>(), addresses, "every official was written to");
    let searches = [Search::new(&numbers), Search::new(&addresses)];
    let there = places(&app, redis).await;
    for search in &searches {
        let hits = found(search, &there);
        assert!(hits.is_empty(), "{} hits: {:?}", hits.len(), &hits[..hits.len().min(10)]);
    }
    codes_stay_where_they_belong(&app, redis);
    let expected = plant_in_clear(&app, redis, &format!("{} {}", numbers[500], addresses[10])).await;
    let there = places(&app, redis).await;
    for search in &searches {
        let hits = found(search, &there);
        for place in &expected {
            assert!(hits.iter().any(|hit| hit.contains(place)), "the search is blind in {place}: {hits:?}");
        }
    }
}

/// The codes that were sent stand in no log and not in Redis.
fn codes_stay_where_they_belong(app: &TestApp, redis: Option<&PrivateRedis>) {
    let codes: BTreeSet<String> = app
        .provider
        .accepted()
        .iter()
        .filter_map(|m| m.variables["code"].as_str().map(str::to_owned))
        .collect();
    assert!(codes.len() > 300, "{}", codes.len());
    let mut text = app.logs();
    if let Some(redis) = redis {
        let folder = redis.folder().join("appendonlydir");
        for file in std::fs::read_dir(folder).unwrap() {
            text.push_str(&String::from_utf8_lossy(&std::fs::read(file.unwrap().path()).unwrap()));
        }
    }
    let words = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| word.len() == 6);
    let seen: Vec<&str> = words.filter(|word| codes.contains(*word)).collect();
    assert!(seen.len() <= 1, "codes in logs or Redis, more than chance explains: {seen:?}");
}
