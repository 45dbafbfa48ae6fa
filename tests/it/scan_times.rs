//! What a phone says of the time of a scan, and of who came along.

use mashang_tests::{Form, Reply, TestApp};
use rstest::rstest;
use serde_json::{Value, json};
use uuid::Uuid;

const DAY: i64 = 86_400_000;

fn scan(code: &str, extra: Value) -> Value {
    let mut body = json!({ "venue_code": code, "client_scan_id": Uuid::new_v4().to_string() });
    body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    body
}

/// The code of the field that is wrong.
fn field_code(reply: Reply) -> String {
    reply.problem(422, "invalid")["errors"][0]["code"].as_str().unwrap().to_owned()
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn no_time_of_the_future_or_of_long_ago_is_taken(#[case] form: Form) {
    let Some(app) = TestApp::start(form).await else { return };
    let (venue, citizen) = (app.venue("钟楼", "bank").await, app.citizen().await);
    let at = |time: &str| scan(&venue.code_in, json!({ "scanned_at": time }));
    for (time, code) in [
        ("9999-12-31T23:59:59Z", "scanned_at_in_future"),
        ("2500-01-01T00:00:00+14:00", "scanned_at_in_future"),
        ("1970-01-01T00:00:00Z", "scanned_at_too_old"),
        ("1969-12-31T23:59:59.999Z", "scanned_at_too_old"),
        ("0001-01-01T00:00:00Z", "scanned_at_too_old"),
        ("0000-01-01T00:00:00-23:59", "scanned_at_too_old"),
        ("2016-12-31T23:59:60Z", "scanned_at_too_old"),
        // No times at all.
        ("2016-13-31T23:59:00Z", "invalid"),
        ("2015-02-29T00:00:00Z", "invalid"),
        ("2020-02-12T24:00:00Z", "invalid"),
        ("2020-02-12T04:00:61Z", "invalid"),
        ("2020-02-12T04:00:00", "invalid"),
        ("2020-02-12", "invalid"),
        ("2020-02-12T04:00:00+25:00", "invalid"),
        ("+12020-02-12T04:00:00Z", "invalid"),
        ("-0001-02-12T04:00:00Z", "invalid"),
        ("1581480000000", "invalid"),
        ("now", "invalid"),
        ("", "invalid"),
    ] {
        assert_eq!(field_code(citizen.post("/scans", at(time)).await), code, "{time}");
    }
    for number in [json!(1_581_480_000), json!(-1), json!(1e300), json!({}), json!(true)] {
        let body = scan(&venue.code_in, json!({ "scanned_at": number }));
        assert_eq!(field_code(citizen.post("/scans", body).await), "invalid", "{number}");
    }
    for (away, code) in [(301_000, "scanned_at_in_future"), (-14 * DAY - 2_000, "scanned_at_too_old")] {
        assert_eq!(field_code(citizen.post("/scans", at(&app.clock.rfc3339(away))).await), code, "{away}");
    }
    assert_eq!(app.count("SELECT COUNT(*) FROM scan").await, 0);
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn the_same_moment_may_be_written_in_many_ways(#[case] form: Form) {
    let Some(app) = TestApp::start(form).await else { return };
    let venue = app.venue("钟楼", "bank").await;
    let utc = app.clock.rfc3339(-2 * 3_600_000);
    let moment = chrono::DateTime::parse_from_rfc3339(&utc).unwrap();
    for hours in [-11, 0, 8, 14] {
        let offset = chrono::FixedOffset::east_opt(hours * 3_600).unwrap();
        for text in [
            moment.with_timezone(&offset).to_rfc3339(),
            moment.with_timezone(&offset).to_rfc3339().replace('T', " "),
        ] {
            let citizen = app.citizen().await;
            let reply = citizen.post("/scans", scan(&venue.code_in, json!({ "scanned_at": text }))).await;
            assert_eq!(reply.ok(201)["scanned_at"], utc, "{text}");
        }
    }
    // The oldest that is still taken.
    let citizen = app.citizen().await;
    let oldest = app.clock.rfc3339(-14 * DAY + 60_000);
    let reply = citizen.post("/scans", scan(&venue.code_in, json!({ "scanned_at": oldest }))).await;
    assert_eq!(reply.ok(201)["scanned_at"], oldest);
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn batches_and_companions_have_their_bounds(#[case] form: Form) {
    let Some(app) = TestApp::start(form).await else { return };
    let (venue, citizen) = (app.venue("渡口", "ferry").await, app.citizen().await);
    for companions in [json!(-1), json!(10), json!(32_767), json!(32_768), json!(9e9), json!(1.5), json!("3")]
    {
        let body = scan(&venue.code_in, json!({ "companions": companions }));
        citizen.post("/scans", body).await.problem(422, "invalid");
    }
    let many = |n: usize| -> Vec<Value> { (0..n).map(|_| scan(&venue.code_in, json!({}))).collect() };
    citizen.post("/scans/batch", json!({ "scans": many(101) })).await.problem(422, "invalid");
    assert_eq!(citizen.post("/scans/batch", json!({ "scans": [] })).await.ok(200)["results"], json!([]));
    assert_eq!(app.count("SELECT COUNT(*) FROM scan").await, 0);
    for not_a_scan in [json!(null), json!(1), json!("x"), json!([]), json!({}), json!({ "venue_code": 7 })] {
        let answer = citizen.post("/scans/batch", json!({ "scans": [not_a_scan] })).await.ok(200);
        assert_eq!(answer["results"][0]["status"], 422, "{answer}");
    }
    for id in [String::new(), "x".repeat(65)] {
        let body = json!({ "venue_code": venue.code_in, "client_scan_id": id });
        citizen.post("/scans", body).await.problem(422, "invalid");
    }
    let answer = citizen.post("/scans/batch", json!({ "scans": many(100) })).await.ok(200);
    assert_eq!(answer["results"].as_array().unwrap().len(), 100);
    let nine = scan(&venue.code_out, json!({ "companions": 9 }));
    citizen.post("/scans", nine).await.ok(201);
    assert_eq!(app.count("SELECT CAST(MAX(companions) AS BIGINT) FROM scan").await, 9);
}
