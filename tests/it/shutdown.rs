//! SIGTERM: what is in work is finished, nothing new is begun, and the exit is clean and in time.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use mashang_domain::person::Role;
use mashang_tests::persona::PASSWORD;
use mashang_tests::{Form, TestApp};
use reqwest::Method;
use rstest::rstest;
use serde_json::json;

/// The settings' 10 s and a little for a loaded machine.
const LIMIT: Duration = Duration::from_secs(13);

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_in_work_are_answered_before_the_exit(#[case] form: Form) {
    let Some(mut app) = TestApp::start(form).await else { return };
    let names = ["slow.one", "slow.two", "slow.three", "slow.four"];
    for name in names {
        app.add_staff(name, Role::Guard, "", true).await;
    }
    // Passwords take long by intent: eight of them, as many as may be, are in work when the signal comes.
    let log_in = async |(client, name): (mashang_tests::Client, &str)| {
        let body = json!({ "username": name, "password": PASSWORD }).to_string().into_bytes();
        client.try_send_raw(Method::POST, "/staff/sessions", Some(("application/json", body))).await
    };
    let clients: Vec<_> = names.into_iter().cycle().take(8).map(|name| (app.anyone(), name)).collect();
    for (client, _) in &clients {
        client.get("/healthz").await.ok(200);
    }
    let in_work = tokio::spawn(async move { join_all(clients.into_iter().map(log_in)).await });
    tokio::time::sleep(Duration::from_millis(150)).await;
    let begun = Instant::now();
    app.api().signal("TERM");
    let answers = in_work.await.unwrap();
    let status = app.api().wait(LIMIT);
    let took = begun.elapsed();
    let failures: Vec<_> = answers.iter().filter_map(|a| a.as_ref().err()).collect();
    assert!(failures.is_empty(), "cut off: {failures:?}");
    assert!(answers.iter().flatten().all(|a| a.status == 201), "every one was let in");
    assert_eq!(status.and_then(|s| s.code()), Some(0), "after {took:?}");
    assert!(took < LIMIT, "{took:?}");
    let late = app.anyone().try_send_raw(Method::GET, "/healthz", None).await;
    assert!(late.is_err_and(|e| e.is_connect()), "nobody listens any more");
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_process_ends_at_once_and_starts_again(#[case] form: Form) {
    let Some(mut app) = TestApp::start(form).await else { return };
    let citizen = app.citizen().await;
    let begun = Instant::now();
    assert_eq!(app.api().terminate(LIMIT).and_then(|s| s.code()), Some(0));
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    app.start_api().unwrap();
    citizen.get("/me").await.ok(200);
    if form == Form::Service {
        assert_eq!(app.notifier().terminate(LIMIT).and_then(|s| s.code()), Some(0));
        app.start_notifier().await.unwrap();
    }
    app.citizen().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_signal_ends_it_now() {
    let mut app = TestApp::start(Form::Sqlite).await.unwrap();
    app.api().signal("TERM");
    app.api().signal("TERM");
    assert!(app.api().wait(Duration::from_secs(5)).is_some());
}
