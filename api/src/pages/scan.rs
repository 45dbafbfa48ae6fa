//! The page that a phone's camera opens when it reads a poster outside of the mini-program.
//!
//! It records nothing: without a session nobody knows whose scan it would be. It says where one is and what to do, and
//! loads nothing else, so that it works where the network is bad.

use std::sync::LazyLock;

use actix_web::http::StatusCode;
use actix_web::http::header::CONTENT_SECURITY_POLICY;
use actix_web::{HttpResponse, get, web};
use askama::Template;
use data_encoding::BASE64;
use mashang_domain::venue::code::grouped;
use mashang_domain::venue::{Direction, VenueState};
use sha2::{Digest, Sha256};
use utoipa_actix_web::service_config::ServiceConfig;

use crate::app::venue::{PlaceRef, resolve_code};
use crate::error::{Answer, Code, Problem};
use crate::state::App;

const STYLE: &str = include_str!("../../templates/scan.css");

/// Nothing but the page's own style.
static POLICY: LazyLock<String> = LazyLock::new(|| {
    let hash = BASE64.encode(&Sha256::digest(STYLE));
    format!(
        "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
});

pub fn configure(config: &mut ServiceConfig<'_>) {
    config.service(scan_page);
}

/// What the page is about.
enum News {
    Open(PlaceRef),
    /// Waiting, suspended or closed.
    NotOpen(PlaceRef),
    Invalid,
    Revoked,
    ScreenCodeOver,
}

impl News {
    const fn status(&self) -> StatusCode {
        match self {
            News::Open(_) => StatusCode::OK,
            News::NotOpen(_) => StatusCode::CONFLICT,
            News::Invalid => StatusCode::NOT_FOUND,
            News::Revoked | News::ScreenCodeOver => StatusCode::GONE,
        }
    }

    fn of(outcome: Answer<PlaceRef>, direction: &str) -> Answer<Self> {
        match outcome {
            // A link whose end was changed is not ours.
            Ok(place) if place.direction.as_str() != direction => Ok(News::Invalid),
            Ok(place) => Ok(match place.state {
                VenueState::Approved => News::Open(place),
                VenueState::Pending | VenueState::Suspended | VenueState::Closed => News::NotOpen(place),
            }),
            Err(p) if p.code == Code::CodeRevoked => Ok(News::Revoked),
            Err(p) if p.code == Code::VenueCodeInvalid && p.extra.contains_key("reason") => {
                Ok(News::ScreenCodeOver)
            }
            Err(p) if p.code == Code::VenueCodeInvalid => Ok(News::Invalid),
            Err(other) => Err(other),
        }
    }
}

#[derive(Template)]
#[template(path = "scan.html")]
struct Page<'a> {
    style: &'static str,
    news: &'a News,
    /// For fingers; of a code that holds.
    code: String,
    operation: &'a str,
    operation_en: &'a str,
    hotline: &'a str,
}

/// What a poster's QR opens in a browser
///
/// HTML in Chinese and English. 404 for what is no code of ours, 410 for a code that was replaced, 409 for a venue that
/// is not open.
#[utoipa::path(tag = "Venue", params(("token" = String, Path), ("direction" = Direction, Path)), responses(
    (status = 200, body = String, content_type = "text/html"), (status = 404, body = String, content_type = "text/html"),
    (status = 409, body = String, content_type = "text/html"), (status = 410, body = String, content_type = "text/html")))]
#[get("/v/{token}/{direction}")]
async fn scan_page(app: web::Data<App>, path: web::Path<(String, String)>) -> Answer<HttpResponse> {
    let (token, direction) = path.into_inner();
    let outcome = resolve_code(&app, &token, app.clock.now()).await;
    let news = News::of(outcome, &direction)?;
    let operation = &app.settings.operation;
    let page = Page {
        style: STYLE,
        news: &news,
        code: grouped(&token.to_ascii_uppercase()),
        operation: &operation.name,
        operation_en: &operation.name_en,
        hotline: &operation.hotline,
    };
    let html = page.render().map_err(Problem::internal)?;
    Ok(HttpResponse::build(news.status())
        .content_type("text/html; charset=utf-8")
        .insert_header((CONTENT_SECURITY_POLICY, POLICY.as_str()))
        .body(html))
}
