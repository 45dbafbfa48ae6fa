//! Subscribe messages on their way through the dispatcher: to an account, at most once.

use mashang_tests::app::eventually;
use mashang_tests::fake_platform::FakePlatform;
use mashang_tests::fake_provider::{Accepted, Fault};
use mashang_tests::settings::{gateway, gateways};
use mashang_tests::{Form, TestApp};
use rstest::rstest;
use sea_orm::{ConnectionTrait, DbBackend};
use serde_json::json;
use uuid::Uuid;

use super::bound;

/// The usual gateways and one that writes in WeChat.
async fn start(form: Form) -> Option<(TestApp, FakePlatform)> {
    let platform = FakePlatform::start().await.unwrap();
    let own = platform.settings();
    let mut all: Vec<(&str, &str)> = own.iter().map(|(key, value)| (*key, value.as_str())).collect();
    all.push(("dispatch.reconcile_seconds", "1"));
    let app = TestApp::with_gateways(form, &all, |url| {
        gateways(url)
            + &gateway(
                "wechat",
                "wechat_subscribe",
                url,
                "fields = { date = \"time1\", hotline = \"phone_number2\" }",
            )
    });
    Some((app.await?, platform))
}

/// Puts a message to a person in the queue, as a reminder would: a row that is due.
async fn remind(app: &TestApp, person: &str) -> Uuid {
    let id = Uuid::now_v7();
    let db = app.db().await;
    let uuid = |text: &str| match db.get_database_backend() {
        DbBackend::Postgres => format!("'{text}'"),
        _ => format!("x'{}'", text.replace('-', "")),
    };
    let (now, variables) = (app.now().0, json!({ "date": "2020年2月12日", "hotline": "12345" }));
    let sql = format!(
        "INSERT INTO delivery (id, person_id, level, rung, rung_kind, channel, template_key, variables, urgent, drill, state, \
         due_at, expires_at, tries, epoch, possible_duplicates, created_at) VALUES ({}, {}, 2, 0, 'subscribe', 'subscribe', \
         'alert_2', '{variables}', false, false, 'pending', {now}, {}, 0, 0, 0, {now})",
        uuid(&id.to_string()),
        uuid(person),
        now + 3_600_000,
    );
    db.execute_unprepared(&sql).await.unwrap();
    id
}

fn written(app: &TestApp) -> Vec<Accepted> {
    app.provider.accepted().into_iter().filter(|m| m.api == "subscribe").collect()
}

async fn ends_as(app: &TestApp, state: &str, code: &str) {
    let sql = format!(
        "SELECT COUNT(*) FROM delivery WHERE channel = 'subscribe' AND state = '{state}' AND coalesce(code, '') LIKE '{code}'"
    );
    eventually(state, async || (app.count(&sql).await == 1).then_some(())).await;
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn a_person_is_written_to_at_their_account(#[case] form: Form) {
    let Some((app, platform)) = start(form).await else { return };
    let session = bound(&app, &platform, "oReminded", &app.fresh_phone()).await;
    remind(&app, session["person"]["id"].as_str().unwrap()).await;
    ends_as(&app, "accepted", "").await;
    let message = &written(&app)[0];
    assert_eq!((message.phone.as_str(), message.template.as_str()), ("oReminded", "T_2"));
    assert_eq!(message.variables, json!({ "time1": "2020年2月12日", "phone_number2": "12345" }));
    assert!(!app.logs().contains("oReminded"));
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn a_lost_answer_is_never_sent_again(#[case] form: Form) {
    let Some((app, platform)) = start(form).await else { return };
    let session = bound(&app, &platform, "oLost", &app.fresh_phone()).await;
    app.provider.fail_for("oLost", Fault::LostAnswer);
    remind(&app, session["person"]["id"].as_str().unwrap()).await;
    ends_as(&app, "failed", "answer_lost").await;
    app.drained().await;
    assert_eq!(written(&app).len(), 1, "WeChat had it");
}

#[tokio::test]
async fn who_has_no_account_or_refused_is_not_tried_again() {
    let Some((app, platform)) = start(Form::Sqlite).await else { return };
    let citizen = app.citizen().await;
    remind(&app, &citizen.person_id).await;
    ends_as(&app, "unreachable", "no_account").await;
    let session = bound(&app, &platform, "oRefused", &app.fresh_phone()).await;
    app.provider.fail_for("oRefused", Fault::NumberInvalid);
    remind(&app, session["person"]["id"].as_str().unwrap()).await;
    ends_as(&app, "failed", "number_invalid: 43101").await;
    assert_eq!(written(&app).len(), 0);
}
