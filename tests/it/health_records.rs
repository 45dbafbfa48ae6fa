//! Official lists: whom they fit, what they contradict, and how they are taken back.

use mashang_tests::health::resident_number;
use mashang_tests::persona::{Citizen, Staff};
use mashang_tests::{Form, TestApp};
use reqwest::Method;
use rstest::rstest;
use serde_json::{Value, json};

const DAY: i64 = 86_400_000;

/// The day at a test's clock, so many days away.
fn day(app: &TestApp, away: i64) -> String {
    let noon = mashang_domain::time::Timestamp(app.now().0 + away * DAY);
    noon.shanghai_day().to_string()
}

async fn import(official: &Staff, query: &str, csv: impl Into<Vec<u8>>) -> Value {
    let body = Some(("text/csv", csv.into()));
    official.send_raw(Method::POST, &format!("/health-records/imports?{query}"), body).await.ok(200)
}

/// A citizen who has declared, with some fields changed.
async fn declared(app: &TestApp, n: u32, changes: Value) -> Citizen {
    let citizen = app.citizen().await;
    citizen.declares(&resident_number(n), changes).await.ok(201);
    citizen
}

async fn reason(citizen: &Citizen) -> (String, String) {
    let code = citizen.code().await;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    (text(&code["colour"]), text(&code["reason"]["code"]))
}

fn is(colour: &str, reason: &str) -> (String, String) {
    (colour.to_owned(), reason.to_owned())
}

async fn integrity_of(citizen: &Citizen) -> Vec<String> {
    let listed = citizen.get("/me/integrity-records").await.ok(200);
    let kinds = listed["items"].as_array().unwrap().iter().map(|i| i["kind"].as_str().unwrap().to_owned());
    kinds.collect()
}

fn figures(report: &Value) -> [i64; 5] {
    ["created", "duplicates", "matched", "contradicted", "rejected_total"]
        .map(|name| report[name].as_i64().unwrap_or(-1))
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn a_list_colours_whom_it_fits_by_document_or_number(#[case] form: Form) {
    let Some(app) = TestApp::start(form).await else { return };
    let by_document = declared(&app, 1, json!({})).await;
    let by_number = declared(&app, 2, json!({})).await;
    let other = declared(&app, 3, json!({})).await;
    let undeclared = app.citizen().await;
    app.clock.advance(DAY).await;
    let official = app.official("330100").await;
    let today = day(&app, 0);
    let csv = format!(
        "name,id_type,id_number,phone,day\n\
         王五,,{},,{today}\n\
         =1+1,,,{},{today}\n\
         \"李, \"\"四\"\"\",01,{},15490000001,{today}\n\
         赵,,{},,2020-13-01\n\
         ,,,{},{today}\n\
         王五,,{},,{today}\n,,,,\n",
        resident_number(1).to_lowercase(),
        by_number.phone,
        resident_number(99),
        resident_number(4),
        undeclared.phone,
        resident_number(1),
    );
    let tried = import(&official, "kind=close_contact&dry_run=true", csv.clone()).await;
    assert_eq!(figures(&tried), [4, 1, 3, 0, 1], "{tried}");
    assert_eq!(
        (&tried["rejected"][0]["line"], &tried["rejected"][0]["code"]),
        (&json!(5), &json!("day_invalid"))
    );
    assert_eq!((&tried["encoding"], &tried["import_id"]), (&json!("utf-8"), &Value::Null));
    for table in ["health_record", "health_import", "health_fact WHERE fact LIKE 'record%'"] {
        assert_eq!(
            app.count(&format!("SELECT count(*) FROM {table}")).await,
            0,
            "{table}: a dry run writes nothing"
        );
    }
    assert_eq!(by_document.colour().await, "green");

    let done = import(&official, "kind=close_contact", csv.clone()).await;
    assert_eq!(figures(&done), figures(&tried), "{done}");
    for citizen in [&by_document, &by_number, &undeclared] {
        assert_eq!(reason(citizen).await, is("red", "close_contact"));
    }
    assert_eq!(other.colour().await, "green");
    assert!(integrity_of(&by_document).await.is_empty(), "it came after the declaration");
    let again = import(&official, "kind=close_contact", csv).await;
    assert_eq!(figures(&again), [0, 5, 0, 0, 1], "sent again: {again}");

    let listed = official.get("/health-records?kind=close_contact").await.ok(200);
    assert_eq!(listed["items"].as_array().unwrap().len(), 4);
    let shown = listed.to_string();
    for clear in [resident_number(1).as_str(), by_number.phone.as_str(), "王五", "四"] {
        assert!(!shown.contains(clear), "{shown}");
        assert!(!app.logs().contains(clear));
    }
    assert!(shown.contains("\"王*\"") && shown.contains("\"=***\""), "{shown}");
    let seen = by_document.get("/me/accesses").await.ok(200).to_string();
    assert!(seen.contains("health_record.entry"), "{seen}");
    let files = official.get("/health-records/imports").await.ok(200);
    assert_eq!(
        (&files["items"][1]["matched"], &files["items"][1]["created"]),
        (&json!(3), &json!(4)),
        "{files}"
    );
    let elsewhere = app.official("530100").await;
    assert!(elsewhere.get("/health-records").await.ok(200)["items"].as_array().unwrap().is_empty());
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn a_false_declaration_is_red_at_once_and_stands_in_the_integrity_record(#[case] form: Form) {
    let Some(app) = TestApp::start(form).await else { return };
    let official = app.official("330100").await;
    let denies = declared(&app, 1, json!({})).await;
    let admits = declared(&app, 2, json!({ "contact_with_case": true })).await;
    let shared = declared(&app, 3, json!({})).await;
    let today = day(&app, 0);
    let csv = format!(
        "id_number,phone,day\n{},,{today}\n{},,{today}\n{},{},{today}\n",
        resident_number(1),
        resident_number(2),
        resident_number(77),
        shared.phone
    );
    let done = import(&official, "kind=close_contact", csv).await;
    assert_eq!(figures(&done), [3, 0, 3, 1, 0], "{done}");
    assert_eq!(reason(&denies).await, is("red", "false_declaration"));
    assert_eq!(integrity_of(&denies).await, ["false_declaration"]);
    assert_eq!(reason(&admits).await.0, "red");
    assert!(integrity_of(&admits).await.is_empty(), "what was stated is not denied");
    assert_eq!(reason(&shared).await, is("red", "close_contact"));
    assert!(integrity_of(&shared).await.is_empty(), "the number is theirs, the document is somebody else's");

    // The list is there, and then somebody declares.
    let csv = format!("id_number,day\n{},{today}\n{},{today}\n", resident_number(11), resident_number(12));
    assert_eq!(figures(&import(&official, "kind=confirmed", csv).await), [2, 0, 0, 0, 0]);
    let liar = app.citizen().await;
    let made = liar.declares(&resident_number(11), json!({})).await.ok(201);
    assert_eq!((&made["colour"], &made["reason"]["code"]), (&json!("red"), &json!("false_declaration")));
    let honest = app.citizen().await;
    let made = honest.declares(&resident_number(12), json!({ "symptoms": ["cough"] })).await.ok(201);
    assert_eq!((&made["colour"], &made["reason"]["code"]), (&json!("red"), &json!("confirmed_case")));
    assert_eq!((integrity_of(&liar).await.len(), integrity_of(&honest).await.len()), (1, 0));
    liar.declares(&resident_number(11), json!({})).await.ok(201);
    assert_eq!(integrity_of(&liar).await.len(), 1, "one entry is one falsehood");

    let listed = official.get("/integrity-records").await.ok(200);
    assert_eq!(listed["items"].as_array().unwrap().len(), 2, "{listed}");
    assert!(listed["items"][0]["phone_masked"].as_str().unwrap().contains("****"));
    assert!(liar.get("/me/accesses").await.ok(200).to_string().contains("integrity_record.entry"));
    let elsewhere = app.official("530100").await;
    assert!(elsewhere.get("/integrity-records").await.ok(200)["items"].as_array().unwrap().is_empty());
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn files_of_spreadsheets_are_read_in_their_encodings(#[case] form: Form) {
    let Some(app) = TestApp::start(form).await else { return };
    let official = app.official("").await;
    let today = day(&app, 0);
    let csv = |n: u32| {
        format!(
            "姓名,身份证号,日期\r\n王小明,{},{today}\r\n欧阳修,{},{today}\r\n",
            resident_number(n),
            resident_number(n + 1)
        )
    };
    let text = csv(1);
    let (gbk, _, lossy) = encoding_rs::GBK.encode(&text);
    assert!(!lossy);
    let done = import(&official, "kind=confirmed", gbk.into_owned()).await;
    assert_eq!((&done["encoding"], figures(&done)), (&json!("gb18030"), [2, 0, 0, 0, 0]), "{done}");
    let shown = official.get("/health-records?kind=confirmed").await.ok(200).to_string();
    assert!(shown.contains("\"王**\"") && shown.contains("\"欧**\""), "{shown}");
    let same = import(&official, "kind=confirmed", csv(1)).await;
    assert_eq!((&same["encoding"], figures(&same)), (&json!("utf-8"), [0, 2, 0, 0, 0]), "{same}");
    let marked = [b"\xef\xbb\xbf".as_slice(), csv(3).as_bytes()].concat();
    let done = import(&official, "kind=confirmed", marked).await;
    assert_eq!((&done["encoding"], figures(&done)), (&json!("utf-8-bom"), [2, 0, 0, 0, 0]), "{done}");
    let query = "/health-records/imports?kind=confirmed";
    let bad = |csv: &str| {
        let body = Some(("text/csv", csv.as_bytes().to_vec()));
        let official = official.client();
        async move { official.send_raw(Method::POST, query, body).await.problem(422, "invalid") }
    };
    assert_eq!(bad("").await["errors"][0]["code"], "column_missing");
    assert_eq!(bad("sex,day\n").await["errors"][0]["code"], "column_unknown");
    let body = Some(("text/csv", csv(1).into_bytes()));
    let outside = format!("{query}&division=530102");
    app.official("330100").await.send_raw(Method::POST, &outside, body).await.problem(422, "invalid");
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn an_entry_that_was_wrong_is_taken_back(#[case] form: Form) {
    let Some(app) = TestApp::start(form).await else { return };
    let (official, elsewhere) = (app.official("330100").await, app.official("530100").await);
    let citizen = declared(&app, 1, json!({})).await;
    let today = day(&app, 0);
    let csv = format!("id_number,day\n{},{today}\n", resident_number(1));
    import(&official, "kind=close_contact", csv.clone()).await;
    import(&official, "kind=quarantine", csv.clone()).await;
    assert_eq!(reason(&citizen).await, is("red", "false_declaration"));
    let listed = official.get("/health-records").await.ok(200);
    let ids: Vec<&str> =
        listed["items"].as_array().unwrap().iter().map(|i| i["id"].as_str().unwrap()).collect();
    elsewhere.delete(&format!("/health-records/{}", ids[0])).await.problem(404, "not_found");
    // The one that came last first, then the other.
    official.delete(&format!("/health-records/{}", ids[0])).await.ok(204);
    assert_eq!(reason(&citizen).await.0, "red", "the other one stands");
    official.delete(&format!("/health-records/{}", ids[1])).await.ok(204);
    assert_eq!(reason(&citizen).await, is("green", "withdrawn"));
    let mut kinds = integrity_of(&citizen).await;
    kinds.sort();
    assert_eq!(kinds, ["false_declaration", "false_declaration", "lifted", "lifted"]);
    official.delete(&format!("/health-records/{}", ids[0])).await.problem(404, "not_found");
    let again = import(&official, "kind=close_contact", csv).await;
    assert_eq!(figures(&again), [0, 1, 0, 0, 0], "taken back is taken back");
    citizen.declares(&resident_number(1), json!({})).await.ok(201);
    assert_eq!(citizen.colour().await, "green");
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn a_quarantine_that_is_over_stands_for_the_days(#[case] form: Form) {
    let Some(app) = TestApp::start(form).await else { return };
    let official = app.official("330100").await;
    let stayed = declared(&app, 1, json!({ "from_key_area": true })).await;
    let confined = declared(&app, 2, json!({ "from_key_area": true })).await;
    assert_eq!(stayed.colour().await, "yellow");
    let (today, last) = (day(&app, 0), day(&app, 2));
    let csv = format!(
        "id_number,day,ends_on\n{},{},{today}\n{},{today},\n",
        resident_number(1),
        day(&app, -14),
        resident_number(2)
    );
    let done = import(&official, "kind=quarantine", csv).await;
    assert_eq!(figures(&done), [2, 0, 1, 0, 0], "what is over fits nobody anew: {done}");
    assert_eq!(reason(&stayed).await, is("green", "completed"));
    assert_eq!(reason(&confined).await, is("red", "in_quarantine"));
    let csv = format!("id_number,day,ends_on\n{},{today},{last}\n", resident_number(2));
    assert_eq!(import(&official, "kind=quarantine", csv).await["updated"], 1);
    assert_eq!(confined.get("/me/quarantine").await.ok(200)["days_required"], 14);
    app.clock.advance(2 * DAY).await;
    mashang_tests::app::eventually("the quarantine ends", async || {
        (app.count("SELECT count(*) FROM health WHERE colour = 'red' AND days_left = 0").await == 1)
            .then_some(())
    })
    .await;
    assert_eq!(app.count("SELECT count(*) FROM health_record WHERE completed_at IS NULL").await, 0);
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn a_key_area_colours_who_came_from_it(#[case] form: Form) {
    let Some(app) = TestApp::start(form).await else { return };
    let official = app.official("").await;
    let from = |code: &str, on: String| json!({ "arrival": { "division_code": code, "on": on } });
    let before = declared(&app, 1, from("420102", day(&app, -1))).await;
    let elsewhere = declared(&app, 2, from("420200", day(&app, -1))).await;
    let csv = format!("division,from_day,until_day\n420100,{},\n4201,{},\n", day(&app, -5), day(&app, -5));
    let tried = import(&official, "kind=key_area_list&dry_run=true", csv.clone()).await;
    assert_eq!(figures(&tried), [1, 0, 1, 0, 1], "{tried}");
    assert_eq!(before.colour().await, "green");
    let done = import(&official, "kind=key_area_list", csv.clone()).await;
    assert_eq!(figures(&done), [1, 0, 1, 0, 1], "{done}");
    assert_eq!(reason(&before).await, is("yellow", "key_area"));
    assert_eq!(elsewhere.colour().await, "green");
    assert_eq!(figures(&import(&official, "kind=key_area_list", csv).await), [0, 1, 0, 0, 1]);
    let after = app.citizen().await;
    let made = after.declares(&resident_number(3), from("420103", day(&app, 0))).await.ok(201);
    assert_eq!((&made["colour"], &made["reason"]["code"]), (&json!("yellow"), &json!("key_area")), "{made}");
    assert!(integrity_of(&after).await.is_empty(), "the origin was stated");
    let long_ago = declared(&app, 4, from("420103", day(&app, -30))).await;
    assert_eq!(long_ago.colour().await, "green");
    let travelled = declared(&app, 5, json!({})).await;
    let trip = json!({ "from_division": "420104", "arrived_on": day(&app, 0), "transport": "train" });
    assert_eq!(travelled.post("/me/trips", trip.clone()).await.ok(201)["colour"], "yellow");
    travelled.post("/me/trips", trip).await.ok(201);
    assert_eq!(reason(&travelled).await, is("yellow", "key_area"), "a second one changes nothing");
    let areas = official.get("/health-records?kind=key_area_list").await.ok(200);
    let id = areas["items"][0]["id"].as_str().unwrap();
    official.delete(&format!("/health-records/{id}")).await.ok(204);
    for citizen in [&before, &after, &travelled] {
        assert_eq!(reason(citizen).await, is("green", "withdrawn"));
    }
}
