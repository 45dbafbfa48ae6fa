//! Importing visits from a file: millions of lines in constant memory, resumable, the same result in whatever order.
//!
//! A thread reads and checks lines and hands on chunks; here each chunk's people and venues are looked up or made, its
//! scans judged and written. Lines in the order of time are judged on the way. As soon as one is not, or the file is
//! taken up in the middle, or other scans stand near, the marks are put right at the end, for the people concerned.
//! Who may call this is decided by the caller; venues of another division than theirs are unknown to their file.

mod format;
mod judge;
mod lately;
mod maps;
mod phone_rule;
mod progress;
mod reader;
mod resolver;
mod run;
mod writers;

use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;

use mashang_config::Settings;
use mashang_domain::person::{Actor, Division};
use mashang_infra::clock::Clock;
use mashang_infra::db::Db;
use mashang_infra::keys::{KeyRing, SealError};
use sea_orm::DbErr;

pub use phone_rule::phone_of_nth;
pub use progress::{BadLine, BadLineCode, ImportProgress, Silent};

/// What an import works with.
#[derive(Clone)]
pub struct ImportContext {
    pub db: Db,
    pub keys: Arc<KeyRing>,
    pub settings: Arc<Settings>,
    pub clock: Clock,
}

/// The columns of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ImportFormat {
    /// `phone, venue_ref, direction, scanned_at`
    #[default]
    Visits,
    /// `venue_id, venue_name_or_category, lat, lon, user_id, checked_in_at`, and `direction` where there is one; people
    /// get test numbers in the order of their appearance.
    Checkins,
}

impl ImportFormat {
    pub const fn as_str(self) -> &'static str {
        match self {
            ImportFormat::Visits => "visits",
            ImportFormat::Checkins => "checkins",
        }
    }
}

/// How to import.
#[derive(Debug, Clone)]
pub struct ImportOptions {
    pub format: ImportFormat,
    /// Make venues that a check-in file describes and that do not exist; approved.
    pub create_venues: bool,
    /// Division of venues that are made.
    pub division_code: String,
    /// Folder for `people.csv` and `venues.csv`, which say who and what the file's references became; check-ins only.
    pub map_dir: Option<PathBuf>,
    /// Who imports: stands in the audit log.
    pub actor: Actor,
    /// Venues outside of it are unknown to the file.
    pub scope: Division,
    /// Lines of a chunk. A file that is continued must be read with the same number.
    pub chunk_lines: usize,
}

impl ImportOptions {
    pub fn new(format: ImportFormat, actor: Actor) -> Self {
        Self {
            format,
            create_venues: false,
            division_code: "530102".to_owned(),
            map_dir: None,
            scope: match &actor {
                Actor::Staff { division, .. } => division.clone(),
                Actor::Citizen(_) | Actor::Device(_) | Actor::System(_) => Division::everywhere(),
            },
            actor,
            chunk_lines: 8_192,
        }
    }
}

/// What an import came to. The numbers are those of the whole file, however many runs it took.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, utoipa::ToSchema)]
pub struct ImportReport {
    /// Lines of the file, without the header.
    pub lines: u64,
    /// Scans that count.
    pub recorded: u64,
    /// Scans that the two-minute rule swallows.
    pub repeats: u64,
    /// Lines that say what is there already.
    pub duplicates: u64,
    /// Recorded scans that are doubted.
    pub suspect: u64,
    pub rejected: u64,
    /// Lines that an earlier run had finished.
    pub skipped: u64,
    pub people_made: u64,
    pub venues_made: u64,
    /// The first bad lines of this run.
    pub errors: Vec<BadLine>,
    /// More bad lines than `errors` holds.
    pub errors_cut: bool,
}

#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    #[error("the file cannot be read: {0}")]
    Read(#[source] std::io::Error),
    #[error("the header lacks the column `{0}`")]
    MissingColumn(&'static str),
    #[error("the file has no header line in UTF-8")]
    NoHeader,
    #[error("a map can be written for check-ins only: it would hold telephone numbers")]
    MapOfNumbers,
    #[error("the map cannot be written: {0}")]
    Map(#[source] std::io::Error),
    #[error("the database failed: {0}")]
    Database(#[from] DbErr),
    #[error("a number cannot be sealed: {0}")]
    Seal(#[from] SealError),
    #[error("the reading thread ended early")]
    ReaderLost,
}

/// Imports a file, plain or gzip. Dropping the future stops after the chunks in work; a later call with the same file goes
/// on from there.
///
/// # Errors
/// See [`ImportError`]. Bad lines are no errors: they are reported and left out.
pub async fn import_visits(
    ctx: &ImportContext,
    source: impl Read + Send + 'static,
    options: ImportOptions,
    progress: &mut dyn ImportProgress,
) -> Result<ImportReport, ImportError> {
    if options.map_dir.is_some() && options.format != ImportFormat::Checkins {
        return Err(ImportError::MapOfNumbers);
    }
    let opened = reader::open(source, &options, ctx).await?;
    run::Run::start(ctx, options, opened.digest, progress).await?.through(opened.chunks).await
}
