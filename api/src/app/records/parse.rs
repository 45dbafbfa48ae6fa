//! The thread that reads a list: checks line by line, seals and hashes, and hands on batches.

use std::io::{self, Read};
use std::sync::Arc;

use actix_web::web::Bytes;
use chrono::NaiveDate;
use mashang_domain::health::{ListKind, RecordKind};
use mashang_domain::time::{Timestamp, day_number};
use mashang_entity::{health_record, key_area};
use mashang_infra::keys::{Field, KeyRing};
use serde_json::json;
use tokio::sync::mpsc;
use uuid::Uuid;

use super::lines::{FileEncoding, Lines, Splitter};
use super::row::{Header, Listed};
use super::{Fault, Rejected};
use crate::error::{Answer, Code, FieldError, Problem};

/// Lines of one transaction.
const BATCH: usize = 1_000;

/// What every line of a file has in common.
pub(super) struct Frame {
    pub keys: Arc<KeyRing>,
    pub kind: ListKind,
    pub import_id: Uuid,
    pub division_code: String,
    pub today: NaiveDate,
    pub now: Timestamp,
}

/// Some lines of a file, ready to be written.
pub(super) struct Batch {
    pub people: Vec<health_record::Model>,
    pub areas: Vec<key_area::Model>,
    pub rejected: Vec<Rejected>,
    pub encoding: FileEncoding,
    pub last: bool,
}

impl Batch {
    fn new() -> Self {
        Self {
            people: Vec::new(),
            areas: Vec::new(),
            rejected: Vec::new(),
            encoding: FileEncoding::Utf8,
            last: false,
        }
    }

    fn len(&self) -> usize {
        self.people.len() + self.areas.len() + self.rejected.len()
    }
}

/// The body as a blocking reader.
pub(super) struct Body {
    chunks: mpsc::Receiver<io::Result<Bytes>>,
    present: Bytes,
}

impl Body {
    pub fn new(chunks: mpsc::Receiver<io::Result<Bytes>>) -> Self {
        Self { chunks, present: Bytes::new() }
    }
}

impl Read for Body {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.present.is_empty() {
            match self.chunks.blocking_recv().transpose()? {
                Some(chunk) => self.present = chunk,
                None => return Ok(0),
            }
        }
        let n = out.len().min(self.present.len());
        out[..n].copy_from_slice(&self.present.split_to(n));
        Ok(n)
    }
}

/// Reads a list to its end; stops when nobody takes the batches.
pub(super) fn parse(source: impl Read, frame: &Frame, give: &mpsc::Sender<Answer<Batch>>) {
    if let Err(problem) = batches(source, frame, |batch| give.blocking_send(Ok(batch)).is_ok()) {
        // The channel is only closed when the import has failed already.
        let _ = give.blocking_send(Err(problem));
    }
}

fn batches(source: impl Read, frame: &Frame, mut give: impl FnMut(Batch) -> bool) -> Answer<()> {
    let (mut lines, mut splitter) = (Lines::new(source), Splitter::new());
    let (mut batch, mut header) = (Batch::new(), None);
    while let Some(line) = lines.read_line().map_err(|e| broken_off(&e))? {
        let record = line.and_then(|line| splitter.fields(&line));
        // Spreadsheets end in lines of nothing but commas.
        if record.as_ref().is_ok_and(|fields| fields.iter().all(|field| field.trim().is_empty())) {
            continue;
        }
        let Some(header) = &header else {
            header = Some(record.and_then(|names| Header::parse(&names, frame.kind)).map_err(bad_header)?);
            continue;
        };
        match record.and_then(|record| take(frame, header, &record, &mut batch)) {
            Ok(()) => {}
            Err(Fault { code, detail }) => {
                batch.rejected.push(Rejected { line: lines.number(), code, detail });
            }
        }
        if batch.len() >= BATCH {
            batch.encoding = lines.encoding();
            if !give(std::mem::replace(&mut batch, Batch::new())) {
                return Ok(());
            }
        }
    }
    if header.is_none() {
        return Err(bad_header(Fault::new("column_missing", "文件为空 / the file is empty")));
    }
    (batch.encoding, batch.last) = (lines.encoding(), true);
    give(batch);
    Ok(())
}

fn take(frame: &Frame, header: &Header, record: &[String], batch: &mut Batch) -> Result<(), Fault> {
    match frame.kind.of_people() {
        Some(kind) => {
            batch.people.push(sealed(frame, kind, &header.listed(record, frame.kind, frame.today)?)?)
        }
        None => {
            let (code, area) = header.area(record, frame.today)?;
            batch.areas.push(key_area::Model {
                id: Uuid::now_v7(),
                import_id: frame.import_id,
                division_code: frame.division_code.clone(),
                area: code,
                from_day: day_number(area.from),
                until_day: area.until.map(day_number),
                created_at: frame.now,
                withdrawn_at: None,
                withdrawn_by: None,
            });
        }
    }
    Ok(())
}

/// The row of somebody on a list: hashes to look up, and the original sealed.
fn sealed(frame: &Frame, kind: RecordKind, listed: &Listed) -> Result<health_record::Model, Fault> {
    let (keys, id, day) = (&frame.keys, Uuid::now_v7(), day_number(listed.day));
    let (identity, phone) = (listed.identity.as_ref(), listed.phone.as_ref());
    let original = json!({
        "id_type": identity.map(|i| i.kind()),
        "id_number": identity.map(|i| i.reveal()),
        "phone": phone.map(|p| p.reveal()),
        "name": listed.name,
    });
    let sealed = keys.seal(Field::HealthRecord, id, original.to_string().as_bytes());
    Ok(health_record::Model {
        id,
        import_id: frame.import_id,
        kind,
        division_code: frame.division_code.clone(),
        digest: keys.record_digest(kind, identity, phone, day),
        identity_hash: identity.map(|i| keys.identity_hash(i)),
        phone_hash: phone.map(|p| keys.phone_hash(p)),
        day,
        ends_on: listed.ends_on.map(day_number),
        completed_at: None,
        sealed: sealed.map_err(|e| Fault::new("not_sealed", e.to_string()))?,
        key_version: keys.current_version(),
        created_at: frame.now,
        withdrawn_at: None,
        withdrawn_by: None,
    })
}

fn bad_header(fault: Fault) -> Problem {
    let error = FieldError { field: "line 1".to_owned(), code: fault.code.to_owned(), detail: fault.detail };
    Problem { errors: vec![error.clone()], ..Problem::with_detail(Code::Invalid, error.detail) }
}

/// The body ended early: too large, or the client went away.
fn broken_off(error: &io::Error) -> Problem {
    Problem::new(if error.kind() == io::ErrorKind::FileTooLarge { Code::TooLarge } else { Code::BadRequest })
}
