//! Redis may be wiped at any time: that costs delay, and never a warning, nor makes one come twice.

use std::collections::BTreeMap;
use std::time::Duration;

use mashang_tests::private_redis::PrivateRedis;
use mashang_tests::{Form, TestApp};

const PEOPLE: usize = 400;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_is_warned_once_while_redis_forgets_everything() {
    let Some(redis) = PrivateRedis::start() else { return };
    let Some(app) = TestApp::with(Form::Service, &[("redis.url", &redis.url())]).await else { return };
    let outbreak = app.outbreak(PEOPLE).await;
    let alert = outbreak.submitted().await;
    // Nobody watches an idle queue being wiped: there is something in it each time.
    let wipe = async {
        for n in 0..60 {
            redis.command(&["FLUSHALL"]).unwrap();
            tokio::time::sleep(Duration::from_millis(10 + n)).await;
        }
    };
    let approve =
        async { outbreak.approver.post(&format!("{alert}/approval"), outbreak.approval()).await.ok(200) };
    tokio::join!(wipe, approve);
    app.drained().await;
    let mut sent: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for message in app.provider.accepted().into_iter().filter(|m| m.template != "T_LOGIN") {
        sent.entry(message.phone).or_default().push(message.api);
    }
    let wrong: Vec<_> = outbreak
        .exposed
        .iter()
        .filter(|phone| {
            let apis = sent.get(&format!("+86{phone}")).cloned().unwrap_or_default();
            // Twenty minutes together is level 3: a message and a call.
            apis.len() != 2 || apis.iter().filter(|api| *api == "SingleCallByTts").count() != 1
        })
        .collect();
    assert!(wrong.is_empty(), "{} of {PEOPLE} were not warned once", wrong.len());
    assert_eq!(sent.len(), PEOPLE, "and nobody else");
    // It goes on working: who asks for a code gets one.
    app.citizen().await;
}
