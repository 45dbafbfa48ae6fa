//! Staff: log-in with password and one-time password, and the changes of rights.

use mashang_domain::person::{Actor, Division, Email, Role};
use mashang_domain::protection::audit::Purpose;
use mashang_domain::time::{MINUTE, Timestamp};
use mashang_entity::staff as entity;
use mashang_infra::db::Db;
use mashang_infra::keys::{Field, KeyRing};
use mashang_infra::store::audit::{self, Act};
use mashang_infra::store::staff::{self, NewStaff, SealedEmail, StaffChange};
use serde_json::{Value, json};
use totp_rs::{Builder, Secret, Totp};
use uuid::Uuid;

use super::password::{self, NOBODYS_HASH};
use super::session::{self, Opened};
use crate::error::{Answer, Code, Problem};
use crate::state::App;

/// A member of staff to be added; the TOTP secret is made here and returned once.
pub struct Appointment {
    pub username: String,
    pub password: String,
    pub role: Role,
    pub division: Division,
    pub totp: bool,
    /// Where summaries of alerts go.
    pub email: Option<Email>,
}

/// Somebody was added. `totp_url` is for their authenticator and is never shown again.
pub struct Appointed {
    pub id: Uuid,
    pub totp_url: Option<String>,
}

/// Adds a member of staff.
pub async fn appoint(
    db: &Db,
    keys: &KeyRing,
    actor: &Actor,
    new: Appointment,
    now: Timestamp,
) -> Answer<Appointed> {
    check_username(&new.username)?;
    let password_hash = password::hash(new.password).await?;
    let id = Uuid::now_v7();
    let (totp_sealed, totp_url) = if new.totp { fresh_totp(keys, id, &new.username)? } else { (None, None) };
    let email = new.email.map(|email| SealedEmail::of(keys, id, &email)).transpose()?;
    let tx = db.begin_write().await?;
    let mut detail = json!({ "role": new.role, "division": new.division });
    if email.is_some() {
        detail["email"] = json!("set");
    }
    let row = NewStaff {
        id,
        username: new.username,
        password_hash,
        totp_sealed,
        key_version: keys.current_version(),
        role: new.role,
        division: new.division,
        email,
    };
    if !staff::insert(&*tx, row, now).await? {
        return Err(Problem::new(Code::UsernameTaken));
    }
    audit::append(&*tx, right_changed(actor, "staff.add", id, detail), now).await?;
    tx.commit().await?;
    Ok(Appointed { id, totp_url })
}

fn check_username(name: &str) -> Answer<()> {
    let ok = (2..=32).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
    if ok { Ok(()) } else { Err(Problem::field("username", "invalid", "2 to 32 letters, digits, - _ .")) }
}

/// RFC 6238 as every authenticator has it: SHA-1, six digits, 30 seconds, one step of clock skew either way.
fn totp(secret: impl Into<Secret>, username: &str) -> Answer<Totp> {
    let builder = Builder::new()
        .with_secret(secret)
        .with_skew(1)
        .with_account_name(username)
        .with_issuer(Some("Mashang"));
    builder.build().map_err(Problem::internal)
}

type SealedTotp = (Option<Vec<u8>>, Option<String>);

fn fresh_totp(keys: &KeyRing, id: Uuid, username: &str) -> Answer<SealedTotp> {
    let secret = Secret::generate();
    let sealed = keys.seal(Field::StaffTotp, id, secret.as_bytes())?;
    Ok((Some(sealed), Some(totp(secret, username)?.to_url().map_err(Problem::internal)?)))
}

pub(super) fn right_changed<'a>(actor: &'a Actor, action: &'static str, id: Uuid, detail: Value) -> Act<'a> {
    Act {
        actor,
        action,
        purpose: Purpose::Administration,
        subject: None,
        object_kind: "staff",
        object_id: id.to_string(),
        detail,
    }
}

/// Logs a member of staff in.
pub async fn log_in(
    app: &App,
    username: &str,
    password: String,
    code: Option<&str>,
) -> Answer<(Opened, entity::Model)> {
    let now = app.clock.now();
    let wrong = || Problem::new(Code::CredentialsInvalid);
    let found = staff::by_username(app.db.conn(), username).await?;
    let Some(member) = found.filter(|s| s.disabled_at.is_none()) else {
        // An unknown name costs the same time as a wrong password.
        password::verify(NOBODYS_HASH.to_owned(), password).await?;
        return Err(wrong());
    };
    count_try(app, &member, now).await?;
    if !password::verify(member.password_hash.clone(), password).await? {
        return Err(wrong());
    }
    let step = match (&member.totp_sealed, code) {
        (None, _) => None,
        (Some(_), None) => return Err(totp_wanted(app, &member).await?),
        (Some(sealed), Some(code)) => match totp_step(app, &member, sealed, code, now)? {
            Some(step) => Some(step),
            None => return Err(wrong()),
        },
    };
    let tx = app.db.begin_write().await?;
    if !staff::succeeded(&*tx, member.id, step).await? {
        return Err(wrong());
    }
    let opened = session::open_for_staff(app, &*tx, member.id, now).await?;
    tx.commit().await?;
    Ok((opened, member))
}

/// Counts a try before it is looked at, so that however many come at once no more are looked at than the limit allows.
async fn count_try(app: &App, member: &entity::Model, now: Timestamp) -> Answer<()> {
    let l = &app.settings.limits;
    let locked_until = now + l.staff_lock_minutes * MINUTE;
    let tx = app.db.begin_write().await?;
    let counted = staff::count_try(&*tx, member.id, l.staff_failures, now, locked_until).await?;
    tx.commit().await?;
    if counted {
        return Ok(());
    }
    let locked = staff::by_id(app.db.conn(), member.id).await?.and_then(|m| m.locked_until);
    Err(Problem::retry(Code::RateLimited, locked.unwrap_or(locked_until) - now))
}

/// A right password without its one-time password is no failed try.
async fn totp_wanted(app: &App, member: &entity::Model) -> Answer<Problem> {
    let tx = app.db.begin_write().await?;
    staff::forgive_try(&*tx, member.id).await?;
    tx.commit().await?;
    Ok(Problem::new(Code::TotpRequired))
}

/// The time step a one-time password belongs to, when it is right.
fn totp_step(
    app: &App,
    member: &entity::Model,
    sealed: &[u8],
    code: &str,
    now: Timestamp,
) -> Answer<Option<i64>> {
    let secret =
        app.keys.open_sealed(Field::StaffTotp, member.id, member.key_version, sealed, Purpose::SignIn)?;
    let time = u64::try_from(now.secs()).unwrap_or(0);
    let step = totp(secret, &member.username)?.check(code, time);
    Ok(step.and_then(|s| i64::try_from(s).ok()))
}

/// Changes role, division, password, address or state of a member of staff. Nobody grants above their own role.
pub async fn change(app: &App, actor: &Actor, id: Uuid, change: StaffChange) -> Answer<entity::Model> {
    let now = app.clock.now();
    let missing = || Problem::new(Code::NotFound);
    let present = staff::by_id(app.db.conn(), id).await?.ok_or_else(missing)?;
    for role in [Some(present.role), change.role].into_iter().flatten() {
        require_grant(actor, role)?;
    }
    require_inside(actor, &present.division)?;
    if let Some(division) = &change.division {
        require_inside(actor, division.prefix())?;
    }
    let detail = json!({
        "role": change.role, "division": change.division, "disabled": change.disabled_at.map(|d| d.is_some()),
        "password": change.password_hash.is_some(),
        "email": change.email.as_ref().map(|email| if email.is_some() { "set" } else { "removed" }),
    });
    let tx = app.db.begin_write().await?;
    let row = staff::change(&*tx, id, change).await?.ok_or_else(missing)?;
    // Whatever changed counts with the next request.
    let hashes = mashang_infra::store::session::revoke_of_staff(&*tx, id, now).await?;
    audit::append(&*tx, right_changed(actor, "staff.change", id, detail), now).await?;
    tx.commit().await?;
    session::forget(app, &hashes).await;
    Ok(row)
}

/// 403 unless the actor may grant this role.
pub fn require_grant(actor: &Actor, role: Role) -> Answer<()> {
    match actor {
        Actor::System(_) => Ok(()),
        Actor::Staff { role: own, .. } if own.may_grant(role) => Ok(()),
        Actor::Staff { .. } | Actor::Citizen(_) | Actor::Device(_) => Err(Problem::new(Code::Forbidden)),
    }
}

/// 404 unless the division lies inside the actor's own.
pub fn require_inside(actor: &Actor, division: &str) -> Answer<()> {
    match actor {
        Actor::System(_) => Ok(()),
        Actor::Staff { division: own, .. } if own.covers(division) => Ok(()),
        Actor::Staff { .. } | Actor::Citizen(_) | Actor::Device(_) => Err(Problem::new(Code::NotFound)),
    }
}
