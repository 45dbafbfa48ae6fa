//! Signing in by a code that was sent to the phone.
//!
//! Known and unknown numbers take the same way: nothing here looks for a person before the code was right.

use mashang_domain::delivery::Channel;
use mashang_domain::person::login::{self, SendLimits};
use mashang_domain::person::{Actor, Phone};
use mashang_domain::protection::audit::Purpose;
use mashang_domain::time::{DAY, HOUR, MINUTE, SECOND, Timestamp};
use mashang_entity::person;
use mashang_infra::db::WriteTx;
use mashang_infra::keys::Field;
use mashang_infra::queue::{Priority, Task};
use mashang_infra::store::login_code::{self, Asker, NewCode, RecentSends, Try};
use mashang_infra::store::{delivery, person as people};
use uuid::Uuid;

use super::platform;
use super::session::{self, Opened};
use crate::error::{Answer, Code, Problem};
use crate::state::App;

/// A code was asked for; it is on its way.
pub struct CodeRequested {
    pub request_id: Uuid,
    /// Seconds.
    pub expires_in: i64,
    /// Seconds until the next one may be asked for.
    pub resend_after: i64,
}

/// The person behind a fresh session.
pub struct SignedIn {
    pub opened: Opened,
    pub person: person::Model,
    pub phone: Phone,
    pub is_new: bool,
}

/// Asks for a code.
pub async fn request_code(
    app: &App,
    phone: &Phone,
    channel: Channel,
    client_address: &str,
) -> Answer<CodeRequested> {
    refuse_test_number(app, phone)?;
    let limits = &app.settings.limits;
    let now = app.clock.now();
    let tx = app.db.begin_write().await?;
    login_code::lock_phone(&*tx, &app.keys, phone).await?;
    let asker = Asker {
        phone,
        address: client_address,
        per_address_hour: limits.code_per_address_hour,
        per_block_hour: limits.code_per_prefix_hour,
    };
    let recent = login_code::recent(&*tx, &app.keys, asker, now).await?;
    check_limits(app, &recent, now)?;
    let id = Uuid::now_v7();
    let code = login::code_of(&app.keys.login_key(), id);
    let expires_at = now + limits.code_ttl_seconds * SECOND;
    let new = NewCode { id, phone, client_address, channel, code: &code, expires_at };
    login_code::insert(&*tx, &app.keys, new, now).await?;
    let delivery = delivery::enqueue_login(&*tx, id, channel, now, &app.settings).await?;
    tx.commit().await?;
    // A push that is lost costs the time until the next sweep.
    if let Err(e) = app.queue.push(Priority::Login, &[Task::Send { deliveries: vec![delivery] }]).await {
        tracing::warn!(error = %e, "the queue did not take a login code; the sweep will");
    }
    let resend_after = 60 / limits.code_per_phone_minute.max(1);
    Ok(CodeRequested { request_id: id, expires_in: limits.code_ttl_seconds, resend_after })
}

/// The range 154 belongs to nobody: production does not know it.
pub(super) fn refuse_test_number(app: &App, phone: &Phone) -> Answer<()> {
    let refused = !app.settings.limits.allow_test_numbers && phone.reveal().starts_with("+86154");
    if refused { Err(Problem::new(Code::PhoneInvalid)) } else { Ok(()) }
}

fn check_limits(app: &App, recent: &RecentSends, now: Timestamp) -> Answer<()> {
    let l = &app.settings.limits;
    let per_phone = SendLimits {
        per_minute: l.code_per_phone_minute,
        per_hour: l.code_per_phone_hour,
        per_day: l.code_per_phone_day,
    };
    let wait = login::wait_for_next(&recent.phone, per_phone, now)
        .max(recent.address.max(recent.block).map(|full| (full + HOUR - now).max(1)));
    if let Some(millis) = wait {
        return Err(Problem::retry(Code::RateLimited, millis));
    }
    if recent.phone_failures >= l.code_failures_per_phone_day {
        return Err(Problem::retry(Code::RateLimited, DAY));
    }
    if recent.total as f64 >= l.code_per_day as f64 * l.code_budget_alarm {
        metrics::counter!("mashang_login_code_budget_alarm_total").increment(1);
    }
    if recent.total >= l.code_per_day {
        tracing::error!(limit = l.code_per_day, "the daily budget of login codes is spent");
        return Err(Problem::retry(Code::RateLimited, HOUR));
    }
    Ok(())
}

/// Trades a code for a session. The person is made at the first sign-in; an account that waits under `binding_token` becomes
/// theirs. A token that is over costs no try of the code.
pub async fn sign_in(
    app: &App,
    request_id: Uuid,
    code: &str,
    binding_token: Option<&str>,
) -> Answer<SignedIn> {
    let now = app.clock.now();
    let tx = app.db.begin_write().await?;
    if let Some(token) = binding_token {
        platform::look(app, &tx, token, now).await?;
    }
    let (tx, phone) = prove(app, tx, request_id, code, now).await?;
    let (person, is_new) = people::find_or_create(&*tx, &app.keys, &phone, now).await?;
    let opened = session::open_for_person(app, &*tx, person.id, now).await?;
    if let Some(token) = binding_token {
        let waiting = platform::take(app, &tx, token, now).await?;
        platform::bind(app, &tx, &waiting, person.id, now).await?;
    }
    tx.commit().await?;
    Ok(SignedIn { opened, person, phone, is_new })
}

/// Proves that whoever asks holds the phone of a request. A wrong try is committed; a right one stays in `tx`.
async fn prove(
    app: &App,
    tx: WriteTx,
    request_id: Uuid,
    code: &str,
    now: Timestamp,
) -> Answer<(WriteTx, Phone)> {
    let limits = &app.settings.limits;
    if !login::is_code(code) {
        return Err(Problem::field("code", "invalid", "6 digits"));
    }
    if login_code::failures_lately(&*tx, now).await? >= limits.code_failures_breaker {
        metrics::counter!("mashang_login_breaker_total").increment(1);
        tracing::error!("too many wrong codes in the whole system: verification pauses");
        return Err(Problem::retry(Code::RateLimited, MINUTE));
    }
    match login_code::attempt(&*tx, &app.keys, request_id, code, limits.code_tries, now).await? {
        Try::Right(row) => {
            let phone = app.keys.open_phone(
                Field::LoginPhone,
                row.id,
                row.key_version,
                &row.phone_sealed,
                Purpose::SignIn,
            )?;
            Ok((tx, phone))
        }
        Try::Wrong { tries_left } => {
            tx.commit().await?;
            metrics::counter!("mashang_login_codes_wrong_total").increment(1);
            Err(Problem::new(Code::CodeInvalid).with("tries_left", tries_left))
        }
        Try::Over => Err(Problem::new(Code::CodeExpired)),
    }
}

/// Moves a person to another number, proved by a code that was sent to it.
pub async fn change_phone(app: &App, person_id: Uuid, request_id: Uuid, code: &str) -> Answer<Phone> {
    let now = app.clock.now();
    let tx = app.db.begin_write().await?;
    let (tx, phone) = prove(app, tx, request_id, code, now).await?;
    if !people::change_phone(&*tx, &app.keys, person_id, &phone).await? {
        return Err(Problem::new(Code::PhoneTaken));
    }
    let actor = Actor::Citizen(person_id);
    super::me::note(&tx, &actor, "person.change_phone", person_id, now).await?;
    tx.commit().await?;
    Ok(phone)
}
