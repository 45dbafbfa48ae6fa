//! Looks sessions up for everybody who asks at the same moment, in one query.
//!
//! In an operation most requests are the first of their person for hours, so no cache has the session. One query by
//! primary key for each would cost more than all the rest of a scan. So look-ups gather as scans do: one that comes while
//! nothing is being asked is asked at once, and those that come meanwhile are asked together.

use std::collections::HashMap;
use std::sync::Arc;

use mashang_entity::session;
use sea_orm::sea_query::ArrayType;
use sea_orm::{DbErr, EntityTrait};
use tokio::sync::{Mutex, mpsc, oneshot};

use super::scan::{array, hex_list, postgres, sqlite};
use crate::db::Db;

/// Look-ups in one query.
const GROUP: usize = 512;
/// Look-ups that wait; more are refused.
const WAITING: usize = 8_192;
/// Queries at the same time: while one is on its way, another gathers.
const QUERIES: usize = 2;

/// Why a session could not be looked up. Trying again may help in every case.
#[derive(Debug, Clone, thiserror::Error)]
pub enum LookUpError {
    #[error("more sessions are being looked up than can wait")]
    Overloaded,
    #[error("sessions cannot be looked up: {0}")]
    Failed(Arc<DbErr>),
    #[error("the look-up ended without an answer")]
    Interrupted,
}

type Answer = Result<Option<session::Model>, LookUpError>;

struct Wanted {
    token_hash: Vec<u8>,
    answer: oneshot::Sender<Answer>,
}

/// Clones share the queries. They end with the last clone.
#[derive(Clone)]
pub struct SessionReader(mpsc::Sender<Wanted>);

impl SessionReader {
    pub fn start(db: &Db) -> Self {
        let (queue, wanted) = mpsc::channel(WAITING);
        let wanted = Arc::new(Mutex::new(wanted));
        for _ in 0..QUERIES {
            tokio::spawn(answer_all(db.clone(), Arc::clone(&wanted)));
        }
        Self(queue)
    }

    /// The session with this token hash, live or not.
    ///
    /// # Errors
    /// See [`LookUpError`].
    pub async fn by_token(&self, token_hash: &[u8]) -> Answer {
        let (answer, answered) = oneshot::channel();
        self.0.try_send(Wanted { token_hash: token_hash.to_vec(), answer }).map_err(|e| match e {
            mpsc::error::TrySendError::Full(_) => LookUpError::Overloaded,
            mpsc::error::TrySendError::Closed(_) => LookUpError::Interrupted,
        })?;
        answered.await.unwrap_or(Err(LookUpError::Interrupted))
    }
}

async fn answer_all(db: Db, queue: Arc<Mutex<mpsc::Receiver<Wanted>>>) {
    loop {
        let mut group = Vec::new();
        if queue.lock().await.recv_many(&mut group, GROUP).await == 0 {
            return;
        }
        // Who gave up waiting need not be asked for.
        group.retain(|wanted| !wanted.answer.is_closed());
        let found = find(&db, &group).await.map_err(Arc::new);
        for Wanted { token_hash, answer } in group {
            let told = match &found {
                Ok(sessions) => Ok(sessions.get(&token_hash).cloned()),
                Err(error) => Err(LookUpError::Failed(Arc::clone(error))),
            };
            let _ = answer.send(told);
        }
    }
}

async fn find(db: &Db, group: &[Wanted]) -> Result<HashMap<Vec<u8>, session::Model>, DbErr> {
    if group.is_empty() {
        return Ok(HashMap::new());
    }
    let hashes = group.iter().map(|wanted| wanted.token_hash.clone());
    let rows = if db.is_postgres() {
        let sql = "SELECT * FROM session WHERE token_hash = ANY($1)";
        let statement = postgres(sql, [array(ArrayType::Bytes, hashes)]);
        session::Entity::find().from_raw_sql(statement).all(db.conn()).await?
    } else {
        let sql = "SELECT * FROM session WHERE token_hash IN (SELECT unhex(value) FROM json_each($1))";
        session::Entity::find().from_raw_sql(sqlite(sql, [hex_list(hashes)])).all(db.conn()).await?
    };
    Ok(rows.into_iter().map(|row| (row.token_hash.clone(), row)).collect())
}
