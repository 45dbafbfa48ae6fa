//! Import of visits over HTTP: the report comes as lines of JSON while the file is still on its way.

use std::future::ready;
use std::io::{self, Read};

use actix_web::http::header::CONTENT_TYPE;
use actix_web::web::{Bytes, Payload};
use actix_web::{HttpRequest, HttpResponse, post, web};
use futures_util::{StreamExt, stream};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

use crate::app::import::{
    BadLine, ImportContext, ImportError, ImportFormat, ImportOptions, ImportProgress, ImportReport,
    import_visits,
};
use crate::error::{Answer, Code, Problem};
use crate::http::auth::{Staff, may};
use crate::http::server::ProblemBody;
use crate::state::App;

/// Lines of the report that wait for a client that does not read; more are dropped, and the summary says so.
const WAITING: usize = 10_000;

pub fn configure(config: &mut ServiceConfig<'_>) {
    config.service(import_visit_file);
}

/// One line of the report.
#[derive(Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
#[expect(dead_code, reason = "describes what the stream holds")]
enum ReportLine {
    Progress { lines: u64 },
    Rejected(BadLine),
    Summary(ImportReport),
    Problem(ProblemBody),
}

/// Import visits
///
/// CSV in UTF-8, plain or gzip, with the header `phone,venue_ref,direction,scanned_at`; `venue_ref` is an id or an
/// `external_ref`. The answer is a line of JSON for every bad line and every few thousand lines, and a `summary` (or a
/// `problem`) at the end; a file that cannot be read from its beginning is refused. The same file sent again goes on where it stopped; rows that are there are not doubled.
#[utoipa::path(tag = "Official", security(("bearer" = [])), request_body(content = String, content_type = "text/csv"), responses(
    (status = 200, body = ReportLine, content_type = "application/x-ndjson"), (status = 403, body = ProblemBody),
    (status = 413, body = ProblemBody), (status = 415, body = ProblemBody)))]
#[post("/imports/visits")]
async fn import_visit_file(
    app: web::Data<App>,
    request: HttpRequest,
    official: Staff<may::ImportVisits>,
    body: Payload,
) -> Answer<HttpResponse> {
    require_csv(&request)?;
    let limit = app.settings.http.max_import_bytes;
    let announced = request.headers().get("content-length").and_then(|v| v.to_str().ok()?.parse().ok());
    if announced.is_some_and(|n: usize| n > limit) {
        return Err(Problem::with_detail(Code::TooLarge, format!("≤ {limit} bytes")));
    }
    let (give, bytes) = mpsc::channel(16);
    let (tell, mut lines) = mpsc::channel(WAITING);
    actix_web::rt::spawn(pump(body, limit, give));
    let ctx = ImportContext {
        db: app.db.clone(),
        keys: app.keys.clone(),
        settings: app.settings.clone(),
        clock: app.clock.clone(),
    };
    let options = ImportOptions::new(ImportFormat::Visits, official.actor());
    app.lifecycle.spawn("visit import", run(ctx, Incoming { bytes, current: Bytes::new() }, options, tell));
    // A file that cannot be read from its beginning is refused as any body is.
    let first = match lines.recv().await {
        Some(Told::Failed(problem)) => return Err(problem),
        Some(told) => told,
        None => return Err(Problem::internal("an import without a report")),
    };
    let lines = stream::once(ready(first)).chain(ReceiverStream::new(lines)).map(Told::line);
    Ok(HttpResponse::Ok().content_type("application/x-ndjson").streaming(lines))
}

/// What an import says.
enum Told {
    Line(Bytes),
    /// The last word.
    Failed(Problem),
}

impl Told {
    fn line(self) -> Result<Bytes, actix_web::Error> {
        Ok(match self {
            Told::Line(line) => line,
            Told::Failed(problem) => line(&json!({ "type": "problem", "problem": problem.body() })),
        })
    }
}

async fn run(ctx: ImportContext, source: Incoming, options: ImportOptions, tell: mpsc::Sender<Told>) {
    let mut report = Report { tell, cut: false };
    let last = match import_visits(&ctx, source, options, &mut report).await {
        Ok(mut summary) => {
            summary.errors_cut |= report.cut;
            Told::Line(typed("summary", json!(summary)))
        }
        Err(error) => Told::Failed(problem(&error)),
    };
    // The client may be gone.
    let _ = report.tell.send(last).await;
}

fn problem(error: &ImportError) -> Problem {
    match error {
        ImportError::Read(e) if e.kind() == io::ErrorKind::FileTooLarge => Problem::new(Code::TooLarge),
        ImportError::Read(_) => Problem::with_detail(Code::BadRequest, "the file broke off / 文件不完整"),
        ImportError::MissingColumn(_) | ImportError::NoHeader => {
            Problem::field("header", "missing_column", error.to_string())
        }
        ImportError::MapOfNumbers
        | ImportError::Map(_)
        | ImportError::Database(_)
        | ImportError::Seal(_)
        | ImportError::ReaderLost => Problem::internal(error),
    }
}

/// Sends what the import tells as lines; never waits for the client.
struct Report {
    tell: mpsc::Sender<Told>,
    cut: bool,
}

impl ImportProgress for Report {
    fn advanced(&mut self, lines: u64, _: u64) {
        let _ = self.tell.try_send(Told::Line(typed("progress", json!({ "lines": lines }))));
    }

    fn rejected(&mut self, bad: &BadLine) {
        self.cut |= self.tell.try_send(Told::Line(typed("rejected", json!(bad)))).is_err();
    }

    fn settled(&mut self, people: u64) {
        let _ = self.tell.try_send(Told::Line(typed("progress", json!({ "people_settled": people }))));
    }
}

fn typed(kind: &str, mut value: Value) -> Bytes {
    if let Some(map) = value.as_object_mut() {
        map.insert("type".to_owned(), kind.into());
    }
    line(&value)
}

fn line(value: &Value) -> Bytes {
    Bytes::from(format!("{value}\n"))
}

fn require_csv(request: &HttpRequest) -> Answer<()> {
    let kind = request.headers().get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or("");
    let essence = kind.split(';').next().unwrap_or("").trim();
    if ["text/csv", "application/gzip"].iter().any(|k| essence.eq_ignore_ascii_case(k)) {
        return Ok(());
    }
    Err(Problem::with_detail(Code::UnsupportedMediaType, "Content-Type: text/csv"))
}

/// Hands over what the connection brings, as fast as it is taken.
async fn pump(mut body: Payload, limit: usize, give: mpsc::Sender<io::Result<Bytes>>) {
    let mut seen = 0;
    while let Some(chunk) = body.next().await {
        let chunk = chunk.map_err(io::Error::other);
        seen += chunk.as_ref().map_or(0, Bytes::len);
        let chunk = if seen > limit { Err(io::ErrorKind::FileTooLarge.into()) } else { chunk };
        let failed = chunk.is_err();
        if give.send(chunk).await.is_err() || failed {
            return;
        }
    }
}

/// The body as the reading thread sees it.
struct Incoming {
    bytes: mpsc::Receiver<io::Result<Bytes>>,
    current: Bytes,
}

impl Read for Incoming {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.current.is_empty() {
            match self.bytes.blocking_recv() {
                Some(chunk) => self.current = chunk?,
                None => return Ok(0),
            }
        }
        let n = buffer.len().min(self.current.len());
        buffer[..n].copy_from_slice(&self.current.split_to(n));
        Ok(n)
    }
}
