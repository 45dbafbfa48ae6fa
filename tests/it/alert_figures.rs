//! What the metrics say of alerts is what officials are shown.

use mashang_tests::app::eventually;
use mashang_tests::{Form, TestApp};
use rstest::rstest;

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn the_metrics_count_the_deliveries_that_officials_see(#[case] form: Form) {
    let Some(app) = TestApp::start(form).await else { return };
    let outbreak = app.outbreak(5).await;
    let alert = outbreak.submitted().await;
    outbreak.approver.post(&format!("{alert}/approval"), outbreak.approval()).await.ok(200);
    app.drained().await;
    app.receipts_arrive(true).await;
    let counted = async || {
        // They are read once a minute.
        app.clock.advance(60_000).await;
        let text = app.notifier_metrics().await;
        let shown = outbreak.official.get(&alert).await.ok(200)["counts"].clone();
        let all = shown.as_object().unwrap().iter();
        let of = |state: &str| {
            let series = format!("mashang_alert_deliveries{{state=\"{state}\"}} ");
            text.lines().find_map(|line| line.strip_prefix(&series)?.parse::<f64>().ok())
        };
        (shown["delivered"].as_u64() > Some(0)
            && all.clone().all(|(state, n)| of(state).is_some_and(|m| Some(m) == n.as_f64())))
        .then(|| all.filter_map(|(_, n)| n.as_u64()).sum::<u64>())
    };
    assert_eq!(eventually("metrics and api say the same", counted).await, 10, "an SMS and a call for each");
}
