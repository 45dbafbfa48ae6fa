//! Whether alerts still stand, as of a moment ago: the calls of a whole alert ask it one after the other.

use std::collections::HashMap;
use std::time::Duration;

use mashang_infra::db::Conn;
use mashang_infra::store;
use sea_orm::DbErr;
use tokio::sync::Mutex;
use tokio::time::Instant;
use uuid::Uuid;

/// How long an answer of the database is good for.
const FRESH: Duration = Duration::from_millis(100);

/// What the database said lately.
#[derive(Debug, Default)]
pub(crate) struct Standing {
    /// When it said so, and whether the alert was cancelled. Who asks waits for who asks the database.
    known: Mutex<HashMap<Uuid, (Instant, bool)>>,
}

impl Standing {
    /// Whether one of these alerts was cancelled, a tenth of a second ago at the latest.
    pub(crate) async fn any_cancelled(&self, db: &Conn, alerts: &[Uuid]) -> Result<bool, DbErr> {
        let mut known = self.known.lock().await;
        known.retain(|_, (at, _)| at.elapsed() < FRESH);
        let asked: Vec<Uuid> = alerts.iter().filter(|id| !known.contains_key(*id)).copied().collect();
        if !asked.is_empty() {
            let at = Instant::now();
            let found = store::alert::approvals(db, &asked).await?;
            known.extend(found.iter().map(|alert| (alert.id, (at, alert.cancelled))));
        }
        Ok(alerts.iter().any(|id| known.get(id).is_some_and(|(_, cancelled)| *cancelled)))
    }
}
