//! Posters with the code of a platform in place of our own.

use mashang_tests::{Form, Reply, TestApp, Venue};

use super::{both, with};
use crate::posters::decode_png;

async fn poster(venue: &Venue, format: &str, query: &str) -> Reply {
    venue.manager.get(&format!("/venues/{}/poster.{format}?direction=out&{query}", venue.id)).await
}

#[tokio::test]
async fn wechats_code_is_printed_in_place_of_ours() {
    let Some((app, platform)) = both(Form::Sqlite).await else { return };
    let venue = app.venue("翠湖超市", "supermarket").await;
    let png = poster(&venue, "png", "code=wxacode").await;
    assert_eq!(png.status, 200, "{}", png.text());
    assert_eq!(decode_png(&png.body), "wxacode of WeChat");
    let scene = &platform.scenes()[0];
    assert_eq!(scene["scene"], format!("{}/out", venue.code_out));
    assert_eq!((&scene["page"], &scene["check_path"]), (&"pages/scan/index".into(), &true.into()));
    let svg = poster(&venue, "svg", "code=wxacode").await.text();
    assert!(svg.contains("href=\"data:image/jpeg;base64,/9j/"), "the picture as it came");
    assert!(svg.contains("微信扫一扫") && !svg.contains("支付宝"), "no other app reads it");
    let pdf = poster(&venue, "pdf", "code=wxacode&size=a5").await;
    assert!(pdf.status == 200 && pdf.body.starts_with(b"%PDF-") && pdf.body.len() > 10_000);
    let known = venue.manager.client().with("if-none-match", pdf.header("etag"));
    let path = format!("/venues/{}/poster.pdf?direction=out&code=wxacode&size=a5", venue.id);
    assert_eq!(
        (known.get(&path).await.status, platform.scenes().len()),
        (304, 3),
        "a known poster asks nobody"
    );
}

#[tokio::test]
async fn alipays_code_is_fetched_from_where_it_may_be() {
    let Some((app, platform)) = both(Form::Sqlite).await else { return };
    let venue = app.venue("翠湖超市", "supermarket").await;
    let png = poster(&venue, "png", "code=alipay").await;
    assert_eq!(png.status, 200, "{}", png.text());
    assert_eq!(decode_png(&png.body), format!("scene={}/out", venue.code_out));
    let wish = &platform.alipay_wishes()[0];
    assert_eq!((&wish["url_param"], &wish["describe"]), (&"pages/scan/index".into(), &"翠湖超市".into()));

    let calls = platform.all_calls();
    for link in [
        "http://169.254.169.254/latest/meta-data",
        "https://127.0.0.1/x",
        "https://evil.example.cn/x",
        "https://localhost/x",
        "http://127.0.0.1:1/picture/0",
        "file:///etc/passwd",
        &format!("{}/picture/moved", platform.url()),
        &format!("{}/picture/large", platform.url()),
        &format!("{}/picture/page", platform.url()),
        &format!("{}/picture/odd", platform.url()),
    ] {
        platform.alipay_links_to(Some(link));
        poster(&venue, "png", "code=alipay").await.problem(503, "platform_unavailable");
    }
    assert_eq!(
        platform.all_calls() - calls,
        10 + 4,
        "refused hosts are not asked, and no redirect is followed"
    );
}

#[tokio::test]
async fn codes_are_asked_for_at_a_pace_and_refusals_are_told() {
    let Some((app, platform)) = with(Form::Sqlite, &[("wechat.codes_per_minute", "3")]).await else { return };
    let venue = app.venue("翠湖超市", "supermarket").await;
    for (code, status, word) in [(45009, 429, "rate_limited"), (41030, 503, "platform_unavailable")] {
        platform.refuse_next("/wxa/getwxacodeunlimit", code);
        poster(&venue, "svg", "code=wxacode").await.problem(status, word);
    }
    assert_eq!(poster(&venue, "svg", "code=wxacode").await.status, 200);
    let refused = poster(&venue, "svg", "code=wxacode&lang=en").await;
    assert_eq!(refused.header("retry-after"), "60");
    refused.problem(429, "rate_limited");
    assert_eq!(platform.calls("/wxa/getwxacodeunlimit"), 3);
    assert!(app.logs().contains("wechat.page"), "an operator is told where to look");
}

#[tokio::test]
async fn without_a_platform_our_own_code_is_there() {
    let Some(app) = TestApp::start(Form::Sqlite).await else { return };
    let venue = app.venue("翠湖超市", "supermarket").await;
    for code in ["wxacode", "alipay"] {
        poster(&venue, "svg", &format!("code={code}")).await.problem(404, "platform_not_configured");
    }
    assert_eq!(poster(&venue, "svg", "code=qr").await.status, 200);
    poster(&venue, "svg", "code=other").await.problem(422, "invalid");
}
