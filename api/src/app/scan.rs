//! Recording what a citizen scans: the code, the time, the writer. No query of its own on the way to the writer.

use std::collections::HashMap;
use std::sync::Arc;

use mashang_domain::health::Colour;
use mashang_domain::time::{SECOND, Timestamp};
use mashang_domain::venue::plausibility::Coordinates;
use mashang_domain::venue::scan_time::{ScanTime, ScanTimeError, ScanTimeRules, scan_time};
use mashang_domain::venue::{Direction, ScanSource, VenueState};
use mashang_infra::store::scan_history::{self, PastScan};
use mashang_infra::store::scan_writer::{NewScan, Outcome, RecordError, Recorded, answers_of};
use uuid::Uuid;

use super::health;
use super::venue::{PlaceRef, resolve_code};
use crate::error::{Answer, Code, Problem};
use crate::http::auth::Citizen;
use crate::state::App;

/// Characters of a `client_scan_id`.
const CLIENT_ID_CHARS: usize = 64;

/// A scan as the client tells it.
#[derive(Debug, Clone)]
pub struct Scan {
    pub venue_code: String,
    pub client_scan_id: String,
    pub scanned_at: Option<Timestamp>,
    pub companions: i16,
}

/// The answer to a scan.
#[derive(Debug, Clone)]
pub struct Told {
    pub scan_id: Uuid,
    pub venue_id: Uuid,
    pub venue_name: Arc<str>,
    pub zone: Option<(Uuid, Arc<str>)>,
    pub direction: Direction,
    pub scanned_at: Timestamp,
    pub suspect: bool,
    pub outcome: Outcome,
    /// The colour of the person's health code.
    pub health: Option<Colour>,
}

/// Records a scan, or answers as before when its `client_scan_id` has been answered.
///
/// # Errors
/// `code_invalid`, `code_revoked`, `venue_closed` (a scan made now; one made offline is recorded and doubted), `invalid`
/// with `scanned_at_in_future`, `scanned_at_too_old` or a field that is out of bounds, `overloaded`, `unavailable`.
pub async fn record(app: &App, citizen: &Citizen, scan: Scan) -> Answer<Told> {
    let refused = match prepare(app, citizen, &scan).await {
        Ok((new, place)) => {
            let (recorded, health) = tokio::join!(app.scans.record(new), colour(app, citizen));
            let told = told(app, recorded.map_err(not_recorded)?, Some(&place)).await?;
            return Ok(Told { health, ..told });
        }
        Err(refused) => refused,
    };
    if !may_have_been_good(&refused) {
        return Err(refused);
    }
    let before = answered_before(app, citizen, &[&scan.client_scan_id]).await;
    match earlier(&before, Some(&scan.client_scan_id)) {
        Some(answer) => {
            let (told, health) = tokio::join!(told(app, answer, None), colour(app, citizen));
            Ok(Told { health, ..told? })
        }
        None => Err(refused),
    }
}

/// The colour for an answer. A scan is recorded whether or not it can be read.
async fn colour(app: &App, citizen: &Citizen) -> Option<Colour> {
    health::colour(app, citizen.person_id).await.unwrap_or_else(|problem| {
        tracing::warn!(code = problem.code.word(), "a scan is answered without its colour");
        None
    })
}

/// Records the scans of one upload; each has its own answer, in their order.
pub async fn record_batch(app: &App, citizen: &Citizen, scans: Vec<Answer<Scan>>) -> Vec<Answer<Told>> {
    let (mut prepared, mut places, mut waiting) = (Vec::new(), Vec::new(), Vec::new());
    for scan in &scans {
        let ready = match scan {
            Ok(scan) => prepare(app, citizen, scan).await,
            Err(unreadable) => Err(unreadable.clone()),
        };
        match ready {
            Ok((new, place)) => {
                prepared.push(new);
                places.push(place);
                waiting.push(None);
            }
            Err(refused) => waiting.push(Some(refused)),
        }
    }
    let asked = scans.iter().zip(&waiting);
    let asked = asked.filter(|(_, refused)| refused.as_ref().is_some_and(may_have_been_good));
    let ids: Vec<&str> =
        asked.filter_map(|(scan, _)| Some(scan.as_ref().ok()?.client_scan_id.as_str())).collect();
    let before = answered_before(app, citizen, &ids).await;
    let (recorded, health) = tokio::join!(app.scans.record_all(prepared), colour(app, citizen));
    let mut recorded = recorded.into_iter().zip(places);
    let mut answers = Vec::with_capacity(scans.len());
    for (scan, refused) in scans.iter().zip(waiting) {
        let id = scan.as_ref().ok().map(|scan| scan.client_scan_id.as_str());
        answers.push(match (refused, earlier(&before, id)) {
            (None, _) => match recorded.next() {
                Some((Ok(answer), place)) => told(app, answer, Some(&place)).await,
                Some((Err(error), _)) => Err(not_recorded(error)),
                None => Err(Problem::internal("a scan without an answer")),
            },
            (Some(_), Some(answer)) => told(app, answer, None).await,
            (Some(refused), None) => Err(refused),
        });
    }
    answers.into_iter().map(|answer| answer.map(|told| Told { health, ..told })).collect()
}

/// Between a scan and its repetition the code may have been replaced, or the venue closed, or time passed: then the
/// answer is that of before. A code that never was one has no before, and guessing costs the database nothing.
async fn answered_before<'a>(app: &App, citizen: &Citizen, ids: &[&'a str]) -> HashMap<&'a str, Recorded> {
    answers_of(app.db.conn(), citizen.person_id, ids).await.unwrap_or_else(|error| {
        tracing::warn!(%error, "earlier answers cannot be read");
        HashMap::new()
    })
}

fn may_have_been_good(refused: &Problem) -> bool {
    let of_time = || refused.errors.iter().any(|e| e.field == "scanned_at");
    matches!(refused.code, Code::CodeRevoked | Code::VenueClosed)
        || (refused.code == Code::VenueCodeInvalid && refused.extra.contains_key("reason"))
        || of_time()
}

fn earlier(before: &HashMap<&str, Recorded>, id: Option<&str>) -> Option<Recorded> {
    id.and_then(|id| before.get(id)).cloned()
}

fn check(app: &App, scan: &Scan) -> Answer<()> {
    let most = app.settings.scans.max_companions;
    if scan.client_scan_id.is_empty() || scan.client_scan_id.chars().count() > CLIENT_ID_CHARS {
        return Err(Problem::field("client_scan_id", "length", format!("1 to {CLIENT_ID_CHARS} characters")));
    }
    if !(0..=most).contains(&scan.companions) {
        return Err(Problem::field("companions", "out_of_range", format!("0 to {most}")));
    }
    Ok(())
}

async fn prepare(app: &App, citizen: &Citizen, scan: &Scan) -> Answer<(NewScan, PlaceRef)> {
    check(app, scan)?;
    let s = &app.settings.scans;
    let rules =
        ScanTimeRules { tolerance_ms: s.clock_tolerance_seconds * SECOND, max_age_days: s.max_age_days };
    let ScanTime { at, client_at } = scan_time(scan.scanned_at, app.clock.now(), &rules).map_err(bad_time)?;
    let place = resolve_code(app, &scan.venue_code, at).await?;
    if client_at.is_none() && !place.state.takes_scans() {
        return Err(Problem::new(Code::VenueClosed));
    }
    let venue_open = match place.state {
        VenueState::Pending | VenueState::Approved => true,
        VenueState::Suspended | VenueState::Closed => false,
    };
    let new = NewScan {
        person_id: citizen.person_id,
        venue_id: place.venue_id,
        zone_id: place.zone_id,
        direction: place.direction,
        client_scan_id: scan.client_scan_id.clone(),
        at,
        client_at,
        companions: scan.companions,
        venue_ref: Arc::clone(&place.venue_ref),
        place: place.lat.zip(place.lon).map(|(lat, lon)| Coordinates { lat, lon }),
        venue_open,
        source: ScanSource::App,
    };
    Ok((new, place))
}

fn bad_time(error: ScanTimeError) -> Problem {
    let text = match error {
        ScanTimeError::InFuture => "扫码时间晚于当前时间 / the scan would lie in the future",
        ScanTimeError::TooOld => "扫码时间过早，无法补传 / the scan is too old to be uploaded",
    };
    Problem::field("scanned_at", error.code(), text)
}

fn not_recorded(error: RecordError) -> Problem {
    match error {
        RecordError::Overloaded => Problem::retry(Code::Overloaded, 1000),
        // Whatever it was, the same client_scan_id may be sent again; the writer has logged it.
        RecordError::Stopping | RecordError::Failed(_) | RecordError::Interrupted => {
            Problem::retry(Code::Unavailable, 1000)
        }
    }
}

/// Names come from the code; for an answer given before, about another place, from the database.
async fn told(app: &App, recorded: Recorded, place: Option<&PlaceRef>) -> Answer<Told> {
    let same = |p: &&PlaceRef| p.venue_id == recorded.venue_id && p.zone_id == recorded.zone_id;
    let (venue_name, zone_name) = match place.filter(same) {
        Some(place) => (Arc::clone(&place.venue_name), place.zone_name.clone()),
        None => {
            let (venue, zone) =
                scan_history::place_names(app.db.conn(), recorded.venue_id, recorded.zone_id).await?;
            (venue.into(), zone.map(Into::into))
        }
    };
    Ok(Told {
        scan_id: recorded.scan_id,
        venue_id: recorded.venue_id,
        venue_name,
        zone: recorded.zone_id.zip(zone_name),
        direction: recorded.direction,
        scanned_at: recorded.at,
        suspect: recorded.suspect.is_some(),
        outcome: recorded.outcome,
        health: None,
    })
}

/// The own history, newest first; `limit + 1` scans, so that the page knows whether there are more.
pub async fn history(
    app: &App,
    citizen: &Citizen,
    after: Option<(i64, Uuid)>,
    limit: u64,
) -> Answer<Vec<PastScan>> {
    let after = after.map(|(millis, id)| (Timestamp(millis), id));
    Ok(scan_history::scans_of_person(app.db.conn(), citizen.person_id, after, limit + 1).await?)
}
