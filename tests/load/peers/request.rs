//! The request of a peer: that of a scan, with plain ids in place of session and code.

use actix_web::HttpRequest;
use actix_web::http::header::AUTHORIZATION;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scan {
    pub venue_code: Uuid,
    pub client_scan_id: String,
}

/// As much as ours answers.
#[derive(Serialize)]
pub struct Recorded {
    pub scan_id: Uuid,
    pub venue: Venue,
    pub direction: &'static str,
    pub scanned_at: String,
    pub health: Option<()>,
    pub suspect: bool,
}

#[derive(Serialize)]
pub struct Venue {
    pub id: Uuid,
    pub name: &'static str,
}

impl Recorded {
    pub fn of(scan: &Scan, scan_id: Uuid, at: chrono::DateTime<chrono::Utc>) -> Self {
        Self {
            scan_id,
            venue: Venue { id: scan.venue_code, name: "翠湖餐厅" },
            direction: "in",
            scanned_at: at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true),
            health: None,
            suspect: scan.client_scan_id.is_empty(),
        }
    }
}

/// The person's id, where ours has a token.
pub fn person(request: &HttpRequest) -> Uuid {
    let header = request.headers().get(AUTHORIZATION).and_then(|v| v.to_str().ok()).unwrap_or_default();
    header.strip_prefix("Bearer ").and_then(|id| id.parse().ok()).unwrap_or_default()
}

/// Where this peer is to listen.
pub fn address() -> anyhow::Result<(&'static str, u16)> {
    Ok(("127.0.0.1", std::env::var("PEER_PORT")?.parse()?))
}

/// The time of the machine.
#[expect(clippy::disallowed_methods, reason = "a peer has no clock of ours")]
pub fn now() -> chrono::DateTime<chrono::Utc> {
    chrono::Utc::now()
}
