//! From an account at a platform to a session.
//!
//! Who has proved their phone once comes in by the account alone. Who has not gets a token for the account, and comes back
//! with it and a proof of a phone: a code by SMS, or the number that the platform vouches for. A new proof moves the account
//! to whoever holds that phone now; both people find it among their accesses.

use mashang_domain::person::{Actor, OpenId, Phone, Platform};
use mashang_domain::protection::audit::Purpose;
use mashang_domain::time::{SECOND, Timestamp};
use mashang_infra::db::WriteTx;
use mashang_infra::store::audit::{self, Act};
use mashang_infra::store::person as people;
use mashang_infra::store::platform::account;
use mashang_infra::store::platform::binding::{self, LIFE, Waiting};
use serde_json::json;
use uuid::Uuid;

use super::failure::problem;
use super::{alipay, wechat};
use crate::app::session;
use crate::app::sign_in::{SignedIn, refuse_test_number};
use crate::error::{Answer, Code, Problem};
use crate::state::App;

/// By the code of `wx.login`.
pub async fn by_wechat(app: &App, js_code: &str) -> Answer<SignedIn> {
    let open_id = wechat(app)?.code_to_session(js_code).await.map_err(|f| problem(Platform::Wechat, f))?;
    enter(app, Waiting { platform: Platform::Wechat, open_id }).await
}

/// By the code of `my.getAuthCode`.
pub async fn by_alipay(app: &App, auth_code: &str) -> Answer<SignedIn> {
    let open_id = alipay(app)?.person_of_code(auth_code).await.map_err(|f| problem(Platform::Alipay, f))?;
    enter(app, Waiting { platform: Platform::Alipay, open_id }).await
}

/// By the number that WeChat's button gave.
pub async fn by_wechat_phone(app: &App, token: &str, phone_code: &str) -> Answer<SignedIn> {
    let wechat = wechat(app)?;
    let open_id = waits_at(app, Platform::Wechat, token).await?;
    let phone = wechat.phone_number(phone_code, &open_id).await;
    complete(app, token, &phone.map_err(|f| problem(Platform::Wechat, f))?).await
}

/// By the number that Alipay's button gave, encrypted and signed.
pub async fn by_alipay_phone(app: &App, token: &str, response: &str, sign: &str) -> Answer<SignedIn> {
    let alipay = alipay(app)?;
    waits_at(app, Platform::Alipay, token).await?;
    let phone = alipay.phone_number(response, sign).map_err(|f| problem(Platform::Alipay, f))?;
    complete(app, token, &phone).await
}

/// Opens a session for the person of an account, or hands out the token to bind it with.
async fn enter(app: &App, waiting: Waiting) -> Answer<SignedIn> {
    let now = app.clock.now();
    let tx = app.db.begin_write().await?;
    let known = account::by_open_id(&*tx, &app.keys, waiting.platform, &waiting.open_id).await?;
    let person = match known {
        Some(account) => people::by_id(&*tx, account.person_id).await?,
        None => None,
    };
    let Some(person) = person else {
        let token = session::fresh_token()?;
        binding::insert(&*tx, &app.keys, &waiting, &token, now).await?;
        tx.commit().await?;
        let problem = Problem::new(Code::PhoneNotBound).with("binding_token", token);
        return Err(problem.with("expires_in", LIFE / SECOND));
    };
    let phone = people::phone_of(&app.keys, &person, Purpose::SignIn)?;
    let opened = session::open_for_person(app, &*tx, person.id, now).await?;
    tx.commit().await?;
    Ok(SignedIn { opened, person, phone, is_new: false })
}

/// The account that waits under a token, which has to be one of this platform.
async fn waits_at(app: &App, platform: Platform, token: &str) -> Answer<OpenId> {
    let waiting = binding::look(app.db.conn(), &app.keys, token, app.clock.now()).await?;
    let here = waiting.filter(|waiting| waiting.platform == platform);
    here.map(|waiting| waiting.open_id).ok_or_else(|| Problem::new(Code::BindingExpired))
}

/// Opens a session for whoever holds the phone, and makes the account theirs.
async fn complete(app: &App, token: &str, phone: &Phone) -> Answer<SignedIn> {
    refuse_test_number(app, phone)?;
    let now = app.clock.now();
    let tx = app.db.begin_write().await?;
    let waiting = take(app, &tx, token, now).await?;
    let (person, is_new) = people::find_or_create(&*tx, &app.keys, phone, now).await?;
    let opened = session::open_for_person(app, &*tx, person.id, now).await?;
    bind(app, &tx, &waiting, person.id, now).await?;
    tx.commit().await?;
    Ok(SignedIn { opened, person, phone: phone.clone(), is_new })
}

/// Refuses a token that is not good any more; it is not used up.
pub(in crate::app) async fn look(app: &App, tx: &WriteTx, token: &str, now: Timestamp) -> Answer<()> {
    let waiting = binding::look(&**tx, &app.keys, token, now).await?;
    waiting.map(drop).ok_or_else(|| Problem::new(Code::BindingExpired))
}

/// Uses a token up.
pub(in crate::app) async fn take(app: &App, tx: &WriteTx, token: &str, now: Timestamp) -> Answer<Waiting> {
    let waiting = binding::take(&**tx, &app.keys, token, now).await?;
    waiting.ok_or_else(|| Problem::new(Code::BindingExpired))
}

/// Makes an account a person's, and says so in the audit log: the last thing in a transaction.
pub(in crate::app) async fn bind(
    app: &App,
    tx: &WriteTx,
    waiting: &Waiting,
    person: Uuid,
    now: Timestamp,
) -> Answer<()> {
    let Waiting { platform, open_id } = waiting;
    let bound = account::bind(&**tx, &app.keys, (*platform, open_id), person, now).await?;
    if bound.known {
        return Ok(());
    }
    let mut notes = vec![("account.bind", person)];
    if bound.replaced {
        notes.push(("account.replace", person));
    }
    if let Some(before) = bound.moved_from {
        tracing::warn!(%platform, from = %before, to = %person, "an account was moved to another person");
        metrics::counter!("mashang_platform_accounts_moved_total", "platform" => platform.as_str())
            .increment(1);
        notes.push(("account.move_away", before));
    }
    for (action, subject) in notes {
        // To whom it is taken from, nobody they know has done it.
        let own = subject == person;
        let actor = if own { Actor::Citizen(person) } else { Actor::System("sign_in") };
        let act = Act {
            actor: &actor,
            action,
            purpose: Purpose::SignIn,
            subject: Some(subject),
            object_kind: "person",
            object_id: subject.to_string(),
            detail: json!({ "platform": platform.as_str(), "bound_to": person }),
        };
        audit::append(&**tx, act, now).await?;
    }
    Ok(())
}
