//! Whose account it is: tokens that bind, accounts that move, and what is left when a person goes.

use futures_util::future::join_all;
use mashang_tests::Form;
use rstest::rstest;
use serde_json::{Value, json};

use super::{both, bound, by_alipay, by_wechat, wechat_binding, wechat_phone};

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn a_token_is_used_once_and_for_ten_minutes(#[case] form: Form) {
    let Some((app, platform)) = both(form).await else { return };
    let token = wechat_binding(&app, &platform, "oOnce").await;
    let codes: Vec<String> =
        (0..8).map(|_| platform.wechat_phone_code("oOnce", &app.fresh_phone())).collect();
    let replies = join_all(codes.iter().map(|code| wechat_phone(&app, &token, code))).await;
    let mut statuses: Vec<u16> = replies.iter().map(|r| r.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 401, 401, 401, 401, 401, 401, 401], "of many at once one is right");
    assert_eq!(app.count("SELECT COUNT(*) FROM platform_account").await, 1);
    wechat_phone(&app, &token, "any").await.problem(401, "binding_expired");

    let late = wechat_binding(&app, &platform, "oLate").await;
    app.clock.advance(10 * 60_000).await;
    wechat_phone(&app, &late, "any").await.problem(401, "binding_expired");
    wechat_phone(&app, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "any")
        .await
        .problem(401, "binding_expired");
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn a_token_that_is_over_costs_no_try_of_a_code(#[case] form: Form) {
    let Some((app, platform)) = both(form).await else { return };
    let old = wechat_binding(&app, &platform, "oTry").await;
    app.clock.advance(10 * 60_000).await;
    let phone = app.fresh_phone();
    let (request_id, code) = app.code_for(&phone).await;
    let body =
        |token: &str, code: &str| json!({ "request_id": request_id, "code": code, "binding_token": token });
    app.anyone().post("/auth/sessions", body(&old, &code)).await.problem(401, "binding_expired");
    let fresh = wechat_binding(&app, &platform, "oTry").await;
    let wrong = format!("{:06}", (code.parse::<u32>().unwrap() + 1) % 1_000_000);
    app.anyone().post("/auth/sessions", body(&fresh, &wrong)).await.problem(401, "code_invalid");
    // A wrong code has not used the token up.
    app.anyone().post("/auth/sessions", body(&fresh, &code)).await.ok(201);
    by_wechat(&app, &platform.wechat_code("oTry")).await.ok(201);
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn a_token_of_one_platform_is_none_of_the_other(#[case] form: Form) {
    let Some((app, platform)) = both(form).await else { return };
    let problem = by_alipay(&app, &platform.alipay_code("a1")).await.problem(409, "phone_not_bound");
    let token = problem["binding_token"].as_str().unwrap();
    wechat_phone(&app, token, &platform.wechat_phone_code("a1", &app.fresh_phone()))
        .await
        .problem(401, "binding_expired");
    // The same text is another account at the other platform.
    bound(&app, &platform, "a1", &app.fresh_phone()).await;
    by_alipay(&app, &platform.alipay_code("a1")).await.problem(409, "phone_not_bound");
}

fn actions(accesses: &Value) -> Vec<String> {
    let items = accesses["items"].as_array().unwrap();
    items.iter().map(|a| a["action"].as_str().unwrap().to_owned()).collect()
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn an_account_moves_with_a_new_proof_and_both_can_see_it(#[case] form: Form) {
    let Some((app, platform)) = both(form).await else { return };
    let first = bound(&app, &platform, "oMoves", &app.fresh_phone()).await;
    let second = app.citizen().await;
    // The account signs its person in, so the way to another one is a proof of a phone with a token from before.
    let waiting = {
        let mine = app.anyone().with_token(first["access_token"].as_str().unwrap());
        assert_eq!(mine.delete("/me").await.status, 204);
        wechat_binding(&app, &platform, "oMoves").await
    };
    let third = wechat_binding(&app, &platform, "oMoves").await;
    let holder =
        wechat_phone(&app, &waiting, &platform.wechat_phone_code("oMoves", &app.fresh_phone())).await.ok(201);
    let moved =
        wechat_phone(&app, &third, &platform.wechat_phone_code("oMoves", &second.phone)).await.ok(201);
    assert_eq!(moved["person"]["id"], second.person_id.as_str());
    let now = by_wechat(&app, &platform.wechat_code("oMoves")).await.ok(201);
    assert_eq!(now["person"]["id"], second.person_id.as_str());

    let holder = app.anyone().with_token(holder["access_token"].as_str().unwrap());
    assert!(actions(&holder.get("/me/accesses").await.ok(200)).contains(&"account.move_away".to_owned()));
    assert!(actions(&second.get("/me/accesses").await.ok(200)).contains(&"account.bind".to_owned()));
    assert_eq!(holder.get("/me").await.ok(200)["accounts"], json!([]));
    assert_eq!(app.count("SELECT COUNT(*) FROM platform_account").await, 1);
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn a_number_that_got_a_new_owner_leaves_the_old_account_behind(#[case] form: Form) {
    let Some((app, platform)) = both(form).await else { return };
    let phone = app.fresh_phone();
    bound(&app, &platform, "oOld", &phone).await;
    let new = bound(&app, &platform, "oNew", &phone).await;
    by_wechat(&app, &platform.wechat_code("oOld")).await.problem(409, "phone_not_bound");
    let me = app.anyone().with_token(new["access_token"].as_str().unwrap());
    assert!(actions(&me.get("/me/accesses").await.ok(200)).contains(&"account.replace".to_owned()));
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn accounts_are_sealed_exported_and_go_with_their_person(#[case] form: Form) {
    let Some((app, platform)) = both(form).await else { return };
    let openid = "oSecretOfSomebody";
    let session = bound(&app, &platform, openid, &app.fresh_phone()).await;
    let me = app.anyone().with_token(session["access_token"].as_str().unwrap());
    let export = me.get("/me/export").await.ok(200);
    assert_eq!(export["accounts"][0]["platform"], "wechat");
    wechat_binding(&app, &platform, "oAlsoSecret").await;
    let stored = format!("{:?}", app.rows().await).to_lowercase();
    for id in [openid, "oAlsoSecret"] {
        let hex = data_encoding::HEXLOWER.encode(id.as_bytes());
        assert!(!stored.contains(&id.to_lowercase()) && !stored.contains(&hex), "{id}");
    }
    assert_eq!(me.delete("/me").await.status, 204);
    assert_eq!(app.count("SELECT COUNT(*) FROM platform_account").await, 0);
    by_wechat(&app, &platform.wechat_code(openid)).await.problem(409, "phone_not_bound");
    let verdict = app.auditor().await.get("/audit/verification").await.ok(200);
    assert_eq!(verdict["intact"], true, "{verdict}");
}
