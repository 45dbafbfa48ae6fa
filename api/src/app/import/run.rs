//! One run of an import: chunk after chunk, and what is left to do at the end.

use std::collections::HashMap;

use mashang_domain::person::Actor;
use mashang_domain::protection::audit::Purpose;
use mashang_domain::time::Timestamp;
use mashang_domain::venue::ScanPoint;
use mashang_domain::venue::plausibility::Sighting;
use mashang_entity::{import_chunk, import_job};
use mashang_infra::store::audit::{self, Act};
use mashang_infra::store::import::{self, ImportRow, row_id};
use mashang_infra::store::import_refs::ImportVenue;
use mashang_infra::store::scan_writer::plausibility_rules;
use serde_json::json;
use uuid::Uuid;

use super::judge::{Judge, Judged};
use super::maps::Maps;
use super::progress::{BadLine, BadLineCode, ImportProgress};
use super::reader::{Chunk, Chunks, Line};
use super::resolver::{Resolved, Resolver};
use super::writers::{Done, Writers};
use super::{ImportContext, ImportError, ImportOptions, ImportReport};

/// Bad lines that the report holds; all go to the listener.
const ERRORS_AT_MOST: usize = 1_000;

pub(super) struct Run<'a> {
    ctx: &'a ImportContext,
    options: ImportOptions,
    progress: &'a mut dyn ImportProgress,
    job: import_job::Model,
    /// Chunks of earlier runs.
    done: HashMap<i64, import_chunk::Model>,
    resolver: Resolver,
    judge: Judge,
    maps: Option<Maps>,
    writers: Writers,
    /// The times of all rows so far.
    span: Option<(Timestamp, Timestamp)>,
    written: bool,
    report: ImportReport,
}

impl<'a> Run<'a> {
    pub async fn start(
        ctx: &'a ImportContext,
        options: ImportOptions,
        digest: Vec<u8>,
        progress: &'a mut dyn ImportProgress,
    ) -> Result<Self, ImportError> {
        let by = staff_id(&options.actor);
        let job = import::open(&ctx.db, options.format.as_str(), &digest, by, ctx.clock.now()).await?;
        let done = import::chunks(ctx.db.conn(), job.id).await?;
        Ok(Self {
            maps: options.map_dir.as_deref().map(Maps::create).transpose()?,
            judge: Judge::new(plausibility_rules(&ctx.settings.scans)),
            resolver: Resolver::new(),
            done: done.into_iter().map(|chunk| (chunk.number, chunk)).collect(),
            writers: Writers::new(ctx.db.clone(), job.clone()),
            span: None,
            written: false,
            report: ImportReport::default(),
            ctx,
            options,
            progress,
            job,
        })
    }

    pub async fn through(mut self, mut chunks: Chunks) -> Result<ImportReport, ImportError> {
        loop {
            let chunk = chunks.recv().await.ok_or(ImportError::ReaderLost)??;
            if chunk.lines.is_empty() {
                self.wait_for(0).await?;
                return self.finish(chunk.number).await;
            }
            match self.done.remove(&chunk.number).filter(|done| done.digest == chunk.digest) {
                Some(done) => {
                    self.skip(&chunk, &done).await?;
                    self.wait_for(0).await?;
                    self.advance(Done { lines: chunk.lines.len() as u64, bytes: chunk.bytes });
                }
                None => self.write(chunk).await?,
            }
        }
    }

    /// Waits until at most so many chunks are under way.
    async fn wait_for(&mut self, most: usize) -> Result<(), ImportError> {
        while let Some(done) = self.writers.next_done(most).await? {
            self.advance(done);
        }
        Ok(())
    }

    fn advance(&mut self, done: Done) {
        self.report.lines += done.lines;
        self.progress.advanced(self.report.lines, done.bytes);
    }

    /// A chunk that an earlier run has written. A map wants its names all the same.
    async fn skip(&mut self, chunk: &Chunk, done: &import_chunk::Model) -> Result<(), ImportError> {
        self.report.skipped += chunk.lines.len() as u64;
        self.report.rejected += u64::try_from(done.rejected).unwrap_or(0);
        for at in [done.first_at, done.last_at].into_iter().flatten() {
            self.widen(at);
        }
        // What came before is not held, so what comes after cannot be judged on the way.
        self.judge.give_up();
        if self.maps.is_some() {
            let resolved = self.resolve(chunk).await?;
            for line in chunk.lines.iter().flatten() {
                self.tell_map(line, &resolved)?;
            }
        }
        Ok(())
    }

    async fn resolve(&mut self, chunk: &Chunk) -> Result<Resolved, ImportError> {
        let lines = chunk.lines.iter().flatten();
        self.resolver.resolve(self.ctx, &self.options, lines, self.ctx.clock.now()).await
    }

    /// Looks up and judges a chunk, and sends it on its way into the database.
    async fn write(&mut self, chunk: Chunk) -> Result<(), ImportError> {
        let resolved = self.resolve(&chunk).await?;
        let done = Done { lines: chunk.lines.len() as u64, bytes: chunk.bytes };
        let mut rows = Vec::with_capacity(chunk.lines.len());
        let mut note = import_chunk::Model {
            job_id: self.job.id,
            number: chunk.number,
            digest: chunk.digest,
            lines: i64::try_from(chunk.lines.len()).unwrap_or(i64::MAX),
            rejected: 0,
            first_at: None,
            last_at: None,
        };
        for line in chunk.lines.iter().flatten() {
            self.tell_map(line, &resolved)?;
        }
        for line in chunk.lines {
            match line.and_then(|line| self.row(line, &resolved)) {
                Ok(Some(row)) => {
                    note.first_at = Some(note.first_at.map_or(row.at, |at| at.min(row.at)));
                    note.last_at = Some(note.last_at.map_or(row.at, |at| at.max(row.at)));
                    rows.push(row);
                }
                Ok(None) => {}
                Err(bad) => {
                    note.rejected += 1;
                    self.reject(bad);
                }
            }
        }
        if let (Some(first), Some(last)) = (note.first_at, note.last_at) {
            self.widen(first);
            self.widen(last);
        }
        let now = self.ctx.clock.now();
        self.wait_for(self.writers.at_once() - 1).await?;
        self.writers.write(note, rows, done, now).await?;
        self.written = true;
        Ok(())
    }

    /// The row of a line; `None` when the file said the same before.
    fn row(&mut self, line: Line, resolved: &Resolved) -> Result<Option<ImportRow>, BadLine> {
        let venue = resolved.venues.get(&line.venue);
        let found = venue.zip(resolved.people.get(&line.phone));
        let (venue, person) = found.ok_or_else(|| BadLine::new(line.line, BadLineCode::UnknownVenue))?;
        let id = row_id(*person, venue.id, line.direction, line.at);
        let verdict = match self.judge.judge(*person, sighting(id, &line, venue)) {
            Judged::Verdict(verdict) => verdict,
            Judged::Duplicate => return Ok(None),
        };
        let (person_id, venue_id) = (*person, venue.id);
        Ok(Some(ImportRow { id, person_id, venue_id, direction: line.direction, at: line.at, verdict }))
    }

    fn reject(&mut self, bad: BadLine) {
        self.report.rejected += 1;
        self.progress.rejected(&bad);
        if self.report.errors.len() < ERRORS_AT_MOST {
            self.report.errors.push(bad);
        } else {
            self.report.errors_cut = true;
        }
    }

    fn widen(&mut self, at: Timestamp) {
        let (from, to) = self.span.unwrap_or((at, at));
        self.span = Some((from.min(at), to.max(at)));
    }

    fn tell_map(&mut self, line: &Line, resolved: &Resolved) -> Result<(), ImportError> {
        let Some(maps) = &mut self.maps else { return Ok(()) };
        if let Some(venue) = resolved.venues.get(&line.venue) {
            maps.venue(&line.venue, venue.id)?;
        }
        match line.newcomer.as_ref().zip(resolved.people.get(&line.phone)) {
            Some((name, id)) => maps.person(name, *id),
            None => Ok(()),
        }
    }

    /// Marks, counts, and the entry in the audit log.
    async fn finish(mut self, chunks: i64) -> Result<ImportReport, ImportError> {
        let (ctx, now) = (self.ctx, self.ctx.clock.now());
        let db = &ctx.db;
        let complete = !self.written && self.job.finished_at.is_some();
        let span = self.span.unwrap_or((now, now));
        if !complete {
            self.settle().await?;
        }
        let totals = import::totals(db.conn(), &self.job, span.0, span.1).await?;
        let count = |n: i64| u64::try_from(n).unwrap_or(0);
        self.report.recorded = count(totals.recorded);
        self.report.repeats = count(totals.repeats);
        self.report.suspect = count(totals.suspect);
        let told = self.report.recorded + self.report.repeats + self.report.rejected;
        self.report.duplicates = self.report.lines.saturating_sub(told);
        self.report.people_made = self.resolver.people_made;
        self.report.venues_made = self.resolver.venues_made;
        if !complete {
            let tx = db.begin_write().await?;
            import::forget_chunks_from(&*tx, self.job.id, chunks).await?;
            let (job, rejected) = (self.job.clone(), self.report.rejected.cast_signed());
            import::finish(&*tx, job, totals, rejected, now).await?;
            audit::append(&*tx, self.act(), now).await?;
            tx.commit().await?;
        }
        if let Some(maps) = self.maps {
            maps.close()?;
        }
        Ok(self.report)
    }

    /// Puts right what could not be judged on the way.
    async fn settle(&mut self) -> Result<(), ImportError> {
        let Some((from, to)) = self.span else { return Ok(()) };
        let (db, rules) = (&self.ctx.db, plausibility_rules(&self.ctx.settings.scans));
        if self.judge.in_order() && !import::has_others_near(db.conn(), &self.job, from, to).await? {
            return Ok(import::settle_people(db, &self.judge.late(), &rules).await?);
        }
        let progress = &mut *self.progress;
        import::settle_all(db, &self.job, (from, to), &rules, |people| progress.settled(people)).await?;
        Ok(())
    }

    fn act(&self) -> Act<'_> {
        let r = &self.report;
        Act {
            actor: &self.options.actor,
            action: "visits.import",
            purpose: Purpose::Import,
            subject: None,
            object_kind: "import_job",
            object_id: self.job.id.to_string(),
            detail: json!({
                "format": self.options.format.as_str(), "lines": r.lines, "recorded": r.recorded,
                "repeats": r.repeats, "rejected": r.rejected, "suspect": r.suspect,
                "people_made": r.people_made, "venues_made": r.venues_made,
            }),
        }
    }
}

fn sighting(id: Uuid, line: &Line, venue: &ImportVenue) -> Sighting {
    let point = ScanPoint {
        id,
        venue_id: venue.id,
        zone_id: None,
        venue_ref: venue.reference.clone(),
        direction: line.direction,
        at: line.at,
        suspect: false,
    };
    Sighting { point, place: venue.place, venue_open: venue.open }
}

/// The member of staff who acts, if it is one.
pub(super) fn staff_id(actor: &Actor) -> Option<Uuid> {
    match actor {
        Actor::Staff { id, .. } => Some(*id),
        Actor::Citizen(_) | Actor::Device(_) | Actor::System(_) => None,
    }
}
