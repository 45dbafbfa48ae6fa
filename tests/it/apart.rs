//! A call that is refused because of one of its numbers is made again for each of them by itself.

use mashang_tests::fake_provider::Fault;
use mashang_tests::{Form, TestApp, settings};

/// Calls a second, and people in the call that is refused.
const RATE: i64 = 5;
const PEOPLE: usize = 11;

#[tokio::test]
async fn calls_for_each_number_keep_to_the_pace_of_the_gateway() {
    let tables = |url: &str| {
        let table = settings::gateway("sms", "aliyun_sms", url, "max_batch = 20");
        table.replace("rate_per_second = 500", &format!("rate_per_second = {RATE}"))
    };
    let ladder = [("alerts.ladder_3", "sms,work_list")];
    let Some(app) = TestApp::with_gateways(Form::Sqlite, &ladder, tables).await else { return };
    let outbreak = app.outbreak(PEOPLE).await;
    app.provider.fail_for(&format!("+86{}", outbreak.exposed[4]), Fault::NumberInvalid);
    let alert = outbreak.submitted().await;
    outbreak.approver.post(&format!("{alert}/approval"), outbreak.approval()).await.ok(200);
    app.drained().await;

    let mut taken: Vec<_> = app.provider.accepted().into_iter().filter(|m| m.template == "T_3").collect();
    taken.sort_by_key(|m| m.at);
    assert_eq!(taken.len(), PEOPLE - 1, "everybody but the bad number");
    assert!(app.provider.calls() > PEOPLE, "they shared a call at first");
    // After a lull three calls may follow at once: the refused one and two for single numbers.
    let (first, last) = (taken[0].at, taken[taken.len() - 1].at);
    let least = (PEOPLE as i64 - 3) * 1_000 / RATE;
    assert!(last - first >= least, "{PEOPLE} calls in {} ms, at {RATE} a second", last - first);
}
