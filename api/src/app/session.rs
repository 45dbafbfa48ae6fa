//! Sessions: opaque tokens of 256 random bits, stored as hashes, revocable at once.

use data_encoding::BASE64URL_NOPAD;
use mashang_domain::person::{Division, Role};
use mashang_domain::time::{DAY, HOUR, MINUTE, Timestamp};
use mashang_infra::keys::token_hash;
use mashang_infra::store::session::NewSession;
use mashang_infra::store::{session, staff};
use rand::TryRng;
use sea_orm::ConnectionTrait;
use uuid::Uuid;

use crate::error::{Answer, Code, Problem};
use crate::state::{App, SESSIONS};

/// How old the last-seen time of a staff session may get before it is written again.
const SEEN_EVERY: i64 = MINUTE / 2;

/// Whose session it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    Citizen(Uuid),
    Staff { id: Uuid, role: Role, division: Division },
}

/// A live session.
#[derive(Debug, Clone)]
pub struct Session {
    pub token_hash: Vec<u8>,
    pub subject: Subject,
    pub expires_at: Timestamp,
}

/// A token, fresh; shown once, to its owner.
pub struct Opened {
    pub token: String,
    pub expires_at: Timestamp,
}

/// Opens a session for a citizen.
pub async fn open_for_person(
    app: &App,
    tx: &impl ConnectionTrait,
    person: Uuid,
    now: Timestamp,
) -> Answer<Opened> {
    let expires_at = now + app.settings.sessions.citizen_days * DAY;
    open(tx, NewSession { token_hash: Vec::new(), person_id: Some(person), staff_id: None, expires_at }, now)
        .await
}

/// Opens a session for a member of staff.
pub async fn open_for_staff(
    app: &App,
    tx: &impl ConnectionTrait,
    staff: Uuid,
    now: Timestamp,
) -> Answer<Opened> {
    let expires_at = now + app.settings.sessions.staff_hours * HOUR;
    open(tx, NewSession { token_hash: Vec::new(), person_id: None, staff_id: Some(staff), expires_at }, now)
        .await
}

async fn open(tx: &impl ConnectionTrait, new: NewSession, now: Timestamp) -> Answer<Opened> {
    let token = fresh_token()?;
    let expires_at = new.expires_at;
    session::insert(tx, NewSession { token_hash: token_hash(&token), ..new }, now).await?;
    Ok(Opened { token, expires_at })
}

/// 256 random bits, base64url.
pub fn fresh_token() -> Answer<String> {
    let mut bytes = [0u8; 32];
    rand::rngs::SysRng.try_fill_bytes(&mut bytes).map_err(Problem::internal)?;
    Ok(BASE64URL_NOPAD.encode(&bytes))
}

/// The live session with this token hash, or 401.
pub async fn live(app: &App, token_hash: &[u8]) -> Answer<Session> {
    let now = app.clock.now();
    let found = app.sessions.get_or_load(cache_id(token_hash), load(app, token_hash, now)).await?;
    let right_token = found.token_hash == token_hash;
    if right_token && found.expires_at > now { Ok(found) } else { Err(Problem::new(Code::Unauthenticated)) }
}

/// Staff sessions are read each time they are older than the cache: idling, role and division count at once.
async fn load(app: &App, token_hash: &[u8], now: Timestamp) -> Answer<Session> {
    let unknown = || Problem::new(Code::Unauthenticated);
    let row = app.session_reader.by_token(token_hash).await?.ok_or_else(unknown)?;
    if row.revoked_at.is_some() || row.expires_at <= now {
        return Err(unknown());
    }
    let subject = match (row.person_id, row.staff_id) {
        (Some(person), _) => Subject::Citizen(person),
        (None, Some(id)) => {
            if now - row.last_seen_at > app.settings.sessions.staff_idle_minutes * MINUTE {
                return Err(unknown());
            }
            let staff = staff::by_id(app.db.conn(), id)
                .await?
                .filter(|s| s.disabled_at.is_none())
                .ok_or_else(unknown)?;
            let division = Division::parse_stored(&staff.division);
            if now - row.last_seen_at > SEEN_EVERY {
                let tx = app.db.begin_write().await?;
                session::seen(&*tx, token_hash, now).await?;
                tx.commit().await?;
            }
            Subject::Staff { id, role: staff.role, division }
        }
        (None, None) => return Err(unknown()),
    };
    Ok(Session { token_hash: token_hash.to_vec(), subject, expires_at: row.expires_at })
}

/// Ends one session, in every process.
pub async fn end(app: &App, session: &Session) -> Answer<()> {
    let tx = app.db.begin_write().await?;
    session::revoke(&*tx, &session.token_hash, app.clock.now()).await?;
    tx.commit().await?;
    forget(app, std::slice::from_ref(&session.token_hash)).await;
    Ok(())
}

/// Drops sessions from the caches of all processes; call it after the commit.
pub async fn forget(app: &App, token_hashes: &[Vec<u8>]) {
    for hash in token_hashes {
        app.caches.invalidate(SESSIONS, cache_id(hash)).await;
    }
}

/// Under which a token is cached.
pub(super) fn cache_id(token_hash: &[u8]) -> Uuid {
    Uuid::from_slice(token_hash.get(..16).unwrap_or(&[0; 16])).unwrap_or_default()
}
