//! Malformed HTTP on a bare socket: refused, the connection closed, and nothing after it taken for a request.

use std::time::Duration;

use mashang_tests::{Form, TestApp};
use rstest::rstest;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The id of a request that is hidden in what follows a malformed one. Nobody may answer it.
const HIDDEN: &str = "smuggled-1";

/// What a server said to bytes, and whether it closed the connection.
struct Said {
    text: String,
    closed: bool,
}

impl Said {
    fn status(&self) -> Option<u16> {
        self.text.strip_prefix("HTTP/1.")?.get(2..5)?.parse().ok()
    }

    /// Answers in it.
    fn answers(&self) -> usize {
        self.text.matches("HTTP/1.1 ").count()
    }
}

async fn say(app: &TestApp, bytes: &[u8]) -> Said {
    let mut socket = TcpStream::connect(app.url.trim_start_matches("http://")).await.unwrap();
    // A server may close before it has read everything.
    let _ = socket.write_all(bytes).await;
    let mut heard = Vec::new();
    let mut chunk = [0; 4096];
    let closed = loop {
        match tokio::time::timeout(Duration::from_millis(1_500), socket.read(&mut chunk)).await {
            Ok(Ok(0) | Err(_)) => break true,
            Ok(Ok(n)) => heard.extend_from_slice(&chunk[..n]),
            Err(_) => break false,
        }
    };
    Said { text: String::from_utf8_lossy(&heard).into_owned(), closed }
}

fn hidden() -> String {
    format!("GET /healthz HTTP/1.1\r\nHost: a\r\nX-Request-Id: {HIDDEN}\r\n\r\n")
}

/// Name and bytes. `POST` is a route that reads a body, so that framing matters.
fn table() -> Vec<(&'static str, Vec<u8>)> {
    let (get, post) = (
        "GET /healthz HTTP/1.1\r\nHost: a\r\n",
        "POST /api/v1/auth/codes HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n",
    );
    let hidden = hidden();
    let long = "a".repeat(200_000);
    let many: String = (0..200).map(|n| format!("x-{n}: 1\r\n")).collect();
    let texts: Vec<(&str, String)> = vec![
        (
            "both lengths, chunks first",
            format!("{post}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n{hidden}"),
        ),
        (
            "both lengths, content first",
            format!("{post}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{hidden}"),
        ),
        (
            "two lengths that differ",
            format!("{post}Content-Length: 2\r\nContent-Length: 60\r\n\r\n{{}}{hidden}"),
        ),
        (
            "two lengths that agree",
            format!("{post}Content-Length: 2\r\nContent-Length: 2\r\n\r\n{{}}{hidden}"),
        ),
        ("a list of lengths", format!("{post}Content-Length: 2, 2\r\n\r\n{{}}{hidden}")),
        ("a signed length", format!("{post}Content-Length: +2\r\n\r\n{{}}{hidden}")),
        ("a negative length", format!("{post}Content-Length: -2\r\n\r\n{{}}{hidden}")),
        ("a length in hexadecimal", format!("{post}Content-Length: 0x2\r\n\r\n{{}}{hidden}")),
        (
            "a length beyond all numbers",
            format!("{post}Content-Length: 99999999999999999999999\r\n\r\n{{}}{hidden}"),
        ),
        ("an empty length", format!("{post}Content-Length: \r\n\r\n{{}}{hidden}")),
        (
            "a chunk without size",
            format!("{post}Transfer-Encoding: chunked\r\n\r\nzz\r\n{{}}\r\n0\r\n\r\n{hidden}"),
        ),
        (
            "a chunk of negative size",
            format!("{post}Transfer-Encoding: chunked\r\n\r\n-2\r\n{{}}\r\n0\r\n\r\n{hidden}"),
        ),
        (
            "a chunk size beyond all numbers",
            format!("{post}Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n{{}}\r\n0\r\n\r\n{hidden}"),
        ),
        (
            "a chunk longer than its size",
            format!("{post}Transfer-Encoding: chunked\r\n\r\n2\r\n{{}}xx\r\n0\r\n\r\n{hidden}"),
        ),
        (
            "an unknown coding",
            format!("{post}Transfer-Encoding: xchunked\r\nContent-Length: 2\r\n\r\n{{}}{hidden}"),
        ),
        (
            "chunked twice",
            format!(
                "{post}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{hidden}"
            ),
        ),
        (
            "chunked, then another coding",
            format!("{post}Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n{hidden}"),
        ),
        (
            "a coding behind a vertical tab",
            format!("{post}Transfer-Encoding: \x0bchunked\r\nContent-Length: 2\r\n\r\n{{}}{hidden}"),
        ),
        ("space before the colon", format!("{post}Content-Length : 2\r\n\r\n{{}}{hidden}")),
        ("space before the first header", format!(" GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n{hidden}")),
        ("a folded header", format!("{get}X-A: 1\r\n 2\r\n\r\n{hidden}")),
        ("a header without a colon", format!("{get}nonsense\r\n\r\n{hidden}")),
        ("a header without a name", format!("{get}: x\r\n\r\n{hidden}")),
        ("a bare carriage return", format!("{get}X-A: 1\rX-B: 2\r\n\r\n{hidden}")),
        ("a zero in a header", format!("{get}X-A: a\0b\r\n\r\n{hidden}")),
        ("an unknown version", format!("GET /healthz HTTP/9.9\r\nHost: a\r\n\r\n{hidden}")),
        ("no version", format!("GET /healthz\r\nHost: a\r\n\r\n{hidden}")),
        ("the preface of version 2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned()),
        ("a method of odd characters", format!("G(T /healthz HTTP/1.1\r\nHost: a\r\n\r\n{hidden}")),
        ("no method", format!("/healthz HTTP/1.1\r\nHost: a\r\n\r\n{hidden}")),
        ("a space in the path", format!("GET /heal thz HTTP/1.1\r\nHost: a\r\n\r\n{hidden}")),
        ("one huge header", format!("{get}X-A: {long}\r\n\r\n")),
        ("a huge path", format!("GET /{long} HTTP/1.1\r\nHost: a\r\n\r\n")),
        ("very many headers", format!("{get}{many}\r\n{hidden}")),
    ];
    let mut table: Vec<(&str, Vec<u8>)> =
        texts.into_iter().map(|(name, text)| (name, text.into_bytes())).collect();
    table.push(("no text at all", (0..=255).collect()));
    table.push((
        "the greeting of TLS",
        vec![0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03],
    ));
    table
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn what_is_no_http_is_refused_and_the_line_closed(#[case] form: Form) {
    let Some(app) = TestApp::start(form).await else { return };
    let table = table();
    let said = futures_util::future::join_all(table.iter().map(|(_, bytes)| say(&app, bytes))).await;
    let mut wrong = Vec::new();
    for ((name, _), said) in table.iter().zip(said) {
        let refused = said.status().is_none_or(|s| (400..500).contains(&s) || [501, 505].contains(&s));
        let hidden_answered = said.text.contains(HIDDEN);
        if !refused || !said.closed || hidden_answered || said.answers() > 1 {
            let first = said.text.lines().next().unwrap_or("(nothing)").to_owned();
            wrong.push(format!("{name}: {first}, closed: {}, smuggled: {hidden_answered}", said.closed));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    app.anyone().get("/healthz").await.ok(200);
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn what_is_odd_and_still_http_is_answered_as_itself(#[case] form: Form) {
    let Some(app) = TestApp::start(form).await else { return };
    // The check of the test above has teeth: two requests on one line are two answers.
    let two = format!("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n{}", hidden());
    let said = say(&app, two.as_bytes()).await;
    assert!(said.text.contains(HIDDEN) && said.answers() == 2 && !said.closed, "{}", said.text);
    // An absolute address is of this server, whatever host it names.
    let said =
        say(&app, b"GET http://evil.example/healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
    assert_eq!(said.status(), Some(200), "{}", said.text);
    for asterisk in ["OPTIONS * HTTP/1.1\r\n", "CONNECT a:80 HTTP/1.1\r\n", "TRACE /healthz HTTP/1.1\r\n"] {
        let said = say(&app, format!("{asterisk}Host: a\r\nConnection: close\r\n\r\n").as_bytes()).await;
        assert!(said.status().is_some_and(|s| (400..500).contains(&s)), "{asterisk}: {}", said.text);
        assert!(!said.text.contains("TRACE /healthz"), "nothing is sent back as it came");
    }
    // Version 1.0 ends with its answer.
    let said = say(&app, b"GET /healthz HTTP/1.0\r\n\r\n").await;
    assert!(said.status() == Some(200) && said.closed, "{}", said.text);
}
