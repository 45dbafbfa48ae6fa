//! Message push: WeChat's probe, and what people said to being written to.

use mashang_tests::fake_platform::push_query;
use mashang_tests::{Form, Reply, TestApp};
use reqwest::Method;
use rstest::rstest;
use serde_json::{Value, json};

use super::{both, bound};

const PUSH: &str = "/platforms/wechat/push";

fn signed(app: &TestApp) -> String {
    push_query(app.now().0 / 1_000)
}

async fn push(app: &TestApp, kind: &str, body: &str) -> Reply {
    let path = format!("{PUSH}?{}&openid=o1", signed(app));
    app.anyone().send_raw(Method::POST, &path, Some((kind, body.as_bytes().to_vec()))).await
}

fn popup(openid: &str, at: i64, template: &str, said: &str) -> String {
    json!({ "ToUserName": "gh_1", "FromUserName": openid, "CreateTime": at.to_string(), "MsgType": "event",
        "Event": "subscribe_msg_popup_event",
        "List": [{ "TemplateId": template, "SubscribeStatusString": said, "PopupScene": "0" }] })
    .to_string()
}

fn sent(openid: &str, at: i64, template: &str) -> String {
    format!(
        "<xml><ToUserName><![CDATA[gh_1]]></ToUserName><FromUserName><![CDATA[{openid}]]></FromUserName>\
         <CreateTime>{at}</CreateTime><MsgType><![CDATA[event]]></MsgType>\
         <Event><![CDATA[subscribe_msg_sent_event]]></Event><SubscribeMsgSentEvent><List><TemplateId><![CDATA[{template}]]>\
         </TemplateId><MsgID>1700827132819554304</MsgID><ErrorCode>0</ErrorCode><ErrorStatus><![CDATA[success]]></ErrorStatus>\
         </List></SubscribeMsgSentEvent></xml>"
    )
}

#[tokio::test]
async fn the_probe_is_echoed_to_wechat_alone() {
    let Some((app, _platform)) = both(Form::Sqlite).await else { return };
    let echo =
        async |query: &str| app.anyone().get(&format!("{PUSH}?{query}&echostr=4375120948345356249")).await;
    let right = echo(&signed(&app)).await;
    assert_eq!((right.status, right.text().as_str()), (200, "4375120948345356249"));
    assert!(right.header("content-type").starts_with("text/plain"));
    echo(&signed(&app).replace("nonce=1", "nonce=2")).await.problem(403, "forbidden");
    echo("signature=&timestamp=&nonce=").await.problem(403, "forbidden");
    let old = push_query(app.now().0 / 1_000 - 700);
    echo(&old).await.problem(403, "forbidden");
    app.anyone().get(PUSH).await.problem(422, "invalid");
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn what_people_said_is_noted_down_and_duplicates_are_harmless(#[case] form: Form) {
    let Some((app, platform)) = both(form).await else { return };
    let session = bound(&app, &platform, "oSays", &app.fresh_phone()).await;
    let me = app.anyone().with_token(session["access_token"].as_str().unwrap());
    let consents = async || me.get("/me/export").await.ok(200)["message_consents"].clone();
    let at = app.now().0 / 1_000;
    for _ in 0..3 {
        let reply = push(&app, "application/json", &popup("oSays", at, "T-1", "accept")).await;
        assert_eq!((reply.status, reply.text().as_str()), (200, "success"));
    }
    let one = |consents: Value| {
        let c = consents[0].clone();
        (c["state"].clone(), c["granted"].clone(), c["sent"].clone())
    };
    assert_eq!(one(consents().await), (json!("accepted"), json!(1), json!(0)));
    push(&app, "text/xml", &popup("oSays", at + 5, "T-1", "accept")).await;
    for _ in 0..2 {
        push(&app, "text/xml", &sent("oSays", at + 6, "T-1")).await;
    }
    assert_eq!(one(consents().await), (json!("accepted"), json!(2), json!(1)));
    // A refusal counts, and an older word that comes late does not undo it.
    push(&app, "application/json", &popup("oSays", at + 9, "T-1", "reject")).await;
    push(&app, "application/json", &popup("oSays", at + 7, "T-1", "accept")).await;
    assert_eq!(one(consents().await), (json!("refused"), json!(2), json!(1)));
    assert!(!app.logs().contains("oSays"));
    assert_eq!(me.delete("/me").await.status, 204);
    assert_eq!(app.count("SELECT COUNT(*) FROM platform_consent").await, 0);
}

#[tokio::test]
async fn what_is_not_ours_changes_nothing() {
    let Some((app, platform)) = both(Form::Sqlite).await else { return };
    bound(&app, &platform, "oKnown", &app.fresh_phone()).await;
    let at = app.now().0 / 1_000;
    for body in [
        popup("oStranger", at, "T-1", "accept"),
        sent("oKnown", at, "T-1"),
        json!({ "FromUserName": "oKnown", "CreateTime": at, "MsgType": "text", "Content": "hello" })
            .to_string(),
    ] {
        assert_eq!(push(&app, "text/xml", &body).await.text(), "success", "{body}");
    }
    for body in ["", "{}", "<xml>", "<xml><Encrypt>x</Encrypt></xml>"] {
        push(&app, "text/xml", body).await.problem(422, "invalid");
    }
    let huge = "x".repeat(200_000);
    push(&app, "text/xml", &huge).await.problem(413, "too_large");
    let unsigned = format!("{PUSH}?signature=x&timestamp=1&nonce=1");
    let body = Some(("text/xml", b"{".to_vec()));
    app.anyone().send_raw(Method::POST, &unsigned, body).await.problem(403, "forbidden");
    assert_eq!(app.count("SELECT COUNT(*) FROM platform_consent").await, 0);
}
