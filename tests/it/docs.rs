//! The OpenAPI document, and the page that shows it to people without any network.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::process::Command;

use mashang_tests::place::skip;
use mashang_tests::{Form, TestApp};
use serde_json::Value;

#[tokio::test]
async fn the_document_is_complete_and_points_nowhere_else() {
    let app = TestApp::start(Form::Sqlite).await.unwrap();
    let reply = app.anyone().get("/api/openapi.json").await;
    let text = reply.text();
    let document = reply.ok(200);
    assert_eq!(document["openapi"], "3.1.0");
    assert!(document["components"]["securitySchemes"]["bearer"].is_object());
    let mut operations = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap().iter().filter(|(_, o)| o.is_object()) {
            let id = operation["operationId"]
                .as_str()
                .unwrap_or_else(|| panic!("{method} {path}: no operationId"));
            assert!(operations.insert(id.to_owned()), "{method} {path}: {id} is there twice");
            assert!(operation["summary"].is_string(), "{method} {path}: no summary");
            let responses = operation["responses"].as_object().unwrap();
            assert!(responses.keys().any(|s| s.starts_with('2') || s.starts_with('3')), "{method} {path}");
            for name in path.split('{').skip(1).map(|p| p.split('}').next().unwrap()) {
                let known = operation["parameters"].as_array().unwrap();
                assert!(known.iter().any(|p| p["name"] == name), "{method} {path}: {name} is not described");
            }
        }
    }
    assert!(operations.len() >= 10);
    app.anyone().post("/api/openapi.json", serde_json::json!({})).await.problem(404, "not_found");
    for reference in text.split("\"$ref\":\"").skip(1).map(|r| r.split('"').next().unwrap()) {
        let pointer = reference.strip_prefix('#').unwrap_or_else(|| panic!("{reference} leads outside"));
        assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
    }
    let printed = app.command(&["openapi"]).await;
    let printed: Value = serde_json::from_slice(&printed.stdout).unwrap();
    assert_eq!(printed, document, "the command prints what is served");
}

fn chromium() -> Option<&'static str> {
    ["chromium", "chromium-browser", "google-chrome"]
        .into_iter()
        .find(|name| Command::new(name).arg("--version").output().is_ok_and(|o| o.status.success()))
}

/// A picture of a page, as a browser without any network but this host shows it.
fn picture(browser: &str, url: &str, folder: &Path) -> (u32, HashMap<[u8; 3], usize>) {
    let file = folder.join("page.png");
    let profile = format!("--user-data-dir={}", folder.join("profile").display());
    let screenshot = format!("--screenshot={}", file.display());
    let output = Command::new(browser)
        .args([
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--no-first-run",
        ])
        .args(["--disable-background-networking", "--window-size=1200,1600", "--virtual-time-budget=15000"])
        .arg("--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1")
        .args([profile.as_str(), screenshot.as_str(), url])
        .output()
        .unwrap();
    assert!(file.is_file(), "no picture: {}", String::from_utf8_lossy(&output.stderr));
    let mut reader =
        png::Decoder::new(std::io::BufReader::new(std::fs::File::open(file).unwrap())).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut pixels).unwrap();
    let step = info.color_type.samples();
    let mut colours = HashMap::new();
    for pixel in pixels[..info.buffer_size()].chunks_exact(step) {
        *colours.entry([pixel[0], pixel[1], pixel[2]]).or_insert(0) += 1;
    }
    (info.width * info.height, colours)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_browser_shows_the_documentation_offline() {
    let app = TestApp::start(Form::Sqlite).await.unwrap();
    let moved = app.anyone().get("/api/docs").await;
    assert_eq!((moved.status, moved.header("location")), (308, "/api/docs/"));
    let page = app.anyone().get("/api/docs/").await;
    assert_eq!(page.status, 200);
    assert!(!page.text().contains("https://"), "the page loads something from elsewhere");
    let Some(browser) = chromium() else { return skip("there is no Chromium") };
    let folder = tempfile::tempdir().unwrap();
    let url = format!("{}/api/docs/", app.url);
    let (all, colours) =
        tokio::task::spawn_blocking(move || picture(browser, &url, folder.path())).await.unwrap();
    let most = colours.values().copied().max().unwrap();
    assert!(colours.len() > 50, "{} colours: a blank page", colours.len());
    assert!(most < all as usize * 97 / 100, "{most} of {all} pixels are of one colour");
}
