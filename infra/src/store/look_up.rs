//! Looks things up for everybody who asks at the same moment, in one query.
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

/// Look-ups in one query.
const GROUP: usize = 512;
/// Look-ups that wait; more are refused.
const WAITING: usize = 8_192;
/// Queries at the same time: while one is on its way, another gathers.
const QUERIES: usize = 2;

/// Why something could not be looked up. Trying again may help in every case.
#[derive(Debug, Clone, thiserror::Error)]
pub enum LookUpError {
    #[error("more is being looked up than can wait")]
    Overloaded,
    #[error("it cannot be looked up: {0}")]
    Failed(Arc<DbErr>),
    #[error("the look-up ended without an answer")]
    Interrupted,
}

/// Reads what there is of some keys in one query.
pub type Find<K, V> = for<'a> fn(&'a Db, Vec<K>) -> BoxFuture<'a, Result<HashMap<K, V>, DbErr>>;

struct Wanted<K, V> {
    key: K,
    answer: oneshot::Sender<Result<Option<V>, LookUpError>>,
}

/// Clones share the queries. They end with the last clone.
pub struct LookUp<K, V>(mpsc::Sender<Wanted<K, V>>);

impl<K, V> Clone for LookUp<K, V> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<K, V> LookUp<K, V>
where
    K: Clone + Eq + Hash + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    pub fn start(db: &Db, find: Find<K, V>) -> Self {
        let (queue, wanted) = mpsc::channel(WAITING);
        let wanted = Arc::new(Mutex::new(wanted));
        for _ in 0..QUERIES {
            tokio::spawn(answer_all(db.clone(), find, Arc::clone(&wanted)));
        }
        Self(queue)
    }

    /// What there is of this key.
    ///
    /// # Errors
    /// See [`LookUpError`].
    pub async fn get(&self, key: K) -> Result<Option<V>, LookUpError> {
        let (answer, answered) = oneshot::channel();
        self.0.try_send(Wanted { key, answer }).map_err(|e| match e {
            mpsc::error::TrySendError::Full(_) => LookUpError::Overloaded,
            mpsc::error::TrySendError::Closed(_) => LookUpError::Interrupted,
        })?;
        answered.await.unwrap_or(Err(LookUpError::Interrupted))
    }
}

async fn answer_all<K, V>(db: Db, find: Find<K, V>, queue: Arc<Mutex<mpsc::Receiver<Wanted<K, V>>>>)
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
        let found = find(&db, keys).await.map_err(Arc::new);
        for Wanted { key, answer } in group {
            let told = match &found {
                Ok(values) => Ok(values.get(&key).cloned()),
                Err(error) => Err(LookUpError::Failed(Arc::clone(error))),
            };
            let _ = answer.send(told);
        }
    }
}
