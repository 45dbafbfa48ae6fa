//! The file by which WeChat checks that the links of our posters are ours.

use mashang_tests::Form;

use super::with;

#[tokio::test]
async fn the_file_is_served_under_its_name_alone() {
    let settings = [("wechat.ownership_name", "AbCd1234.txt"), ("wechat.ownership_text", "7c1b3b9e5c8d4a10")];
    let Some((app, _platform)) = with(Form::Sqlite, &settings).await else { return };
    let file = app.anyone().get("/v/AbCd1234.txt").await;
    assert_eq!((file.status, file.text().as_str()), (200, "7c1b3b9e5c8d4a10"));
    assert!(file.header("content-type").starts_with("text/plain"));
    for path in ["/v/other.txt", "/v/AbCd1234.TXT", "/v/.txt", "/v/AbCd1234.txt.txt", "/v/AbCd1234.html"] {
        app.anyone().get(path).await.problem(404, "not_found");
    }
    let citizen = app.citizen().await;
    assert_eq!(citizen.get("/v/AAAAAAAA/in").await.status, 404, "codes are served as before");
}
