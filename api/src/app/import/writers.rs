//! Chunks on their way into the database. While some are written the next is read, looked up and judged, so that neither
//! the database nor this process waits for the other. What is reported as done is committed, in the order of the file.

use std::collections::{BTreeSet, VecDeque};

use mashang_domain::time::Timestamp;
use mashang_entity::{import_chunk, import_job};
use mashang_infra::db::Db;
use mashang_infra::store::import::{self, ImportRow, Way};
use mashang_infra::store::partition::ensure_days_of;
use sea_orm::DbErr;
use tokio_util::task::AbortOnDropHandle;

/// Chunks that PostgreSQL takes at once. SQLite has one writer.
const AT_ONCE: usize = 3;

/// A chunk that is in the database.
#[derive(Debug, Clone, Copy)]
pub(super) struct Done {
    pub lines: u64,
    /// Bytes read up to its end.
    pub bytes: u64,
}

pub(super) struct Writers {
    db: Db,
    job: import_job::Model,
    way: Way,
    /// Asia/Shanghai days that have a partition.
    days: BTreeSet<Timestamp>,
    under_way: VecDeque<(AbortOnDropHandle<Result<u64, DbErr>>, Done)>,
}

impl Writers {
    pub fn new(db: Db, job: import_job::Model) -> Self {
        let (way, days, under_way) = (Way::default(), BTreeSet::new(), VecDeque::new());
        Self { db, job, way, days, under_way }
    }

    pub fn at_once(&self) -> usize {
        if self.db.is_postgres() { AT_ONCE } else { 1 }
    }

    /// The first chunk that is done, once it is, where more than `most` are under way.
    pub async fn next_done(&mut self, most: usize) -> Result<Option<Done>, DbErr> {
        if self.under_way.len() <= most {
            return Ok(None);
        }
        let Some((task, done)) = self.under_way.pop_front() else { return Ok(None) };
        task.await.map_err(|e| DbErr::Custom(format!("a writing task ended: {e}")))??;
        Ok(Some(done))
    }

    /// Begins to write a chunk. The partitions of its days are made first: a COPY that finds one missing is lost.
    pub async fn write(
        &mut self,
        chunk: import_chunk::Model,
        rows: Vec<ImportRow>,
        done: Done,
        now: Timestamp,
    ) -> Result<(), DbErr> {
        let days: BTreeSet<Timestamp> = rows.iter().map(|row| row.at.shanghai_day_start()).collect();
        if !days.is_subset(&self.days) {
            ensure_days_of(&self.db, days.iter().copied()).await?;
            self.days.extend(days);
        }
        let (db, job, way) = (self.db.clone(), self.job.clone(), self.way.clone());
        let task = tokio::spawn(async move { import::write(&db, &job, &chunk, &rows, &way, now).await });
        self.under_way.push_back((AbortOnDropHandle::new(task), done));
        Ok(())
    }
}
