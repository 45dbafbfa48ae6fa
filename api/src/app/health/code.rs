//! The code on a phone: a signed token of a minute, made without a row anywhere.

use mashang_code_verify::{self as signed, Payload, Purpose, Token, TokenId};
use mashang_domain::health::{Colour, HealthState};
use mashang_domain::time::{SECOND, Timestamp};
use mashang_infra::store::health as store;
use uuid::Uuid;

use super::{changed, code, require, state};
use crate::error::{Answer, Code, Problem};
use crate::http::auth::Citizen;
use crate::render::screen_qr_svg;
use crate::state::App;

/// A code to be shown.
pub struct Shown {
    pub state: HealthState,
    pub token: String,
    pub expires_at: Timestamp,
    pub qr_svg: String,
    pub at: Timestamp,
}

/// The own code. Everybody has one; who has not declared has a grey one.
///
/// # Errors
/// `not_found` where this part is off, `unavailable` before the keys have been read.
pub async fn show(app: &App, citizen: &Citizen) -> Answer<Shown> {
    require(app)?;
    let code_ref = match code(app, citizen.person_id).await? {
        Some(row) => row.code_ref,
        None => begin(app, citizen.person_id).await?,
    };
    let (state, now) = (state(app, citizen.person_id).await?, app.clock.now());
    let issued_at = u32::try_from(now.secs()).unwrap_or(u32::MAX);
    let token = Token {
        purpose: Purpose::HealthCode,
        issued_at,
        expires_at: issued_at.saturating_add(app.settings.health.code_seconds),
        id: TokenId(app.keys.code_id(code_ref)?),
        colour: Some(colour_of(state.colour)),
        payload: Payload::default(),
    };
    let text = sign(app, &token, now).await?;
    let qr_svg = screen_qr_svg(&text).map_err(Problem::internal)?;
    Ok(Shown {
        state,
        token: text,
        expires_at: Timestamp::from_secs(i64::from(token.expires_at)),
        qr_svg,
        at: now,
    })
}

async fn sign(app: &App, token: &Token, now: Timestamp) -> Answer<String> {
    let sign = || app.issuer.with_key(now, |key| key.sign(token));
    let mut text = sign();
    if text.is_none() {
        // Just started, or the clock has jumped.
        app.issuer.refresh_soon(now).await?;
        text = sign();
    }
    text.ok_or_else(|| Problem::retry(Code::Unavailable, SECOND))?.map_err(Problem::internal)
}

/// Gives somebody who has declared nothing a code.
async fn begin(app: &App, person: Uuid) -> Answer<i64> {
    let tx = app.db.begin_write().await?;
    let row = mashang_infra::health::begin(&*tx, person, app.clock.now()).await?;
    tx.commit().await?;
    changed(app, [person]).await;
    Ok(row.code_ref)
}

/// Whose code an id is.
pub(super) async fn person_of(app: &App, id: TokenId) -> Answer<Option<Uuid>> {
    let code_ref = app.keys.code_ref(id.0)?;
    let load = async { Ok::<_, Problem>(store::person_of(app.db.conn(), code_ref).await?) };
    app.code_refs.get_or_load(key_of(code_ref), load).await
}

/// Under which the person of a reference is cached.
pub(super) fn key_of(code_ref: i64) -> Uuid {
    Uuid::from_u128(u128::from(code_ref.cast_unsigned()))
}

pub(super) const fn colour_of(colour: Colour) -> signed::Colour {
    match colour {
        Colour::Grey => signed::Colour::Grey,
        Colour::Green => signed::Colour::Green,
        Colour::Yellow => signed::Colour::Yellow,
        Colour::Red => signed::Colour::Red,
    }
}
