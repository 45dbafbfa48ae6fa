//! Recording what a citizen scans: the code, the time, the writer. No query of its own on the way to the writer.

use std::sync::Arc;

use futures_util::future::join_all;
use mashang_domain::time::{SECOND, Timestamp};
use mashang_domain::venue::plausibility::Coordinates;
use mashang_domain::venue::scan_time::{ScanTime, ScanTimeError, ScanTimeRules, scan_time};
use mashang_domain::venue::{Direction, ScanSource, VenueState};
use mashang_infra::store::scan_history::{self, PastScan};
use mashang_infra::store::scan_writer::{NewScan, Outcome, RecordError, Recorded, answer_of};
use uuid::Uuid;

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
}

/// Records a scan, or answers as before when its `client_scan_id` has been answered.
///
/// # Errors
/// `code_invalid`, `code_revoked`, `venue_closed` (a scan made now; one made offline is recorded and doubted), `invalid`
/// with `scanned_at_in_future`, `scanned_at_too_old` or a field that is out of bounds, `overloaded`, `unavailable`.
pub async fn record(app: &App, citizen: &Citizen, scan: Scan) -> Answer<Told> {
    check(app, &scan)?;
    let (new, place) = match prepare(app, citizen, &scan).await {
        Ok(prepared) => prepared,
        // The code may have been replaced, or the venue closed, between a scan and its repetition.
        Err(refused) => match answer_of(app.db.conn(), citizen.person_id, &scan.client_scan_id).await? {
            Some(before) => return told(app, before, None).await,
            None => return Err(refused),
        },
    };
    let recorded = app.scans.record(new).await.map_err(not_recorded)?;
    told(app, recorded, Some(&place)).await
}

/// Records the scans of one upload; each has its own answer.
pub async fn record_batch(app: &App, citizen: &Citizen, scans: Vec<Answer<Scan>>) -> Vec<Answer<Told>> {
    let one = |scan: Answer<Scan>| async move {
        match scan {
            Ok(scan) => record(app, citizen, scan).await,
            Err(problem) => Err(problem),
        }
    };
    join_all(scans.into_iter().map(one)).await
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
