//! The reading thread: unpacks, splits and checks lines, and hands on chunks of them, two ahead of the database at most.

use std::collections::HashMap;
use std::io::{BufReader, Cursor, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use csv::{ByteRecord, ReaderBuilder};
use flate2::read::MultiGzDecoder;
use mashang_domain::time::{SECOND, Timestamp};
use mashang_domain::venue::Direction;
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;

use super::format::{Columns, Description, Fields};
use super::phone_rule::phone_of_nth;
use super::progress::{BadLine, BadLineCode};
use super::{ImportContext, ImportError, ImportFormat, ImportOptions};

/// Bytes at the beginning of a file by which it is known.
const HEAD: usize = 64 * 1024;

/// Chunks that are read ahead.
const AHEAD: usize = 2;

/// A line that says something.
pub(super) struct Line {
    pub line: u64,
    /// E.164 without its plus.
    pub phone: u64,
    /// The file's own name of a person, on the line where they appear first.
    pub newcomer: Option<Box<str>>,
    pub venue: Box<str>,
    pub description: Option<Description>,
    pub direction: Direction,
    pub at: Timestamp,
}

pub(super) struct Chunk {
    pub number: i64,
    /// SHA-256 over the fields of its lines.
    pub digest: Vec<u8>,
    /// None: the end of the file.
    pub lines: Vec<Result<Line, BadLine>>,
    /// Bytes read so far.
    pub bytes: u64,
}

pub(super) type Chunks = mpsc::Receiver<Result<Chunk, ImportError>>;

pub(super) struct Opened {
    /// SHA-256 over format, scope and beginning of the file: the same file is the same job, but what one division's
    /// official had to leave out is open to another's.
    pub digest: Vec<u8>,
    pub chunks: Chunks,
}

/// Reads the beginning of a file and starts the thread for the rest.
pub(super) async fn open(
    source: impl Read + Send + 'static,
    options: &ImportOptions,
    ctx: &ImportContext,
) -> Result<Opened, ImportError> {
    let (format, chunk_lines) = (options.format, options.chunk_lines.max(1));
    let rules = Rules {
        format,
        chunk_lines,
        described: options.create_venues,
        newcomers: options.map_dir.is_some(),
        latest: ctx.clock.now() + ctx.settings.scans.clock_tolerance_seconds * SECOND,
        allow_test_numbers: ctx.settings.limits.allow_test_numbers,
    };
    let begin = tokio::task::spawn_blocking(move || {
        let mut source = source;
        let mut head = Vec::with_capacity(HEAD);
        source.by_ref().take(HEAD as u64).read_to_end(&mut head).map(|_| (head, source))
    });
    let (head, source) = begin.await.map_err(|_| ImportError::ReaderLost)?.map_err(ImportError::Read)?;
    let digest = Sha256::new()
        .chain_update(format.as_str())
        .chain_update(u64::try_from(chunk_lines).unwrap_or(0).to_be_bytes())
        .chain_update(options.scope.prefix())
        .chain_update([0])
        .chain_update(&head)
        .finalize()
        .to_vec();
    let packed = head.starts_with(&[0x1f, 0x8b]);
    let (sender, chunks) = mpsc::channel(AHEAD);
    let counted = Counted { inner: Cursor::new(head).chain(source), bytes: Arc::default() };
    tokio::task::spawn_blocking(move || {
        let bytes = Arc::clone(&counted.bytes);
        let read = if packed {
            Lines { rules, bytes, sender: &sender }
                .read(MultiGzDecoder::new(BufReader::with_capacity(HEAD, counted)))
        } else {
            Lines { rules, bytes, sender: &sender }.read(counted)
        };
        if let Err(error) = read {
            let _ = sender.blocking_send(Err(error));
        }
    });
    Ok(Opened { digest, chunks })
}

#[derive(Clone, Copy)]
struct Rules {
    format: ImportFormat,
    chunk_lines: usize,
    described: bool,
    newcomers: bool,
    latest: Timestamp,
    allow_test_numbers: bool,
}

struct Lines<'a> {
    rules: Rules,
    bytes: Arc<AtomicU64>,
    sender: &'a mpsc::Sender<Result<Chunk, ImportError>>,
}

impl Lines<'_> {
    /// Reads to the end, or until nobody listens any more.
    fn read(&self, source: impl Read) -> Result<(), ImportError> {
        let mut csv = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .buffer_capacity(256 * 1024)
            .from_reader(source);
        let mut record = ByteRecord::new();
        if !csv.read_byte_record(&mut record).map_err(failed)? {
            return Err(ImportError::NoHeader);
        }
        let columns = Columns::of(&record, self.rules.format)?;
        let mut people = People::default();
        let mut number = 0;
        loop {
            let mut digest = Sha256::new();
            let mut lines = Vec::with_capacity(self.rules.chunk_lines);
            while lines.len() < self.rules.chunk_lines && csv.read_byte_record(&mut record).map_err(failed)? {
                for field in &record {
                    digest.update(u32::try_from(field.len()).unwrap_or(u32::MAX).to_be_bytes());
                    digest.update(field);
                }
                digest.update(b"\n");
                let line = record.position().map_or(0, csv::Position::line);
                lines
                    .push(self.line(&record, &columns, &mut people, line).map_err(|c| BadLine::new(line, c)));
            }
            let digest = digest.finalize().to_vec();
            let ended = lines.is_empty();
            let chunk = Chunk { number, digest, lines, bytes: self.bytes.load(Ordering::Relaxed) };
            if self.sender.blocking_send(Ok(chunk)).is_err() || ended {
                return Ok(());
            }
            number += 1;
        }
    }

    fn line(
        &self,
        record: &ByteRecord,
        columns: &Columns,
        people: &mut People,
        line: u64,
    ) -> Result<Line, BadLineCode> {
        let fields = Fields::of(record, columns)?;
        // Whoever appears on a bad line has appeared.
        let mut known = match self.rules.format {
            ImportFormat::Visits => None,
            ImportFormat::Checkins => Some(people.known(fields.person)),
        };
        let (direction, at) = (fields.direction()?, fields.at(self.rules.latest)?);
        let phone = match &known {
            Some(known) => phone_of_nth(known.number),
            None => fields.phone(self.rules.allow_test_numbers)?,
        };
        let untold = known.as_mut().is_some_and(|known| !std::mem::replace(&mut known.told, true));
        Ok(Line {
            line,
            phone,
            newcomer: (untold && self.rules.newcomers).then(|| fields.person.into()),
            venue: fields.venue.into(),
            description: if self.rules.described { fields.description() } else { None },
            direction,
            at,
        })
    }
}

/// The people of a check-in file, numbered in the order of their appearance: some 50 bytes each.
#[derive(Default)]
struct People(HashMap<[u8; 16], Known>);

struct Known {
    number: u64,
    /// Whether a good line has spoken of them.
    told: bool,
}

impl People {
    fn known(&mut self, name: &str) -> &mut Known {
        let mut half = [0; 16];
        half.copy_from_slice(&Sha256::digest(name.as_bytes())[..16]);
        let number = self.0.len() as u64 + 1;
        self.0.entry(half).or_insert(Known { number, told: false })
    }
}

fn failed(error: csv::Error) -> ImportError {
    match error.into_kind() {
        csv::ErrorKind::Io(e) => ImportError::Read(e),
        other => ImportError::Read(std::io::Error::other(format!("{other:?}"))),
    }
}

/// Counts what is read.
struct Counted<R> {
    inner: R,
    bytes: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.bytes.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}
