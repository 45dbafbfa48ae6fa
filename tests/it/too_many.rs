//! More requests than may be in work: the others are told to come again, at once and on the connection they have.

use std::time::Duration;

use mashang_tests::app::eventually;
use mashang_tests::{Form, TestApp};
use rstest::rstest;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const PATH: &str = "/api/v1/auth/codes";
const ROOM: usize = 16;

async fn connect(app: &TestApp) -> TcpStream {
    TcpStream::connect(app.url.trim_start_matches("http://")).await.unwrap()
}

/// A request on a connection that is kept, and all that is said to it: one answer.
async fn ask(socket: &mut TcpStream) -> String {
    let request = format!(
        "POST {PATH} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{{}}"
    );
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut heard = vec![0; 8_192];
    let read = tokio::time::timeout(Duration::from_secs(5), socket.read(&mut heard)).await;
    String::from_utf8_lossy(&heard[..read.expect("answered").expect("not reset")]).to_lowercase()
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn who_is_sent_away_keeps_the_connection(#[case] form: Form) {
    let Some(app) = TestApp::with(form, &[("http.max_in_flight", "16")]).await else { return };
    let mut own = connect(&app).await;
    assert!(ask(&mut own).await.starts_with("http/1.1 422"), "served");
    // Each waits for a body that does not come.
    let mut slow = Vec::new();
    for _ in 0..ROOM {
        let mut socket = connect(&app).await;
        let head = format!(
            "POST {PATH} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n"
        );
        socket.write_all(head.as_bytes()).await.unwrap();
        slow.push(socket);
    }
    eventually("no room", async || ask(&mut own).await.starts_with("http/1.1 503").then_some(())).await;
    for _ in 0..3 {
        let said = ask(&mut own).await;
        assert!(said.starts_with("http/1.1 503"), "{said}");
        assert!(said.contains("retry-after: ") && said.contains("x-request-id: "), "{said}");
        assert!(said.contains(r#""code":"overloaded""#), "{said}");
        assert!(!said.contains("connection: close"), "{said}");
    }
    drop(slow);
    eventually("room again", async || ask(&mut own).await.starts_with("http/1.1 422").then_some(())).await;
    let told = async || {
        ask(&mut own).await;
        app.logs().contains("more requests came than can be served").then_some(())
    };
    eventually("the operator is told", told).await;
}
