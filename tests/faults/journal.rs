//! What the clients were told, written down as it happened: one line an answer, synced to the disk.
//!
//! The checker believes this file and the database, and nothing that the product says about itself.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;

use anyhow::Context;
use uuid::Uuid;

/// How one try of a scan ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// An HTTP status.
    Status(u16),
    /// The connection was refused or broke before an answer.
    Broken,
    /// No answer within the clients' patience.
    Hung,
}

/// One try of one scan. Times are microseconds since the campaign began.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Which person, by their place in the crowd.
    pub person: usize,
    pub key: String,
    pub end: End,
    pub retry_after: Option<u64>,
    pub scan_id: Option<Uuid>,
    /// When this try should have been sent, when it was, and when its end was known.
    pub intended: u64,
    pub sent: u64,
    pub done: u64,
}

impl Entry {
    pub fn is_2xx(&self) -> bool {
        matches!(self.end, End::Status(200..=299))
    }

    fn line(&self) -> String {
        let end = match self.end {
            End::Status(status) => status.to_string(),
            End::Broken => "broken".to_owned(),
            End::Hung => "hung".to_owned(),
        };
        let retry = self.retry_after.map(|n| n.to_string()).unwrap_or_default();
        let id = self.scan_id.map(|id| id.to_string()).unwrap_or_default();
        let Self { person, key, intended, sent, done, .. } = self;
        format!("{person}\t{key}\t{end}\t{retry}\t{id}\t{intended}\t{sent}\t{done}\n")
    }

    fn parse(line: &str) -> Option<Self> {
        let field: Vec<&str> = line.split('\t').collect();
        let [person, key, end, retry, id, intended, sent, done] = field[..] else { return None };
        let end = match end {
            "broken" => End::Broken,
            "hung" => End::Hung,
            status => End::Status(status.parse().ok()?),
        };
        Some(Self {
            person: person.parse().ok()?,
            key: key.to_owned(),
            end,
            retry_after: retry.parse().ok(),
            scan_id: id.parse().ok(),
            intended: intended.parse().ok()?,
            sent: sent.parse().ok()?,
            done: done.parse().ok()?,
        })
    }
}

/// Takes entries from many clients. Clones write to the same file.
#[derive(Clone)]
pub struct Journal(Sender<Entry>);

/// The file behind a [`Journal`].
pub struct Written {
    path: PathBuf,
    writer: JoinHandle<std::io::Result<()>>,
}

impl Journal {
    pub fn open(path: &Path) -> anyhow::Result<(Self, Written)> {
        let file = File::create_new(path).with_context(|| path.display().to_string())?;
        let (sender, entries) = channel::<Entry>();
        let writer = std::thread::spawn(move || {
            let mut out = BufWriter::new(file);
            while let Ok(first) = entries.recv() {
                out.write_all(first.line().as_bytes())?;
                for more in entries.try_iter() {
                    out.write_all(more.line().as_bytes())?;
                }
                out.flush()?;
                out.get_ref().sync_data()?;
            }
            out.flush()
        });
        Ok((Self(sender), Written { path: path.to_owned(), writer }))
    }

    pub fn note(&self, entry: Entry) {
        // The writer ends after the last sender.
        let _ = self.0.send(entry);
    }
}

impl Written {
    /// Waits for the last line and reads the file again. Every [`Journal`] must be gone.
    pub fn read(self) -> anyhow::Result<Vec<Entry>> {
        self.writer.join().map_err(|_| anyhow::anyhow!("the journal's writer panicked"))??;
        let text = std::fs::read_to_string(&self.path)?;
        text.lines().map(|l| Entry::parse(l).with_context(|| format!("journal: {l}"))).collect()
    }
}
