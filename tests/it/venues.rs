//! Venues: registered by anybody, approved by an official of the division, with codes and posters of their own.

use mashang_tests::persona::{codes_of, venue_form};
use mashang_tests::{Form, TestApp};
use reqwest::Method;
use rstest::rstest;
use serde_json::json;

use crate::posters::{decode_png, path_of};

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn a_venue_opens_when_an_official_approves_it(#[case] form: Form) {
    let Some(app) = TestApp::start(form).await else { return };
    let (manager, guest) = (app.citizen().await, app.citizen().await);
    let made = manager.post("/venues", venue_form("翠湖宾馆", "hotel")).await.ok(201);
    assert_eq!((&made["state"], &made["name"]), (&json!("pending"), &json!("翠湖宾馆")));
    let id = made["id"].as_str().unwrap();
    let (code, _) = codes_of(&manager, id).await;
    guest.scans(&code).await.problem(409, "venue_closed");

    let approval = format!("/venues/{id}/approval");
    let elsewhere = app.official("330100").await;
    elsewhere.post(&approval, json!({})).await.problem(404, "not_found");
    guest.post(&approval, json!({})).await.problem(403, "forbidden");
    let official = app.official("530100").await;
    assert_eq!(official.post(&approval, json!({})).await.ok(200)["state"], "approved");
    guest.scans(&code).await.ok(201);

    official.post(&format!("/venues/{id}/suspension"), json!({ "reason": "消毒" })).await.ok(200);
    app.citizen().await.scans(&code).await.problem(409, "venue_closed");
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn a_venue_is_its_managers_business(#[case] form: Form) {
    let Some(app) = TestApp::start(form).await else { return };
    let (venue, stranger) = (app.venue("老街茶馆", "restaurant").await, app.citizen().await);
    let id = &venue.id;
    for path in [format!("/venues/{id}"), format!("/venues/{id}/codes"), format!("/venues/{id}/occupancy")] {
        stranger.get(&path).await.problem(404, "not_found");
    }
    stranger.patch(&format!("/venues/{id}"), json!({ "name": "我的" })).await.problem(404, "not_found");
    let rotation = stranger.post(&format!("/venues/{id}/codes/rotation"), json!({})).await;
    rotation.problem(404, "not_found");
    assert_eq!(stranger.get("/venues").await.ok(200)["items"], json!([]));
    assert_eq!(venue.manager.get("/venues").await.ok(200)["items"][0]["id"], json!(id));
    let body = json!({ "state": "approved" });
    venue.manager.patch(&format!("/venues/{id}"), body).await.problem(422, "unknown_field");
    let shown = venue.manager.get(&format!("/venues/{id}")).await.ok(200);
    assert!(!shown.to_string().contains("15490000000"), "contact numbers are masked");
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn posters_carry_the_code_that_scans(#[case] form: Form) {
    let Some(app) = TestApp::start(form).await else { return };
    let venue = app.venue("昆明站", "station").await;
    let citizen = app.citizen().await;
    for (direction, code) in [("in", &venue.code_in), ("out", &venue.code_out)] {
        let path = format!("/venues/{}/poster.png?direction={direction}&size=a5&lang=both", venue.id);
        let poster = venue.manager.get(&path).await;
        assert_eq!((poster.status, poster.header("content-type")), (200, "image/png"));
        let url = decode_png(&poster.body);
        assert!(url.contains("/v/") && url.ends_with(&format!("/{direction}")), "{url}");
        let page = app.anyone().get(path_of(&url)).await;
        assert_eq!(page.status, 200);
        assert!(page.text().contains("昆明站"));
        citizen.scans(code).await.ok(201);
    }
    for (format, kind) in [("pdf", "application/pdf"), ("svg", "image/svg+xml")] {
        let poster = venue.manager.get(&format!("/venues/{}/poster.{format}?direction=in", venue.id)).await;
        assert_eq!((poster.status, poster.header("content-type")), (200, kind));
    }
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn a_code_that_was_replaced_is_refused_by_name(#[case] form: Form) {
    let Some(app) = TestApp::start(form).await else { return };
    let (venue, citizen) = (app.venue("五华区图书馆", "school").await, app.citizen().await);
    let rotation = format!("/venues/{}/codes/rotation", venue.id);
    assert!((200..300).contains(&venue.manager.post(&rotation, json!({})).await.status));
    citizen.scans(&venue.code_in).await.problem(410, "code_revoked");
    let (fresh, _) = codes_of(&venue.manager, &venue.id).await;
    assert_ne!(fresh, venue.code_in);
    citizen.scans(&fresh).await.ok(201);
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn a_district_is_imported_with_a_report_per_line(#[case] form: Form) {
    let Some(app) = TestApp::start(form).await else { return };
    let official = app.official("530100").await;
    let csv = "name,category,division_code,address,contact_phone\n\
               一号店,supermarket,530102,人民路 1 号,15490000001\n\
               二号店,spaceport,530102,人民路 2 号,15490000002\n\
               三号店,bank,530103,人民路 3 号,15490000003\n";
    let body = Some(("text/csv", csv.as_bytes().to_vec()));
    let report = official.send_raw(Method::POST, "/venues/imports", body).await.ok(200);
    assert_eq!(report["created"], 2, "{report}");
    assert_eq!(report["rejected"][0]["line"], 3, "{report}");
}
