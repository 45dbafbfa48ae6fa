//! One statement for everybody who asks at the same moment.
//!
//! In an operation most requests are the first of their person for hours, so no cache has what they want. One query by
//! primary key for each would cost more than all the rest of a scan. So look-ups gather as scans do: one that comes while
//! nothing is being asked is asked at once, and those that come meanwhile are asked together.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use sea_orm::DbErr;
use tokio::sync::{Mutex, mpsc, oneshot};

use crate::db::Db;

/// Keys in one statement.
const GROUP: usize = 512;
/// Keys that wait; more are refused.
const WAITING: usize = 8_192;
/// Statements at the same time: while one is on its way, another gathers.
const STATEMENTS: usize = 2;

/// Why there is no answer. Trying again may help in every case.
#[derive(Debug, Clone, thiserror::Error)]
pub enum GatherError {
    #[error("more are asking than can wait")]
    Overloaded,
    #[error("the statement failed: {0}")]
    Failed(Arc<DbErr>),
    #[error("it ended without an answer")]
    Interrupted,
}

/// What there is for some keys, by one statement.
pub type Ask<K, V> = for<'a> fn(&'a Db, Vec<K>) -> BoxFuture<'a, Result<HashMap<K, V>, DbErr>>;

struct Wanted<K, V> {
    key: K,
    answer: oneshot::Sender<Result<Option<V>, GatherError>>,
}

/// Gathers those who ask. Clones share the statements; these end with the last clone.
pub struct Gather<K, V>(mpsc::Sender<Wanted<K, V>>);

impl<K, V> Clone for Gather<K, V> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<K, V> Gather<K, V>
where
    K: Clone + Eq + Hash + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    pub fn start(db: &Db, ask: Ask<K, V>) -> Self {
        let (queue, wanted) = mpsc::channel(WAITING);
        let wanted = Arc::new(Mutex::new(wanted));
        for _ in 0..STATEMENTS {
            tokio::spawn(answer_all(db.clone(), ask, Arc::clone(&wanted)));
        }
        Self(queue)
    }

    /// What there is of this key.
    ///
    /// # Errors
    /// See [`GatherError`].
    pub async fn get(&self, key: K) -> Result<Option<V>, GatherError> {
        let (answer, answered) = oneshot::channel();
        self.0.try_send(Wanted { key, answer }).map_err(|e| match e {
            mpsc::error::TrySendError::Full(_) => GatherError::Overloaded,
            mpsc::error::TrySendError::Closed(_) => GatherError::Interrupted,
        })?;
        answered.await.unwrap_or(Err(GatherError::Interrupted))
    }
}

async fn answer_all<K, V>(db: Db, ask: Ask<K, V>, queue: Arc<Mutex<mpsc::Receiver<Wanted<K, V>>>>)
where
    K: Clone + Eq + Hash,
    V: Clone,
{
    loop {
        let mut group = Vec::new();
        if queue.lock().await.recv_many(&mut group, GROUP).await == 0 {
            return;
        }
        // Who gave up waiting need not be asked for.
        group.retain(|wanted| !wanted.answer.is_closed());
        if group.is_empty() {
            continue;
        }
        let keys = group.iter().map(|wanted| wanted.key.clone()).collect();
        let found = ask(&db, keys).await.map_err(Arc::new);
        for Wanted { key, answer } in group {
            let told = match &found {
                Ok(values) => Ok(values.get(&key).cloned()),
                Err(error) => Err(GatherError::Failed(Arc::clone(error))),
            };
            let _ = answer.send(told);
        }
    }
}
