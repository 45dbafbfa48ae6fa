//! Scans: what counts, what is answered again, and what is refused.

use futures_util::StreamExt;
use futures_util::stream::iter;
use mashang_tests::{Form, TestApp};
use rstest::rstest;
use serde_json::{Value, json};
use uuid::Uuid;

async fn recorded(app: &TestApp) -> i64 {
    let no = if app.form == Form::Sqlite { "0" } else { "false" };
    app.count(&format!("SELECT COUNT(*) FROM scan WHERE repeat = {no}")).await
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn a_scan_is_answered_the_same_however_often_it_comes(#[case] form: Form) {
    let Some(app) = TestApp::start(form).await else { return };
    let (venue, citizen) = (app.venue("大观楼", "entertainment").await, app.citizen().await);
    let id = Uuid::new_v4().to_string();
    let first = citizen.scans_as(&venue.code_in, &id).await.ok(201);
    assert_eq!((&first["venue"]["name"], &first["direction"]), (&json!("大观楼"), &json!("in")));
    assert_eq!((&first["health"]["colour"], &first["suspect"]), (&json!("grey"), &json!(false)));
    assert_eq!(citizen.scans_as(&venue.code_in, &id).await.ok(200), first);
    let others = app.citizen().await.scans_as(&venue.code_in, &id).await.ok(201);
    assert_ne!(others["scan_id"], first["scan_id"], "ids are each person's own");

    let id = Uuid::new_v4().to_string();
    let statuses: Vec<u16> = iter(0..50)
        .map(|_| async { citizen.scans_as(&venue.code_out, &id).await.status })
        .buffer_unordered(25)
        .collect()
        .await;
    assert_eq!(statuses.iter().filter(|s| **s == 201).count(), 1, "{statuses:?}");
    assert!(statuses.iter().all(|s| [200, 201].contains(s)), "{statuses:?}");
    assert_eq!(recorded(&app).await, 3);
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn a_second_scan_within_two_minutes_is_not_recorded(#[case] form: Form) {
    let Some(app) = TestApp::start(form).await else { return };
    let (venue, citizen) = (app.venue("南屏街", "mall").await, app.citizen().await);
    let first = citizen.scans(&venue.code_in).await.ok(201);
    app.clock.advance(110_000).await;
    let again = citizen.scans(&venue.code_in).await;
    assert!([200, 201].contains(&again.status), "{}", again.text());
    assert_eq!(again.json()["scanned_at"], first["scanned_at"], "answered like the first");
    assert_eq!(recorded(&app).await, 1);
    citizen.scans(&venue.code_out).await.ok(201);
    assert_eq!(recorded(&app).await, 2, "the other direction is another scan");
    app.clock.advance(11_000).await;
    citizen.scans(&venue.code_in).await.ok(201);
    assert_eq!(recorded(&app).await, 3, "counted from the last recorded one");
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn offline_scans_come_in_a_batch(#[case] form: Form) {
    let Some(app) = TestApp::start(form).await else { return };
    let (a, b) = (app.venue("甲店", "market").await, app.venue("乙店", "bank").await);
    let citizen = app.citizen().await;
    let scan = |code: &str, away: i64| json!({ "venue_code": code, "client_scan_id": Uuid::new_v4().to_string(), "scanned_at": app.clock.rfc3339(away) });
    let hour = 3_600_000;
    let scans = vec![
        scan(&a.code_in, -5 * hour),
        scan(&a.code_out, -4 * hour),
        scan(&b.code_in, -3 * hour),
        scan("0000000000000000", -2 * hour),
        scan(&b.code_out, -hour),
    ];
    let answer = citizen.post("/scans/batch", json!({ "scans": scans })).await.ok(200);
    let results = answer["results"].as_array().unwrap();
    assert_eq!(results.len(), 5);
    for (sent, result) in scans.iter().zip(results) {
        assert_eq!(sent["client_scan_id"], result["client_scan_id"]);
    }
    assert_eq!(results[3]["problem"]["code"], "code_invalid", "{answer}");
    assert!(results.iter().enumerate().all(|(i, r)| i == 3 || r["scan"].is_object()), "{answer}");
    assert_eq!(results[0]["scan"]["scanned_at"], scans[0]["scanned_at"], "the client's time is kept");
    assert_eq!(recorded(&app).await, 4);
    citizen.post("/scans/batch", json!({ "scans": scans })).await.ok(200);
    assert_eq!(recorded(&app).await, 4, "the same batch again adds nothing");
    let history = citizen.get("/me/scans").await.ok(200);
    assert_eq!(history["items"].as_array().unwrap().len(), 4);

    let many: Vec<Value> = (0..101).map(|i| scan(&a.code_in, -i * 1000)).collect();
    let refused = citizen.post("/scans/batch", json!({ "scans": many })).await;
    assert!([413, 422].contains(&refused.status), "{}", refused.text());
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn the_servers_time_wins_when_the_clients_is_near(#[case] form: Form) {
    let Some(app) = TestApp::start(form).await else { return };
    let (venue, citizen) = (app.venue("东站", "bus").await, app.citizen().await);
    let body = json!({ "venue_code": venue.code_in, "client_scan_id": Uuid::new_v4(), "scanned_at": app.clock.rfc3339(-200_000) });
    let near = citizen.post("/scans", body.clone()).await.ok(201);
    assert_ne!(near["scanned_at"], body["scanned_at"]);
    for away in [-15 * 86_400_000_i64, 3_600_000] {
        let body = json!({ "venue_code": venue.code_out, "client_scan_id": Uuid::new_v4(), "scanned_at": app.clock.rfc3339(away) });
        let reply = citizen.post("/scans", body).await;
        assert!(reply.status == 422 || reply.status == 201, "{}", reply.text());
        if reply.status == 201 {
            assert_ne!(
                reply.json()["scanned_at"],
                json!(app.clock.rfc3339(away)),
                "no scans of the future or of long ago"
            );
        }
    }
    let body = json!({ "venue_code": venue.code_in, "client_scan_id": Uuid::new_v4(), "companions": 100 });
    citizen.post("/scans", body).await.problem(422, "invalid");
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn no_forged_code_is_taken(#[case] form: Form) {
    let Some(app) = TestApp::start(form).await else { return };
    let (venue, citizen) = (app.venue("圆通寺", "worship").await, app.citizen().await);
    // One character after another, of a code that is real.
    let real: Vec<char> = venue.code_in.chars().collect();
    let mut forged: Vec<String> = Vec::new();
    for at in 0..real.len() {
        for other in "0123456789ABCDEFGHJKMNPQRSTVWXYZ".chars().filter(|c| !c.eq_ignore_ascii_case(&real[at]))
        {
            let mut code = real.clone();
            code[at] = other;
            forged.push(code.into_iter().collect());
        }
    }
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let mut letter = || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        char::from(b"0123456789ABCDEFGHJKMNPQRSTVWXYZ"[(seed % 32) as usize])
    };
    let wanted = 100_000 - forged.len();
    forged.extend((0..wanted).map(|_| (0..real.len()).map(|_| letter()).collect::<String>()));
    forged.retain(|code| *code != venue.code_in && *code != venue.code_out);
    // A batch of a hundred is one request, so that all of them are tried in seconds.
    let batches: Vec<Vec<String>> = forged.chunks(100).map(<[String]>::to_vec).collect();
    let taken: usize = iter(batches)
        .map(|codes| {
            let citizen = &citizen;
            async move {
                let scans: Vec<Value> = codes
                    .iter()
                    .map(|c| json!({ "venue_code": c, "client_scan_id": Uuid::new_v4().to_string() }))
                    .collect();
                let answer = citizen.post("/scans/batch", json!({ "scans": scans })).await.ok(200);
                answer["results"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .filter(|r| r["problem"]["code"] != "code_invalid")
                    .count()
            }
        })
        .buffer_unordered(8)
        .fold(0, async |sum, n| sum + n)
        .await;
    // Crockford's alphabet reads I and L as 1, O as 0; a changed letter that means the same is the same code.
    assert_eq!(taken, 0);
    assert_eq!(recorded(&app).await, 0);
    citizen.scans("https://evil.example/v/AAAA/in").await.problem(422, "code_invalid");
    citizen.scans("").await.problem(422, "code_invalid");
}
