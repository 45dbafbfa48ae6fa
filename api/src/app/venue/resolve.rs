//! What a code stands for: the step of every scan that needs no database for forgeries and, mostly, none at all.

use std::sync::Arc;

use mashang_domain::time::Timestamp;
use mashang_domain::venue::code::CodeError;
use mashang_domain::venue::{Category, Direction, VenueState};
use mashang_infra::store::venue_code::{self as codes, CodePlace};
use uuid::Uuid;

use crate::error::{Answer, Code, Problem};
use crate::http::context::language;
use crate::state::App;

/// The place and direction of a code that holds. Cheap to clone.
#[derive(Debug, Clone, PartialEq)]
pub struct PlaceRef {
    pub venue_id: Uuid,
    pub zone_id: Option<Uuid>,
    pub direction: Direction,
    pub venue_name: Arc<str>,
    pub zone_name: Option<Arc<str>>,
    /// The venue's external reference, or its id as text where it has none.
    pub venue_ref: Arc<str>,
    pub category: Category,
    pub division_code: Arc<str>,
    pub lat: Option<f64>,
    pub lon: Option<f64>,
    /// Whether scans are taken is for the caller to judge: [`VenueState::takes_scans`].
    pub state: VenueState,
    /// The code was shown on a screen.
    pub screen: bool,
}

/// A code as it is cached, revoked ones too.
#[derive(Debug, Clone)]
pub struct CodeEntry {
    place: PlaceRef,
    revoked: bool,
}

impl From<CodePlace> for CodeEntry {
    fn from(p: CodePlace) -> Self {
        let place = PlaceRef {
            venue_id: p.venue_id,
            zone_id: p.zone_id,
            direction: p.direction,
            venue_name: p.venue_name.into(),
            zone_name: p.zone_name.map(Into::into),
            venue_ref: p.external_ref.unwrap_or_else(|| p.venue_id.to_string()).into(),
            category: p.category,
            division_code: p.division_code.into(),
            lat: p.lat,
            lon: p.lon,
            state: p.state,
            screen: false,
        };
        Self { place, revoked: p.revoked_at.is_some() }
    }
}

/// The name of a code in the caches.
pub fn code_id(number: i64) -> Uuid {
    Uuid::from_u64_pair(0, number.unsigned_abs())
}

/// What a scanned or typed code stands for. `at` is when it was scanned: a screen's code holds for its minute.
///
/// # Errors
/// `code_invalid` for what is no code, is forged, unknown, or was on a screen too long ago; `code_revoked` for a code
/// that was replaced.
pub async fn resolve_code(app: &App, token: &str, at: Timestamp) -> Answer<PlaceRef> {
    let grace = app.settings.venues.screen_code_grace_minutes;
    let number = app.keys.verify_venue_token(token, at, grace).map_err(refused)?;
    let load = async {
        let found = codes::place(app.db.conn(), number).await?;
        found.map(CodeEntry::from).ok_or_else(|| invalid("unknown"))
    };
    let entry = app.codes.get_or_load(code_id(number), load).await?;
    if entry.revoked {
        count("revoked");
        return Err(Problem::new(Code::CodeRevoked));
    }
    Ok(PlaceRef { screen: is_screen(token), ..entry.place })
}

fn is_screen(token: &str) -> bool {
    mashang_domain::venue::code::parse(token).is_ok_and(|parsed| parsed.screen)
}

fn refused(error: CodeError) -> Problem {
    match error {
        CodeError::Malformed => invalid("malformed"),
        CodeError::Forged => invalid("forged"),
        CodeError::ScreenCodeOver => {
            let text = language().pick(
                "屏幕上的码每分钟更换，请重新扫描屏幕",
                "the code on the screen changes every minute; scan it again",
            );
            Problem { detail: Some(text.to_owned()), ..invalid("screen_code_over") }
                .with("reason", "screen_code_over")
        }
    }
}

fn invalid(reason: &'static str) -> Problem {
    count(reason);
    Problem::new(Code::VenueCodeInvalid)
}

/// A rise of these is somebody who guesses, or a poster that was swapped.
fn count(reason: &'static str) {
    metrics::counter!("mashang_venue_codes_refused_total", "reason" => reason).increment(1);
}
