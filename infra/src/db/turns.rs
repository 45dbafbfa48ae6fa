//! Whose turn it is to use a connection of a pool.
//!
//! The pool's own queue lets whoever waited for a connection make one in what is left of their time. After an outage,
//! under load, everybody at its head has nothing left: no connection is ever made, and the service stays down although
//! the database is up. So the waiting is done here, and who has a turn has the whole of their time to connect. The queue
//! is short, because who waits long is not served in time anyway, and single questions leave some connections to
//! transactions: a herd of sign-ins cannot keep the scan writers out.

use std::sync::Arc;
use std::time::Duration;

use mashang_config::Database;
use sea_orm::{ConnAcquireErr, DbErr};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// Who may wait, for each connection.
const WAITING: usize = 32;

/// Held for as long as a connection is used.
pub(super) struct Turn {
    _any: OwnedSemaphorePermit,
    _question: Option<OwnedSemaphorePermit>,
}

pub(super) struct Turns {
    all: Arc<Semaphore>,
    /// Three quarters of `all`.
    questions: Arc<Semaphore>,
    /// Those with a turn, and those who wait for one.
    present: Arc<Semaphore>,
    patience: Duration,
}

impl Turns {
    pub(super) fn new(settings: &Database) -> Self {
        let all = usize::try_from(settings.max_connections).unwrap_or(usize::MAX >> 8);
        Self {
            all: Arc::new(Semaphore::new(all)),
            questions: Arc::new(Semaphore::new((all - all / 4).max(1))),
            present: Arc::new(Semaphore::new(all * WAITING)),
            patience: Duration::from_millis(settings.acquire_timeout_ms),
        }
    }

    pub(super) async fn to_ask(&self) -> Result<Turn, DbErr> {
        let _present = Arc::clone(&self.present).try_acquire_owned().map_err(|_| no_turn())?;
        let question = self.wait_for(&self.questions).await?;
        Ok(Turn { _any: self.wait_for(&self.all).await?, _question: Some(question) })
    }

    pub(super) async fn to_write(&self) -> Result<Turn, DbErr> {
        Ok(Turn { _any: self.wait_for(&self.all).await?, _question: None })
    }

    async fn wait_for(&self, turns: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, DbErr> {
        let turn = timeout(self.patience, Arc::clone(turns).acquire_owned()).await;
        turn.map_err(|_| no_turn())?.map_err(|_| no_turn())
    }
}

fn no_turn() -> DbErr {
    DbErr::ConnectionAcquire(ConnAcquireErr::Timeout)
}
