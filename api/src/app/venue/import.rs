//! Imports of whole districts from CSV, in constant memory.
//!
//! A blocking thread parses what the connection brings and hands over batches of lines; each batch becomes venues and
//! codes in one transaction. Lines that are refused are reported with their number and cost no other line. What was
//! written stays when the upload breaks off: lines with an `external_ref` are refused as taken when it is sent again.

use std::io;

use actix_web::web::Bytes;
use csv::{ByteRecord, ReaderBuilder};
use mashang_domain::person::Division;
use mashang_domain::protection::audit::Purpose;
use mashang_infra::store::audit::{self, Act};
use mashang_infra::store::venue::{self as venues, NewVenue};
use mashang_infra::store::venue_code::{self as codes, Door};
use serde_json::json;
use tokio::sync::mpsc;
use uuid::Uuid;

use super::import_body::Body;
use super::import_row::{Fault, Header};
use crate::error::{Answer, Code, FieldError, Problem};
use crate::http::auth::{Staff, may};
use crate::state::App;

/// Lines of one transaction.
const BATCH: usize = 500;
/// Refused lines that a report lists; all are counted.
const LISTED: usize = 10_000;

/// A line that was left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// Counted from 1, the header included.
    pub line: u64,
    pub code: &'static str,
    pub detail: String,
}

/// What became of a file.
#[derive(Debug, Default)]
pub struct ImportReport {
    pub created: u64,
    /// The first 10,000.
    pub rejected: Vec<Rejected>,
    pub rejected_total: u64,
}

impl ImportReport {
    fn reject(&mut self, rejected: Rejected) {
        self.rejected_total += 1;
        if self.rejected.len() < LISTED {
            self.rejected.push(rejected);
        }
    }
}

/// Some lines of the file.
#[derive(Default)]
struct Batch {
    venues: Vec<(u64, NewVenue)>,
    rejected: Vec<Rejected>,
}

impl Batch {
    fn len(&self) -> usize {
        self.venues.len() + self.rejected.len()
    }
}

/// Imports what comes out of `body` until it ends.
pub async fn import(
    app: &App,
    official: &Staff<may::CareForVenues>,
    body: mpsc::Receiver<io::Result<Bytes>>,
) -> Answer<ImportReport> {
    let (give, mut batches) = mpsc::channel::<Answer<Batch>>(2);
    let (by, scope) = (official.id, official.division.clone());
    let parser = tokio::task::spawn_blocking(move || parse(Body::new(body), by, &scope, &give));
    let mut report = ImportReport::default();
    while let Some(batch) = batches.recv().await {
        write(app, official, batch?, &mut report).await?;
    }
    parser.await.map_err(Problem::internal)?;
    Ok(report)
}

/// Parses line by line; stops when nobody takes the batches.
fn parse(body: Body, by: Uuid, scope: &Division, give: &mpsc::Sender<Answer<Batch>>) {
    let mut reader = ReaderBuilder::new().has_headers(false).flexible(true).from_reader(body);
    let (mut record, mut batch, mut header) = (ByteRecord::new(), Batch::default(), None);
    loop {
        match reader.read_byte_record(&mut record) {
            Ok(false) => break,
            Ok(true) => {}
            Err(e) => {
                // The channel is only closed when the import has failed already.
                let _ = give.blocking_send(Err(broken_off(&e)));
                return;
            }
        }
        let line = line_of(&record, reader.position().line());
        match &header {
            None => match Header::parse(&record) {
                Ok(found) => header = Some(found),
                Err(fault) => {
                    let _ = give.blocking_send(Err(bad_header(fault)));
                    return;
                }
            },
            Some(header) => match header.venue(&record, by, scope) {
                Ok(venue) => batch.venues.push((line, venue)),
                Err(Fault { code, detail }) => batch.rejected.push(Rejected { line, code, detail }),
            },
        }
        if batch.len() >= BATCH && give.blocking_send(Ok(std::mem::take(&mut batch))).is_err() {
            return;
        }
    }
    let last = if header.is_some() { Ok(batch) } else { Err(bad_header(Fault::empty())) };
    let _ = give.blocking_send(last);
}

/// The line on which a record begins, from the one that follows it: [`Body`] ends every line with `\n`, and the position
/// that the record itself has counts no empty lines before it.
fn line_of(record: &ByteRecord, next: u64) -> u64 {
    let within = record.as_slice().iter().filter(|b| **b == b'\n').count();
    next.saturating_sub(1 + u64::try_from(within).unwrap_or(0))
}

impl Fault {
    fn empty() -> Self {
        Self { code: "column_missing", detail: "the file is empty".to_owned() }
    }
}

fn bad_header(fault: Fault) -> Problem {
    let error = FieldError { field: "line 1".to_owned(), code: fault.code.to_owned(), detail: fault.detail };
    Problem { errors: vec![error.clone()], ..Problem::with_detail(Code::Invalid, error.detail) }
}

/// The body ended early: too large, or the client went away.
fn broken_off(error: &csv::Error) -> Problem {
    let too_large = match error.kind() {
        csv::ErrorKind::Io(e) => e.kind() == io::ErrorKind::FileTooLarge,
        _ => false,
    };
    Problem::new(if too_large { Code::TooLarge } else { Code::BadRequest })
}

/// Writes a batch in one transaction.
async fn write(
    app: &App,
    official: &Staff<may::CareForVenues>,
    batch: Batch,
    report: &mut ImportReport,
) -> Answer<()> {
    let now = app.clock.now();
    let mut rejected = batch.rejected;
    if !batch.venues.is_empty() {
        let lines: Vec<(u64, Uuid)> = batch.venues.iter().map(|(line, v)| (*line, v.id)).collect();
        let rows = batch.venues.into_iter().map(|(_, v)| v).collect();
        let tx = app.db.begin_write().await?;
        let written = venues::insert(&*tx, &app.keys, rows, now).await?;
        let doors: Vec<(Door, i32)> = lines
            .iter()
            .filter(|(_, id)| written.contains(id))
            .map(|(_, id)| (Door { venue_id: *id, zone_id: None }, 1))
            .collect();
        codes::issue(&*tx, &doors, now).await?;
        if !written.is_empty() {
            let actor = official.actor();
            let detail = json!({ "created": written.len() });
            let act = Act {
                actor: &actor,
                action: "venue.import",
                purpose: Purpose::Import,
                subject: None,
                object_kind: "venue",
                object_id: String::new(),
                detail,
            };
            audit::append(&*tx, act, now).await?;
        }
        tx.commit().await?;
        report.created += u64::try_from(written.len()).unwrap_or(0);
        rejected.extend(lines.iter().filter(|(_, id)| !written.contains(id)).map(|(line, _)| taken(*line)));
        rejected.sort_by_key(|r| r.line);
    }
    rejected.into_iter().for_each(|r| report.reject(r));
    Ok(())
}

fn taken(line: u64) -> Rejected {
    let detail = "a venue with this external_ref exists".to_owned();
    Rejected { line, code: "external_ref_taken", detail }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOM: &[u8] = b"\xef\xbb\xbf";
    const FILE: &str =
        "name,category,division_code,address\n一,gym,530102,x\n\n\"二\n\",gym,530102,x\n三,gym,33,x";

    fn parsed(chunks: &[&[u8]]) -> Vec<Answer<Batch>> {
        let (give, body) = mpsc::channel(100);
        for chunk in chunks {
            give.try_send(Ok(Bytes::copy_from_slice(chunk))).expect("room");
        }
        drop(give);
        let (give, mut batches) = mpsc::channel(100);
        parse(Body::new(body), Uuid::from_u128(1), &Division::everywhere(), &give);
        drop(give);
        std::iter::from_fn(|| batches.try_recv().ok()).collect()
    }

    #[test]
    fn lines_are_numbered_as_an_editor_numbers_them() {
        let marked = [BOM, FILE.as_bytes()].concat();
        let in_bytes: Vec<&[u8]> = marked.chunks(1).collect();
        let (windows, old_mac) = (FILE.replace('\n', "\r\n"), FILE.replace('\n', "\r"));
        let ended = format!("{windows}\r\n\r\n");
        let whole = [FILE, &windows, &old_mac, &ended].map(|text| vec![text.as_bytes()]);
        let pieces = [vec![marked.as_slice()], in_bytes, windows.as_bytes().chunks(7).collect()];
        for chunks in whole.into_iter().chain(pieces) {
            let batch = parsed(&chunks).pop().expect("a batch").expect("parses");
            assert_eq!(batch.venues.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [2, 4]);
            let told: Vec<_> = batch.rejected.iter().map(|r| (r.line, r.code)).collect();
            assert_eq!(told, [(6, "division_invalid")]);
        }
    }

    #[test]
    fn a_file_without_a_header_or_with_another_encoding_is_refused() {
        let refused =
            |bytes: &[u8]| parsed(&[bytes]).pop().expect("an answer").err().map(|p| p.errors[0].code.clone());
        assert_eq!(refused(b""), Some("column_missing".to_owned()));
        assert_eq!(refused(b"\xc3\xfb\xb3\xc6,category\n"), Some("not_utf8".to_owned()));
    }

    #[test]
    fn reports_stay_small() {
        let mut report = ImportReport::default();
        (0..=10_000).for_each(|_| report.reject(taken(2)));
        assert_eq!((report.rejected.len(), report.rejected_total), (LISTED, 10_001));
    }
}
