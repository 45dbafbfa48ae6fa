//! Figures of the health code: right, of the own division only, and nobody in them.

use mashang_domain::time::DAY;
use mashang_tests::{Form, TestApp};
use rstest::rstest;
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::decisions::{changes, green, noon};
use crate::spreadsheets::{POISON, rows_of_text};

/// People with a code, written as rows: (division, colour, how many).
async fn people(app: &TestApp, people: &[(&str, &str, i64)]) {
    let (conn, now) = (app.db().await, app.clock.now().0);
    for (division, colour, n) in people {
        for _ in 0..*n {
            let id = Uuid::new_v4();
            let id = if app.form == Form::Sqlite { format!("x'{}'", id.simple()) } else { format!("'{id}'") };
            let code_ref = i64::from_be_bytes(Uuid::new_v4().as_bytes()[..8].try_into().unwrap());
            let sql = format!(
                "INSERT INTO health (person_id, code_ref, division_code, colour, reason, rule_version, since, days_required, days_left, last_at, reminders) \
                 VALUES ({id}, {code_ref}, '{division}', '{colour}', 'x', 1, {now}, 0, 0, {now}, 'sms')"
            );
            conn.execute_unprepared(&sql).await.unwrap();
        }
    }
}

async fn entries(app: &TestApp, kind: &str, reason: &str, division: &str, n: i64) {
    let (conn, now) = (app.db().await, app.clock.now().0);
    for _ in 0..n {
        let id = Uuid::now_v7();
        let id = if app.form == Form::Sqlite { format!("x'{}'", id.simple()) } else { format!("'{id}'") };
        let reason = reason.replace('\'', "''");
        let sql = format!(
            "INSERT INTO health_change (id, person_id, division_code, at, kind, from_colour, to_colour, reason, rule_set, rule_version, \
             days_left, actor_kind, actor_id) VALUES ({id}, {id}, '{division}', {now}, '{kind}', 'green', 'yellow', '{reason}', 'r', 1, 7, 'system', 'x')"
        );
        conn.execute_unprepared(&sql).await.unwrap();
    }
}

fn row<'a>(rows: &'a Value, field: &str, value: &str) -> &'a Value {
    let found = rows.as_array().unwrap().iter().find(|row| row[field] == value);
    found.unwrap_or_else(|| panic!("no {field} = {value}: {rows}"))
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn people_are_counted_by_division_and_colour_and_few_are_hidden(#[case] form: Form) {
    let Some(app) = TestApp::start(form).await else { return };
    let rows = [
        ("330106", "green", 12),
        ("330106", "red", 3),
        ("330108", "green", 7),
        ("330108", "red", 6),
        ("330110", "red", 9),
        ("330200", "green", 5),
        ("530102", "green", 8),
    ];
    people(&app, &rows).await;
    let official = app.official("330100").await;
    let seen = official.get("/statistics/colours").await.ok(200);
    assert_eq!(seen["division"], "330100");
    assert_eq!(seen["people"].as_array().unwrap().len(), 3, "the own division only: {seen}");
    let of = |division: &str| row(&seen["people"], "division", division).clone();
    let expected = json!({ "division": "330106", "grey": 0, "green": 12, "yellow": 0, "red": null });
    assert_eq!(of("330106"), expected, "few are hidden");
    assert_eq!(
        (&of("330108")["green"], &of("330108")["red"]),
        (&json!(7), &Value::Null),
        "and one with them"
    );
    assert_eq!(of("330110")["red"], 9);
    let province = app.staff(mashang_domain::person::Role::Auditor, "330000").await;
    let seen = province.get("/statistics/colours").await.ok(200);
    let hangzhou = row(&seen["people"], "division", "330100");
    assert_eq!((&hangzhou["green"], &hangzhou["red"]), (&json!(19), &json!(18)), "{seen}");
    assert_eq!(row(&seen["people"], "division", "330200")["green"], 5);
    let one = official.get("/statistics/colours?division=330106").await.ok(200);
    assert_eq!(row(&one["people"], "division", "330106")["red"], Value::Null);
    for other in ["530100", "330000", "330200"] {
        official.get(&format!("/statistics/colours?division={other}")).await.problem(404, "not_found");
        official.get(&format!("/statistics/colours.csv?division={other}")).await.problem(404, "not_found");
    }
    for query in [
        "division=33",
        "from=2020-2-1",
        "until=x",
        "from=2020-02-12&until=2020-02-11",
        "from=2020-01-01&until=2020-02-01",
    ] {
        official.get(&format!("/statistics/colours?{query}")).await.problem(422, "invalid");
    }
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn what_happened_is_counted_by_day(#[case] form: Form) {
    let Some(app) = TestApp::start(form).await else { return };
    noon(&app).await;
    let official = app.official("330100").await;
    for n in 1..=6 {
        let citizen = green(&app, n).await;
        citizen.checks_in().await.ok(201);
        changes(&official, &citizen.person_id, "yellow", "clinical_finding").await.ok(201);
        citizen.post("/me/appeals", json!({ "text": "请复核" })).await.ok(201);
    }
    entries(&app, "manual", "manual", "530102", 20).await;
    let today = app.clock.now().shanghai_day().to_string();
    let seen = official.get("/statistics/colours").await.ok(200);
    let manual = row(&seen["changes"], "reason", "manual");
    let expected = json!({ "day": today, "from": "green", "to": "yellow", "reason": "manual", "count": 6 });
    assert_eq!(*manual, expected, "{seen}");
    assert_eq!(seen["by_hand"], json!([{ "day": today, "division": "330106", "count": 6 }]));
    assert_eq!(
        (&seen["appeals"][0]["day"], &seen["appeals"][0]["filed"]),
        (&json!(today), &json!(6)),
        "{seen}"
    );
    assert_eq!(seen["check_ins"], json!([{ "day": today, "count": 6 }]));
    // One decision: nobody learns of it here. The day after, what nobody decided is overdue.
    let other = app.official("330100").await;
    let list = other.get("/appeals?state=open").await.ok(200);
    let decision = format!("/appeals/{}/decision", list["items"][0]["id"].as_str().unwrap());
    other.post(&decision, json!({ "decision": "reject", "reason": "维持" })).await.ok(200);
    app.clock.advance(DAY + 60_000).await;
    let official = app.official("330100").await;
    let seen = official.get("/statistics/colours").await.ok(200);
    let day = row(&seen["appeals"], "day", &today);
    assert_eq!(
        (&day["filed"], &day["rejected"], &day["granted"]),
        (&json!(6), &Value::Null, &json!(0)),
        "{seen}"
    );
    let tomorrow = app.clock.now().shanghai_day().to_string();
    assert_eq!(row(&seen["appeals"], "day", &tomorrow)["overdue"], 5, "{seen}");
    let past = official.get("/statistics/colours?from=2020-01-01&until=2020-01-31").await.ok(200);
    for part in ["changes", "by_hand", "appeals", "check_ins"] {
        assert_eq!(past[part], json!([]), "{part}");
    }
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn no_cell_of_the_figures_is_a_formula(#[case] form: Form) {
    let Some(app) = TestApp::start(form).await else { return };
    for reason in POISON {
        entries(&app, "record", reason, "330106", 5).await;
    }
    people(&app, &[("330106", "red", 2)]).await;
    let official = app.official("330100").await;
    let reply = official.get("/statistics/colours.csv").await;
    let rows = rows_of_text(&app, &reply, &POISON);
    assert_eq!(rows.iter().filter(|row| &row[0] == "changes").count(), POISON.len(), "{rows:?}");
    let few = rows.iter().find(|row| &row[0] == "people").unwrap();
    assert_eq!((&few[2], &few[4], &few[6]), ("330106", "red", "<5"));
}
