//! The access token: fetched by one process, used by all.
//!
//! `stable_token` gives the same token to everybody while it is good, so two that fetch do no harm; still one fetches, because
//! the calls are counted. A process keeps the token it knows; beyond that it lies in the database, sealed, with the turn
//! to fetch the next one beside it. Who finds the turn taken waits for the result.

use std::sync::Arc;
use std::time::{Duration, Instant};

use mashang_domain::time::{SECOND, Timestamp};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::Mutex;

use super::Wechat;
use crate::clock::Clock;
use crate::db::Db;
use crate::keys::KeyRing;
use crate::platform::Failure;
use crate::store::platform::token::{self as store, Held};

/// A token with less to live is fetched anew. WeChat makes the next one five minutes before the end.
const MARGIN: i64 = 120 * SECOND;
/// A failure is everybody's for so long: who waited for the token does not fail once more, one after the other.
const SAME_FAILURE: Duration = Duration::from_secs(1);
/// How often the holder of the turn is looked for.
const LOOK: Duration = Duration::from_millis(50);
/// WeChat gives a token by force at most so often.
const BETWEEN_FORCED: Duration = Duration::from_secs(30);

/// Where the token lies.
pub enum Shelf {
    /// In the process, for tests and for one that is alone.
    Process(Clock),
    Shared {
        db: Db,
        keys: Arc<KeyRing>,
        clock: Clock,
    },
}

impl Shelf {
    pub fn in_process() -> Self {
        Self::Process(Clock::system())
    }

    /// In the database, sealed with the key ring.
    pub fn shared(db: Db, keys: Arc<KeyRing>, clock: Clock) -> Self {
        Self::Shared { db, keys, clock }
    }

    fn now(&self) -> Timestamp {
        match self {
            Self::Process(clock) | Self::Shared { clock, .. } => clock.now(),
        }
    }
}

pub(super) struct Tokens {
    name: String,
    shelf: Shelf,
    /// How long a fetch, or the wait for another's, may take.
    patience: Duration,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    held: Option<Held>,
    failed: Option<(Instant, Failure)>,
    forced: Option<Instant>,
}

impl Tokens {
    pub(super) fn new(name: String, shelf: Shelf, patience: Duration) -> Self {
        Self { name, shelf, patience, known: Mutex::default() }
    }
}

#[derive(Deserialize)]
struct Reply {
    access_token: SecretString,
    expires_in: i64,
}

impl Wechat {
    /// A token that is good and is not `refused`.
    pub(super) async fn token(&self, refused: Option<&SecretString>) -> Result<SecretString, Failure> {
        let mut known = self.tokens.known.lock().await;
        let now = self.tokens.shelf.now();
        if let Some(held) = known.held.as_ref().filter(|held| is_good(held, refused, now)) {
            return Ok(held.token.clone());
        }
        if let Some((_, failure)) = known.failed.as_ref().filter(|(at, _)| at.elapsed() < SAME_FAILURE) {
            return Err(failure.clone());
        }
        let found = match &self.tokens.shelf {
            Shelf::Process(_) => self.fetch(refused, &mut known).await,
            Shelf::Shared { db, keys, .. } => self.share(db, keys, refused, &mut known).await,
        };
        match found {
            Ok(held) => {
                let token = held.token.clone();
                (known.held, known.failed) = (Some(held), None);
                Ok(token)
            }
            Err(failure) => {
                known.failed = Some((Instant::now(), failure.clone()));
                Err(failure)
            }
        }
    }

    /// The token that lies in the database, or a fresh one when it is our turn to fetch it.
    async fn share(
        &self,
        db: &Db,
        keys: &KeyRing,
        refused: Option<&SecretString>,
        known: &mut Known,
    ) -> Result<Held, Failure> {
        let (name, begun) = (&self.tokens.name, Instant::now());
        // Long enough for two exchanges; a holder that died gives it back by that.
        let turn = i64::try_from(self.tokens.patience.as_millis()).unwrap_or(10_000) * 2 + SECOND;
        loop {
            let now = self.tokens.shelf.now();
            let lies = store::held(db.conn(), keys, name).await.map_err(|_| no_database())?;
            if let Some(held) = lies.filter(|held| is_good(held, refused, now)) {
                return Ok(held);
            }
            if claim(db, name, now, now + turn).await? {
                return self.fetch_for_all(db, keys, refused, known).await;
            }
            if begun.elapsed() >= self.tokens.patience {
                return Err(Failure::Busy("token".to_owned()));
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    async fn fetch_for_all(
        &self,
        db: &Db,
        keys: &KeyRing,
        refused: Option<&SecretString>,
        known: &mut Known,
    ) -> Result<Held, Failure> {
        let fetched = self.fetch(refused, known).await;
        let tx = db.begin_write().await.map_err(|_| no_database())?;
        let kept = match &fetched {
            Ok(held) => store::keep(&*tx, keys, &self.tokens.name, held).await,
            Err(_) => store::give_back(&*tx, &self.tokens.name).await,
        };
        kept.map_err(|_| no_database())?;
        tx.commit().await.map_err(|_| no_database())?;
        fetched
    }

    /// Asks WeChat. It gives the token that is good at present, which may be the refused one; only then a new one is forced.
    async fn fetch(&self, refused: Option<&SecretString>, known: &mut Known) -> Result<Held, Failure> {
        let held = self.ask(false).await?;
        if !is_same(&held.token, refused) {
            return Ok(held);
        }
        if known.forced.is_some_and(|at| at.elapsed() < BETWEEN_FORCED) {
            return Err(Failure::Busy("token_refused".to_owned()));
        }
        known.forced = Some(Instant::now());
        self.ask(true).await
    }

    async fn ask(&self, force: bool) -> Result<Held, Failure> {
        metrics::counter!("mashang_wechat_tokens_fetched_total").increment(1);
        let body = json!({
            "grant_type": "client_credential", "appid": self.access.app_id, "secret": self.secret(), "force_refresh": force,
        });
        let fetched_at = self.tokens.shelf.now();
        let reply: Reply = match super::api::said(
            crate::platform::http::exchange(
                self.post("/cgi-bin/stable_token", &body),
                crate::platform::http::TEXT,
            )
            .await?,
        )? {
            super::api::Said::Answer(answer) => super::api::json(&answer)?,
            super::api::Said::Code(code) => return Err(super::errors::failure(code)),
        };
        let expires_at = fetched_at + reply.expires_in.clamp(0, 7_200) * SECOND;
        Ok(Held { token: reply.access_token, fetched_at, expires_at })
    }
}

async fn claim(db: &Db, name: &str, now: Timestamp, until: Timestamp) -> Result<bool, Failure> {
    let tx = db.begin_write().await.map_err(|_| no_database())?;
    let claimed = store::claim(&*tx, name, now, until).await.map_err(|_| no_database())?;
    tx.commit().await.map_err(|_| no_database())?;
    Ok(claimed)
}

fn is_good(held: &Held, refused: Option<&SecretString>, now: Timestamp) -> bool {
    held.expires_at - now > MARGIN && held.fetched_at <= now && !is_same(&held.token, refused)
}

fn is_same(token: &SecretString, refused: Option<&SecretString>) -> bool {
    refused.is_some_and(|refused| refused.expose_secret() == token.expose_secret())
}

fn no_database() -> Failure {
    Failure::Busy("database".to_owned())
}
