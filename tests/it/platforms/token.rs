//! The access token: one fetches, all use it, nobody finds it in clear.

use futures_util::future::join_all;
use mashang_tests::Form;
use rstest::rstest;

use super::{both, bound, wechat_binding, wechat_phone};

const TOKEN: &str = "/cgi-bin/stable_token";
const PHONE: &str = "/wxa/business/getuserphonenumber";

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn one_fetches_and_all_use_it(#[case] form: Form) {
    let Some((mut app, platform)) = both(form).await else { return };
    let mut waiting = Vec::new();
    for n in 0..12 {
        let openid = format!("oMany{n}");
        let token = wechat_binding(&app, &platform, &openid).await;
        waiting.push((token, platform.wechat_phone_code(&openid, &app.fresh_phone())));
    }
    let replies = join_all(waiting.iter().map(|(token, code)| wechat_phone(&app, token, code))).await;
    assert!(replies.iter().all(|r| r.status == 201), "{replies:?}");
    assert_eq!(platform.calls(TOKEN), 1);
    // Another start of the process finds it in the database.
    app.api().kill();
    app.start_api().unwrap();
    bound(&app, &platform, "oLater", &app.fresh_phone()).await;
    assert_eq!(platform.calls(TOKEN), 1);
    let stored = format!("{:?}", app.rows().await);
    let hex = data_encoding::HEXLOWER.encode("TTTTTTTT".as_bytes());
    assert!(!stored.contains("TTTTTTTT") && !stored.to_lowercase().contains(&hex), "it is sealed");
    assert!(!app.logs().contains("TTTTTTTT"));
    // Near its end it is fetched anew.
    app.clock.advance(7_100_000).await;
    bound(&app, &platform, "oMuchLater", &app.fresh_phone()).await;
    assert_eq!((platform.calls(TOKEN), platform.forced()), (2, 0));
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn a_token_that_is_refused_is_refreshed_and_the_call_made_once_more(#[case] form: Form) {
    let Some((app, platform)) = both(form).await else { return };
    bound(&app, &platform, "oFirst", &app.fresh_phone()).await;
    platform.revoke_token();
    bound(&app, &platform, "oSecond", &app.fresh_phone()).await;
    assert_eq!((platform.calls(TOKEN), platform.calls(PHONE), platform.forced()), (2, 3, 0));

    // WeChat refuses a token and hands the same one out: only then a new one is forced, and not again at once.
    platform.refuse_next(PHONE, 40014);
    bound(&app, &platform, "oThird", &app.fresh_phone()).await;
    assert_eq!(platform.forced(), 1);
    let token = wechat_binding(&app, &platform, "oFourth").await;
    let code = platform.wechat_phone_code("oFourth", &app.fresh_phone());
    platform.refuse_next(PHONE, 42001);
    wechat_phone(&app, &token, &code).await.problem(503, "platform_unavailable");
    assert_eq!(platform.forced(), 1, "twenty a day, and never within half a minute");
}

#[tokio::test]
async fn who_waits_for_a_token_that_does_not_come_is_told_together() {
    let Some((app, platform)) = both(Form::Sqlite).await else { return };
    let mut waiting = Vec::new();
    for n in 0..10 {
        waiting.push(wechat_binding(&app, &platform, &format!("oWait{n}")).await);
    }
    platform.fail_always(Some(mashang_tests::fake_platform::Mood::Hang));
    let begun = std::time::Instant::now();
    let replies = join_all(waiting.iter().map(|token| wechat_phone(&app, token, "any"))).await;
    for reply in replies {
        reply.problem(503, "platform_unavailable");
    }
    assert!(begun.elapsed().as_secs() < 6, "not one time-out after the other: {:?}", begun.elapsed());
}
