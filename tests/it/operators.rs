//! What operators and officials do about messages: call by hand, pause gateways, send dead letters again; and what the
//! notifier does by itself when a provider fails.

use std::time::Duration;

use mashang_tests::app::eventually;
use mashang_tests::fake_provider::{Accepted, FakeProvider, Fault};
use mashang_tests::settings::gateway;
use mashang_tests::{Client, Form, TestApp};
use reqwest::Method;
use rstest::rstest;
use serde_json::{Value, json};

const MINUTE: i64 = 60_000;

/// SMS among what a provider took, but for login codes.
fn warnings(provider: &FakeProvider) -> Vec<Accepted> {
    provider.accepted().into_iter().filter(|m| m.api.starts_with("Send") && m.template != "T_LOGIN").collect()
}

fn two_sms_gateways(second: &str) -> impl Fn(&str) -> String {
    move |first| {
        gateway("first", "aliyun_sms", first, "max_batch = 1\ntimeout_ms = 1000")
            + &gateway("second", "aliyun_sms", second, "max_batch = 1\ntimeout_ms = 1000")
            + &gateway("voice", "aliyun_voice", first, "")
    }
}

async fn state_of(admin: &Client, name: &str) -> Value {
    let seen = admin.get("/dispatch").await.ok(200);
    seen["gateways"].as_array().unwrap().iter().find(|g| g["name"] == name).cloned().unwrap_or(Value::Null)
}

async fn approved(app: &TestApp, people: usize) -> (mashang_tests::outbreak::Outbreak, String) {
    let outbreak = app.outbreak(people).await;
    let alert = outbreak.submitted().await;
    outbreak.approver.post(&format!("{alert}/approval"), outbreak.approval()).await.ok(200);
    (outbreak, alert)
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn who_cannot_be_reached_is_called_by_hand(#[case] form: Form) {
    let Some(app) = TestApp::start(form).await else { return };
    let outbreak = app.outbreak(3).await;
    let lost = &outbreak.exposed[0];
    app.provider.fail_for(&format!("+86{lost}"), Fault::NumberInvalid);
    let alert = outbreak.submitted().await;
    outbreak.approver.post(&format!("{alert}/approval"), outbreak.approval()).await.ok(200);
    let official = &outbreak.official;
    let open = async |client: &Client| client.get("/work-list?state=open").await.ok(200)["items"].clone();
    let listed = async || Some(open(official).await).filter(|items| items.as_array().unwrap().len() == 1);
    let item = eventually("somebody is on the list", listed).await[0].clone();
    assert_eq!(
        (&item["reason"], &item["level"], &item["calls"]),
        (&json!("not_reached"), &json!(3), &json!(0))
    );
    assert!(!item.to_string().contains(lost.as_str()), "the list shows masks: {item}");
    let path = format!("/work-list/{}", item["id"].as_str().unwrap());
    // Another division has no such list, and nobody reports what they have not taken.
    let elsewhere = app.official("110100").await;
    assert_eq!(open(&elsewhere).await, json!([]));
    elsewhere.post(&format!("{path}/take"), json!({})).await.problem(404, "not_found");
    let result = |word: &str| json!({ "result": word });
    official.post(&format!("{path}/result"), result("reached")).await.problem(409, "wrong_state");
    let taken = official.post(&format!("{path}/take"), json!({})).await.ok(200);
    assert_eq!((&taken["phone"], &taken["state"]), (&json!(format!("+86{lost}")), &json!("taken")));
    let colleague = app.official("530100").await;
    colleague.post(&format!("{path}/take"), json!({})).await.problem(409, "wrong_state");
    let again = official.post(&format!("{path}/result"), result("no_answer")).await.ok(200);
    assert_eq!((&again["state"], &again["calls"]), (&json!("open"), &json!(1)));
    official.post(&format!("{path}/result"), result("bored")).await.problem(422, "invalid");
    colleague.post(&format!("{path}/take"), json!({})).await.ok(200);
    let done = colleague.post(&format!("{path}/result"), result("visited")).await.ok(200);
    assert_eq!((&done["state"], &done["result"]), (&json!("done"), &json!("visited")));
    assert_eq!(open(official).await, json!([]));
    // The person can see who took their number, and why.
    let person = item["person_id"].as_str().unwrap();
    let auditor = app.auditor().await;
    let seen = auditor.get("/audit?limit=500").await.ok(200).to_string();
    assert!(seen.contains("work_list.take") && seen.contains(person), "taking is recorded");
    assert!(!seen.contains(lost.as_str()));
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[tokio::test]
async fn who_asks_for_a_call_is_on_the_list(#[case] form: Form) {
    let Some(app) = TestApp::start(form).await else { return };
    let (outbreak, _) = approved(&app, 2).await;
    app.drained().await;
    let person = app.sign_in_later(&outbreak.exposed[0]).await;
    let notices = person.get("/me/notices").await.ok(200);
    let notice = format!("/me/notices/{}/acknowledgement", notices["items"][0]["id"].as_str().unwrap());
    let list = async || outbreak.official.get("/work-list?state=open").await.ok(200)["items"].clone();
    person.post(&notice, json!({ "call_back": true })).await.ok(200);
    let item = list().await[0].clone();
    assert_eq!((&item["reason"], &item["person_id"]), (&json!("call_back"), &json!(person.person_id)));
    person.post(&notice, json!({ "call_back": false })).await.ok(200);
    assert_eq!(list().await, json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_holds_in_two_notifiers_and_over_a_restart() {
    let second = FakeProvider::start().await.unwrap();
    let Some(mut app) = TestApp::with_gateways(Form::Service, &[], two_sms_gateways(second.url())).await
    else {
        return;
    };
    let (mut other, _) = app.another_notifier().await.unwrap();
    let (admin, official) = (app.administrator().await, app.official("530100").await);
    official.post("/dispatch/first/pause", json!({})).await.problem(403, "forbidden");
    admin.post("/dispatch/nobody/pause", json!({})).await.problem(404, "not_found");
    // Login codes do not pass either, so everybody signs in before.
    let (now, later) = (app.outbreak(60).await, app.outbreak(40).await);
    let before = warnings(&app.provider).len();
    let paused = admin.post("/dispatch/first/pause", json!({})).await.ok(200);
    assert_eq!((&paused["paused"], &paused["channel"]), (&json!(true), &json!("sms")));
    admin.post("/dispatch/first/pause", json!({})).await.ok(200);
    // A pass of the sweep of both.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let alert = now.submitted().await;
    now.approver.post(&format!("{alert}/approval"), now.approval()).await.ok(200);
    eventually("all went elsewhere", async || (warnings(&second).len() == 60).then_some(())).await;
    assert_eq!(warnings(&app.provider).len(), before);
    // Both paused, both notifiers killed and started again: all wait.
    admin.post("/dispatch/second/pause", json!({})).await.ok(200);
    other.kill();
    app.notifier().kill();
    app.start_notifier().await.unwrap();
    let (_other, _) = app.another_notifier().await.unwrap();
    let alert = later.submitted().await;
    later.approver.post(&format!("{alert}/approval"), later.approval()).await.ok(200);
    let waiting = "SELECT COUNT(*) FROM delivery WHERE channel = 'sms' AND state = 'pending' AND code = 'gateways_paused'";
    eventually("all wait", async || (app.count(waiting).await == 40).then_some(())).await;
    assert_eq!((warnings(&app.provider).len(), warnings(&second).len()), (before, 60));
    assert_eq!(state_of(&admin, "second").await["paused"], true);
    admin.post("/dispatch/second/resume", json!({})).await.ok(200);
    eventually("all went out", async || (warnings(&second).len() == 100).then_some(())).await;
    assert_eq!(warnings(&app.provider).len(), before);
    let audit = app.auditor().await.get("/audit?limit=500").await.ok(200);
    let of =
        |action: &str| audit["items"].as_array().unwrap().iter().filter(|e| e["action"] == action).count();
    assert_eq!((of("dispatch.pause"), of("dispatch.resume")), (2, 1), "what changed nothing is not recorded");
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test(flavor = "multi_thread")]
async fn a_failing_provider_is_left_and_returns_by_and_by(#[case] form: Form) {
    let second = FakeProvider::start().await.unwrap();
    let changes = [("alerts.ladder_3", "sms")];
    let Some(app) = TestApp::with_gateways(form, &changes, two_sms_gateways(second.url())).await else {
        return;
    };
    let outbreak = app.outbreak(150).await;
    let alert = outbreak.submitted().await;
    let before = app.provider.calls();
    // Refused outright: nothing is unknown, everything goes to the other one at once.
    app.provider.fail_always(Some(Fault::Account));
    outbreak.approver.post(&format!("{alert}/approval"), outbreak.approval()).await.ok(200);
    eventually("all went elsewhere", async || (warnings(&second).len() == 150).then_some(())).await;
    let counts = outbreak.official.get(&alert).await.ok(200)["counts"].clone();
    assert_eq!((&counts["failed"], &counts["unknown"]), (&json!(0), &json!(0)), "{counts}");
    let asked = app.provider.calls() - before;
    assert!(asked < 140, "{asked} calls at a provider that refuses the account");
    let metrics = async || match form {
        Form::Sqlite => app.anyone().send_raw(Method::GET, "/metrics", None).await.text(),
        Form::Service => app.notifier_metrics().await,
    };
    assert!(metrics().await.contains("mashang_gateway_share{gateway=\"first\"} 0"), "{}", metrics().await);
    let mut seen = std::collections::HashSet::new();
    assert!(warnings(&second).iter().all(|m| seen.insert(m.phone.clone())), "nobody twice");
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test(flavor = "multi_thread")]
async fn a_number_that_had_enough_is_not_offered_again(#[case] form: Form) {
    let tables = |endpoint: &str| {
        gateway("sms", "aliyun_sms", endpoint, "per_number_day = 2")
            + &gateway("voice", "aliyun_voice", endpoint, "")
    };
    let Some(app) = TestApp::with_gateways(form, &[], tables).await else { return };
    let outbreak = app.outbreak(2).await;
    let [full, fresh] = &outbreak.exposed[..] else { unreachable!() };
    // Two login codes are what the provider allows that number today.
    app.sign_in(full).await;
    app.sign_in_later(full).await;
    let calls = app.provider.accepted().len();
    assert_eq!(app.sms_to(full).len(), 2);
    let alert = outbreak.submitted().await;
    outbreak.approver.post(&format!("{alert}/approval"), outbreak.approval()).await.ok(200);
    app.drained().await;
    eventually("the call came", async || (app.messages_to(full).len() == 3).then_some(())).await;
    assert_eq!(app.sms_to(full).len(), 2, "it was not even offered");
    assert_eq!(app.sms_to(fresh).len(), 1);
    assert!(app.provider.accepted().len() > calls);
    let admin = app.administrator().await;
    let dead = admin.get("/dispatch/dead-letters").await.ok(200);
    assert_eq!(dead["items"][0]["code"], "number_capped", "{dead}");
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_are_sent_again_all_at_once(#[case] form: Form) {
    let changes = [("dispatch.max_tries", "1"), ("alerts.ladder_3", "sms")];
    let Some(app) = TestApp::with(form, &changes).await else { return };
    let outbreak = app.outbreak(25).await;
    app.provider.fail_always(Some(Fault::NumberInvalid));
    let alert = outbreak.submitted().await;
    outbreak.approver.post(&format!("{alert}/approval"), outbreak.approval()).await.ok(200);
    let admin = app.administrator().await;
    let dead = async || {
        admin.get("/dispatch/dead-letters?limit=500").await.ok(200)["items"].as_array().unwrap().len()
    };
    eventually("all are dead letters", async || (dead().await == 25).then_some(())).await;
    app.provider.fail_always(None);
    let resend = async |body: Value| admin.post("/dispatch/dead-letters/resend", body).await;
    assert_eq!(resend(json!({ "reason": "tries_spent" })).await.ok(200)["resent"], 0);
    resend(json!({ "reason": "No such!" })).await.problem(422, "invalid");
    outbreak.official.post("/dispatch/dead-letters/resend", json!({})).await.problem(403, "forbidden");
    let told = resend(json!({})).await.ok(200);
    assert_eq!(told, json!({ "resent": 25, "more": false }));
    assert_eq!(resend(json!({})).await.ok(200)["resent"], 0, "once is enough");
    eventually("all went out", async || (warnings(&app.provider).len() == 25).then_some(())).await;
    app.clock.advance(MINUTE).await;
    assert_eq!(dead().await, 0);
}
