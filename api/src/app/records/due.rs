//! Quarantines that a list says are over.

use mashang_domain::person::Actor;
use mashang_domain::time::day_number;
use mashang_infra::health::complete;
use mashang_infra::store::health_record::{self as records, Turn};

use crate::app::health::changed;
use crate::error::Answer;
use crate::state::App;

/// The name under which history has it.
const JOB: &str = "quarantines";

/// Entries of one transaction.
const BATCH: u64 = 500;

/// Ends those whose last day has come; answers how many entries. Safe to run twice, and in two processes at once.
pub async fn end_quarantines(app: &App) -> Answer<u64> {
    let mut ended = 0;
    loop {
        let now = app.clock.now();
        let today = day_number(now.shanghai_day());
        // A look without a turn first: on most days there is nothing to do.
        if records::quarantines_due(app.db.conn(), today, 1).await?.is_empty() {
            return Ok(ended);
        }
        let tx = app.db.begin_write().await?;
        records::turn(&*tx, Turn::Change).await?;
        let due = records::quarantines_due(&*tx, today, BATCH).await?;
        let people = complete(&*tx, &app.rules.current(), &due, &Actor::System(JOB), now).await?;
        tx.commit().await?;
        changed(app, people).await;
        ended += due.len() as u64;
    }
}
