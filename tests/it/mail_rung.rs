//! The rung of e-mail: the officials of an alert's division get one summary of it each, through a real SMTP server.

use std::time::Duration;

use mashang_domain::person::Role;
use mashang_tests::app::eventually;
use mashang_tests::persona::PASSWORD;
use mashang_tests::{Form, Staff, TestApp, settings};
use rstest::rstest;
use serde_json::{Value, json};

use crate::gateways::mail::MailServer;

/// With a rung of e-mail at level 3, and summaries that go out as soon as the alert is fanned out.
async fn start(form: Form, server: &MailServer) -> Option<TestApp> {
    let changes = [("alerts.ladder_3", "sms,email,work_list"), ("alerts.email_after_minutes", "0")];
    let tables =
        |url: &str| format!("{}[[gateways]]\n{}", settings::gateways(url), server.text("smtps", "smtps"));
    TestApp::with_gateways(form, &changes, tables).await
}

/// Adds a member of staff with an address.
async fn add(admin: &Staff, name: &str, role: &str, division: &str, email: Option<&str>) -> String {
    let mut body = json!({ "username": name, "password": PASSWORD, "role": role });
    if !division.is_empty() {
        body["division"] = json!(division);
    }
    if let Some(email) = email {
        body["email"] = json!(email);
    }
    admin.post("/staff", body).await.ok(201)["id"].as_str().unwrap().to_owned()
}

/// The deliveries of staff, by the member's id.
async fn of_staff(official: &Staff, alert: &str) -> Vec<Value> {
    let all = official.get(&format!("{alert}/deliveries?limit=100")).await.ok(200);
    let all = all["items"].as_array().unwrap().clone();
    all.into_iter().filter(|d| d["channel"] == "email").collect()
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn officials_get_one_summary_of_an_alert(#[case] form: Form) {
    let Some(server) = MailServer::start() else { return };
    let Some(app) = start(form, &server).await else { return };
    let admin = app.administrator().await;
    let near = add(&admin, "near", "official", "530100", Some("Near.One@example.org")).await;
    let wide = add(&admin, "wide", "approver", "", Some("wide@example.org")).await;
    add(&admin, "far", "official", "330100", Some("far@example.org")).await;
    add(&admin, "part", "official", "530102", Some("part@example.org")).await;
    add(&admin, "guard", "guard", "530100", Some("guard@example.org")).await;
    let gone = add(&admin, "gone", "official", "530100", Some("gone@example.org")).await;
    admin.patch(&format!("/staff/{gone}"), json!({ "disabled": true })).await.ok(200);
    let outbreak = app.outbreak(3).await;
    let alert = outbreak.submitted().await;
    outbreak.approver.post(&format!("{alert}/approval"), outbreak.approval()).await.ok(200);
    app.drained().await;
    let letters = [server.letter(), server.letter()];
    let mut to: Vec<&str> = letters.iter().map(|l| l["to"][0].as_str().unwrap()).collect();
    to.sort_unstable();
    assert_eq!(to, ["Near.One@example.org", "wide@example.org"]);
    let id = alert.strip_prefix("/alerts/").unwrap();
    for letter in &letters {
        let text = letter["text"].as_str().unwrap().replace("\r\n", "\n");
        let (zh, en) = text.trim_end().split_once("\n\n").unwrap();
        assert!(zh.starts_with("【云南抗疫情】") && zh.contains(&id[..8]), "{text}");
        assert!(zh.contains("高风险3人，中风险0人，低风险0人") && zh.contains("人工联络名单0人"), "{text}");
        assert!(en.contains("3 at high, 0 at middle and 0 at low risk") && en.contains(&id[..8]), "{text}");
        assert!(!text.contains("://") && !text.contains("www."), "no links: {text}");
        assert!(outbreak.exposed.iter().all(|phone| !text.contains(&phone[..8])), "no numbers: {text}");
        assert_eq!(letter["headers"]["subject"], "疫情提醒任务概况");
    }
    // Nobody else gets any, and those without an address are said to have none.
    let rows = of_staff(&outbreak.official, &alert).await;
    let state =
        |id: &str| rows.iter().find(|d| d["staff_id"] == id).map(|d| (d["state"].clone(), d["code"].clone()));
    assert_eq!(state(&near), Some((json!("accepted"), Value::Null)));
    assert_eq!(state(&wide), Some((json!("accepted"), Value::Null)));
    assert_eq!(state(&outbreak.official.id), Some((json!("unreachable"), json!("no_address"))));
    assert_eq!(state(&gone), None);
    assert!(rows.iter().all(|d| d["person_id"].is_null() && d["phone_masked"].is_null()), "{rows:?}");
    // They are no people who are warned, and the alert does not wait for them.
    let shown = outbreak.official.get(&alert).await.ok(200);
    assert_eq!(shown["counts"]["accepted"], 3, "{shown}");
    assert_eq!(shown["counts"]["unreachable"], 0, "{shown}");
    app.clock.advance(60_000).await;
    app.drained().await;
    assert!(server.took_nothing(), "once each");
    assert!(!app.logs().contains("example.org"), "no address in a log");
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn a_summary_is_resent_under_its_id_retried_and_given_up(#[case] form: Form) {
    let Some(server) = MailServer::start() else { return };
    let Some(app) = start(form, &server).await else { return };
    let admin = app.administrator().await;
    let lost = add(&admin, "lost", "official", "530100", Some("lost@example.org")).await;
    let unknown = add(&admin, "unknown", "official", "530100", Some("unknown@example.org")).await;
    let grey = add(&admin, "grey", "official", "530100", Some("grey@example.org")).await;
    let outbreak = app.outbreak(2).await;
    let alert = outbreak.submitted().await;
    outbreak.approver.post(&format!("{alert}/approval"), outbreak.approval()).await.ok(200);
    // The answer to `lost` never comes: it is written to again, under the same Message-ID and with the same words.
    let (first, second) = (server.letter(), server.letter());
    assert_eq!((&first["to"][0], &second["to"][0]), (&json!("lost@example.org"), &json!("lost@example.org")));
    assert_eq!(first["headers"]["message-id"], second["headers"]["message-id"]);
    assert_eq!(first["text"], second["text"]);
    let states = async || {
        let rows = of_staff(&outbreak.official, &alert).await;
        let of = |id: &str| rows.iter().find(|d| d["staff_id"] == *id).cloned().unwrap_or_default();
        let (unknown, grey) = (of(&unknown), of(&grey));
        (unknown["state"] == "failed" && grey["tries"].as_i64() >= Some(1)).then_some((
            of(&lost),
            unknown,
            grey,
        ))
    };
    let (_, unknown, grey) = eventually("they are tried", states).await;
    assert_eq!(unknown["code"], "number_invalid: 550 5.1.1");
    assert_eq!((&grey["state"], &grey["code"]), (&json!("pending"), &json!("450 4.2.0")));
    let letters = admin.get("/dispatch/dead-letters").await.ok(200);
    let dead = letters["items"].as_array().unwrap().iter().find(|d| d["id"] == unknown["id"]);
    assert!(dead.is_some_and(|d| d["channel"] == "email"), "{letters}");
    // Meanwhile somebody asks for a call, and stands on the work list.
    let person = app.sign_in(&outbreak.exposed[0]).await;
    let notices = person.get("/me/notices").await.ok(200);
    let notice = notices["items"][0]["id"].as_str().unwrap();
    let asked =
        person.post(&format!("/me/notices/{notice}/acknowledgement"), json!({ "call_back": true })).await;
    assert!((200..300).contains(&asked.status), "{}", asked.text());
    assert_eq!(app.count("SELECT COUNT(*) FROM work_item WHERE state = 'open'").await, 1);
    // Its address is put right, and an operator sends it again: it says what the others said.
    let member = unknown["staff_id"].as_str().unwrap();
    admin.patch(&format!("/staff/{member}"), json!({ "email": "right@example.org" })).await.ok(200);
    let again = format!("/dispatch/dead-letters/{}/resend", unknown["id"].as_str().unwrap());
    admin.post(&again, json!({})).await.ok(200);
    let arrived = async || {
        let letter = server.try_letter(Duration::from_millis(20))?;
        (letter["to"][0] == "right@example.org").then(|| letter["text"].clone())
    };
    assert_eq!(eventually("the letter arrives", arrived).await, first["text"]);
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn a_cancelled_alert_tells_its_officials_nothing(#[case] form: Form) {
    let Some(server) = MailServer::start() else { return };
    // The call that waits keeps the alert open.
    let changes =
        [("alerts.ladder_3", "sms,call_without_receipt,email"), ("alerts.email_after_minutes", "30")];
    let tables =
        |url: &str| format!("{}[[gateways]]\n{}", settings::gateways(url), server.text("smtps", "smtps"));
    let Some(app) = TestApp::with_gateways(form, &changes, tables).await else { return };
    let admin = app.administrator().await;
    add(&admin, "near", "official", "530100", Some("near@example.org")).await;
    let outbreak = app.outbreak(2).await;
    let alert = outbreak.submitted().await;
    outbreak.approver.post(&format!("{alert}/approval"), outbreak.approval()).await.ok(200);
    app.drained().await;
    let waits = async || {
        of_staff(&outbreak.official, &alert).await.iter().any(|d| d["state"] == "pending").then_some(())
    };
    eventually("the summary waits", waits).await;
    outbreak.approver.post(&format!("{alert}/cancellation"), json!({ "reason": "错了" })).await.ok(200);
    app.clock.advance(31 * 60_000).await;
    app.drained().await;
    assert!(of_staff(&outbreak.official, &alert).await.iter().all(|d| d["state"] != "accepted"));
    assert!(server.took_nothing());
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn the_address_of_a_member_of_staff_is_masked_changed_and_audited(#[case] form: Form) {
    let Some(app) = TestApp::start(form).await else { return };
    let (admin, auditor) = (app.administrator().await, app.auditor().await);
    let id = add(&admin, "li.na", "official", "530100", Some(" li.na@CDC.example.cn")).await;
    let member = async || {
        let page = admin.get("/staff?limit=100").await.ok(200);
        page["items"].as_array().unwrap().iter().find(|s| s["id"] == *id).cloned().unwrap()
    };
    assert_eq!(member().await["email_masked"], "l***@cdc.example.cn");
    let path = format!("/staff/{id}");
    admin.patch(&path, json!({ "disabled": false })).await.ok(200);
    assert_eq!(member().await["email_masked"], "l***@cdc.example.cn", "what is not named stays");
    let changed = admin.patch(&path, json!({ "email": "na@example.org" })).await.ok(200);
    assert_eq!(changed["email_masked"], "n***@example.org");
    admin.patch(&path, json!({ "email": "nobody" })).await.problem(422, "invalid");
    admin.patch(&path, json!({ "email": null })).await.ok(200);
    assert_eq!(member().await["email_masked"], Value::Null);
    let log = auditor.get("/audit?limit=100").await.ok(200);
    let entries = log["items"].as_array().unwrap().iter().filter(|e| e["object_id"] == *id);
    let said: Vec<Value> = entries.map(|e| e["detail"]["email"].clone()).collect();
    assert_eq!(said, [json!("removed"), json!("set"), Value::Null, json!("set")]);
    assert!(!log.to_string().contains("example"), "the log holds no address");
    let file = app.path("password");
    std::fs::write(&file, PASSWORD).unwrap();
    let file = file.to_str().unwrap();
    let args = ["staff", "add", "--username", "wu", "--role", "official", "--password-file", file, "--email"];
    let wrong = app.command(&[&args[..], &["wu"]].concat()).await;
    assert!(!wrong.status.success());
    let right = app.command(&[&args[..], &["wu@example.org"]].concat()).await;
    assert!(right.status.success(), "{}", String::from_utf8_lossy(&right.stderr));
    let page = admin.get("/staff?limit=100").await.ok(200);
    let wu = page["items"].as_array().unwrap().iter().find(|s| s["username"] == "wu").cloned().unwrap();
    assert_eq!((&wu["email_masked"], &wu["role"]), (&json!("w***@example.org"), &json!(Role::Official)));
}
