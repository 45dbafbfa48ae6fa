//! Imports of official lists from CSV, in constant memory, a transaction a thousand lines.
//!
//! A file may be sent again, whole or after it broke off: an entry is known by a keyed digest of what it says.

use std::collections::HashSet;
use std::io;

use actix_web::web::Bytes;
use mashang_domain::health::{KeyArea, ListKind};
use mashang_entity::health_import;
use tokio::sync::mpsc;
use uuid::Uuid;

use super::areas::meet_declared;
use super::parse::{Body, Frame, parse};
use super::write::write;
use crate::app::case::{Office, division_of};
use crate::app::health::require;
use crate::error::{Answer, Problem};
use crate::state::App;

/// Refused lines that a report lists; all are counted.
const LISTED: usize = 10_000;

/// What is to be imported.
pub struct ImportOrder {
    pub kind: ListKind,
    /// Does everything but write.
    pub dry_run: bool,
    /// Whose list it is; absent: the whole division of the official.
    pub division: Option<String>,
}

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
    /// None of a dry run.
    pub import_id: Option<Uuid>,
    pub encoding: &'static str,
    pub created: u64,
    /// Known before, with another last day.
    pub updated: u64,
    /// Known before.
    pub duplicates: u64,
    pub matched: u64,
    pub contradicted: u64,
    /// The first 10,000.
    pub rejected: Vec<Rejected>,
    pub rejected_total: u64,
}

impl ImportReport {
    fn reject(&mut self, rejected: Vec<Rejected>) {
        self.rejected_total += rejected.len() as u64;
        let room = LISTED - self.rejected.len();
        self.rejected.extend(rejected.into_iter().take(room));
    }

    /// Puts the counts into the row of the import.
    pub(super) fn count_into(&self, row: &mut health_import::Model) {
        let count = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        row.encoding = Some(self.encoding.to_owned());
        (row.created, row.updated, row.duplicates) =
            (count(self.created), count(self.updated), count(self.duplicates));
        (row.matched, row.contradicted) = (count(self.matched), count(self.contradicted));
        row.rejected = count(self.rejected_total);
    }
}

/// An import under way.
pub(super) struct Run<'a> {
    pub app: &'a App,
    pub office: &'a Office,
    pub dry_run: bool,
    pub row: health_import::Model,
    pub report: ImportReport,
    /// Of a dry run: the beginnings of the digests so far, for nothing is there to be found in the database.
    pub seen: HashSet<[u8; 8]>,
    /// The areas that the file names and that stand.
    pub areas: Vec<(Uuid, KeyArea)>,
    /// Whether the row of the import is there.
    pub begun: bool,
}

/// Imports what comes out of `body` until it ends.
pub async fn import(
    app: &App,
    office: &Office,
    order: ImportOrder,
    body: mpsc::Receiver<io::Result<Bytes>>,
) -> Answer<ImportReport> {
    require(app)?;
    let now = app.clock.now();
    let division_code = division_of(office, order.division)?;
    let row = health_import::Model {
        id: Uuid::now_v7(),
        kind: order.kind,
        division_code: division_code.clone(),
        encoding: None,
        created: 0,
        updated: 0,
        duplicates: 0,
        matched: 0,
        contradicted: 0,
        rejected: 0,
        created_by: office.id,
        created_at: now,
        updated_at: now,
        finished_at: None,
    };
    let frame = Frame {
        keys: app.keys.clone(),
        kind: order.kind,
        import_id: row.id,
        division_code,
        today: now.shanghai_day(),
        now,
    };
    let report = ImportReport { import_id: (!order.dry_run).then_some(row.id), ..ImportReport::default() };
    let (give, mut batches) = mpsc::channel(2);
    let parser = tokio::task::spawn_blocking(move || parse(Body::new(body), &frame, &give));
    let mut run = Run {
        app,
        office,
        dry_run: order.dry_run,
        row,
        report,
        seen: HashSet::new(),
        areas: Vec::new(),
        begun: false,
    };
    while let Some(batch) = batches.recv().await {
        let mut batch = batch?;
        run.report.encoding = batch.encoding.as_str();
        run.report.reject(std::mem::take(&mut batch.rejected));
        write(&mut run, batch).await?;
    }
    meet_declared(&mut run).await?;
    parser.await.map_err(Problem::internal)?;
    Ok(run.report)
}
