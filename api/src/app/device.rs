//! Gates' devices: keys of 256 random bits that are shown once, stored as hashes, and taken back at once.

use mashang_domain::person::{Actor, DeviceScope, Division, check_division_code};
use mashang_domain::protection::audit::Purpose;
use mashang_domain::time::{MINUTE, Timestamp};
use mashang_entity::api_key;
use mashang_infra::keys::token_hash;
use mashang_infra::store::api_key as store;
use mashang_infra::store::audit::{self, Act};
use serde_json::{Value, json};
use uuid::Uuid;

use super::session::{cache_id, fresh_token};
use super::staff::require_inside;
use crate::error::{Answer, Code, Problem};
use crate::http::auth::{Staff, may};
use crate::state::{App, DEVICES};

/// What every key begins with, so that one that leaked into a text is found.
const PREFIX: &str = "mk_";
/// Length of a key: the prefix and 32 bytes in base64url.
const LENGTH: usize = PREFIX.len() + 43;
/// How old the time of the last use may get before it is written again.
const USED_EVERY: i64 = MINUTE;
/// Longest name, and longest name of a place, in characters.
const NAME_MAX: usize = 64;

/// A device whose key is in force.
#[derive(Debug, Clone)]
pub struct Device {
    pub id: Uuid,
    pub scopes: Vec<DeviceScope>,
    /// Where it stands.
    pub place: Option<String>,
    secret_hash: Vec<u8>,
    expires_at: Option<Timestamp>,
}

/// A key to be made.
pub struct NewKey {
    pub name: String,
    pub scopes: Vec<DeviceScope>,
    pub place: Option<String>,
    pub division_code: Option<String>,
    pub expires_at: Option<Timestamp>,
}

/// A key that was made; the secret is shown this once.
pub struct Made {
    pub row: api_key::Model,
    pub secret: String,
}

/// Whether a bearer token has the shape of a key. Tokens of sessions are shorter.
pub fn is_key(token: &str) -> bool {
    token.len() == LENGTH && token.starts_with(PREFIX)
}

/// The words of a stored key.
pub fn scopes_of(row: &api_key::Model) -> Vec<DeviceScope> {
    row.scopes.split_whitespace().filter_map(|word| word.parse().ok()).collect()
}

/// The device with this key, or 401.
///
/// # Errors
/// `unauthenticated` for a key that is unknown, expired or taken back.
pub async fn live(app: &App, key: &str) -> Answer<Device> {
    let (hash, now) = (token_hash(key), app.clock.now());
    let device = app.devices.get_or_load(cache_id(&hash), load(app, &hash, now)).await?;
    let in_force = device.secret_hash == hash && device.expires_at.is_none_or(|end| end > now);
    if in_force { Ok(device) } else { Err(Problem::new(Code::Unauthenticated)) }
}

async fn load(app: &App, hash: &[u8], now: Timestamp) -> Answer<Device> {
    let row = store::by_secret(app.db.conn(), hash).await?.filter(|row| row.revoked_at.is_none());
    let row = row.ok_or_else(|| Problem::new(Code::Unauthenticated))?;
    if row.expires_at.is_none_or(|end| end > now) && row.last_used_at.is_none_or(|at| now - at > USED_EVERY) {
        let tx = app.db.begin_write().await?;
        store::used(&*tx, row.id, now).await?;
        tx.commit().await?;
    }
    Ok(Device {
        id: row.id,
        scopes: scopes_of(&row),
        secret_hash: hash.to_vec(),
        expires_at: row.expires_at,
        place: row.place,
    })
}

/// Makes a key.
///
/// # Errors
/// `invalid` with the field that is wrong, `not_found` for another division.
pub async fn create(app: &App, admin: &Staff<may::ManageDevices>, new: NewKey) -> Answer<Made> {
    let (now, actor) = (app.clock.now(), admin.actor());
    check(&new, now)?;
    let division_code = new.division_code.unwrap_or_default();
    require_inside(&actor, &division_code)?;
    let secret = format!("{PREFIX}{}", fresh_token()?);
    let words: Vec<&str> =
        DeviceScope::ALL.iter().filter(|s| new.scopes.contains(s)).map(|s| s.as_str()).collect();
    let row = api_key::Model {
        id: Uuid::now_v7(),
        secret_hash: token_hash(&secret),
        name: new.name,
        scopes: words.join(" "),
        place: new.place,
        division_code,
        created_by: admin.id,
        created_at: now,
        expires_at: new.expires_at,
        last_used_at: None,
        revoked_at: None,
    };
    let detail = json!({ "scopes": words, "division": row.division_code, "expires_at": row.expires_at });
    let tx = app.db.begin_write().await?;
    store::insert(&*tx, row.clone()).await?;
    audit::append(&*tx, act(&actor, "api_key.create", row.id, detail), now).await?;
    tx.commit().await?;
    Ok(Made { row, secret })
}

fn check(new: &NewKey, now: Timestamp) -> Answer<()> {
    let fits = |text: &str| {
        (1..=NAME_MAX).contains(&text.trim().chars().count()) && text.chars().count() <= NAME_MAX
    };
    for (field, text) in [("name", Some(&new.name)), ("place", new.place.as_ref())] {
        if text.is_some_and(|text| !fits(text)) {
            return Err(Problem::field(field, "length", format!("1 to {NAME_MAX} characters")));
        }
    }
    if new.scopes.is_empty() {
        return Err(Problem::field("scopes", "required", "至少一项 / at least one"));
    }
    if new.expires_at.is_some_and(|end| end <= now) {
        return Err(Problem::field("expires_at", "out_of_range", "须晚于当前时间 / in the future"));
    }
    let division = new.division_code.as_deref().map_or(Ok(()), check_division_code);
    division.map_err(|e| Problem::field("division_code", "division_code_invalid", e.to_string()))
}

/// The keys of a division in the order they were made.
///
/// # Errors
/// When the database is out of reach.
pub async fn list(
    app: &App,
    scope: &Division,
    after: Option<Uuid>,
    limit: u64,
) -> Answer<Vec<api_key::Model>> {
    Ok(store::page(app.db.conn(), scope, after, limit).await?)
}

/// Takes a key back, in every process.
///
/// # Errors
/// `not_found` for a key of another division, and for one that was taken back before.
pub async fn revoke(app: &App, admin: &Staff<may::ManageDevices>, id: Uuid) -> Answer<()> {
    let (now, actor) = (app.clock.now(), admin.actor());
    let tx = app.db.begin_write().await?;
    let Some(row) = store::revoke(&*tx, &admin.division, id, now).await? else {
        return Err(Problem::new(Code::NotFound));
    };
    audit::append(&*tx, act(&actor, "api_key.revoke", id, json!({})), now).await?;
    tx.commit().await?;
    app.caches.invalidate(DEVICES, cache_id(&row.secret_hash)).await;
    Ok(())
}

fn act<'a>(actor: &'a Actor, action: &'static str, key: Uuid, detail: Value) -> Act<'a> {
    Act {
        actor,
        action,
        purpose: Purpose::Administration,
        subject: None,
        object_kind: "api_key",
        object_id: key.to_string(),
        detail,
    }
}
