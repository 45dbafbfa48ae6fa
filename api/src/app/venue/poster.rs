//! One poster, made off the async threads.

use std::sync::Arc;

use chrono::NaiveDate;
use mashang_domain::venue::{Category, Direction};
use mashang_entity::venue;
use mashang_infra::store::venue_code::NamedCode;
use mashang_infra::store::zone as zones;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::access::cared_for;
use super::codes::{CodeView, code_for};
use crate::app::platform::{CodePicture, picture_of};
use crate::error::{Answer, Code, Problem};
use crate::http::auth::Anyone;
use crate::render::{Fonts, Format, Language, PlatformCode, Poster, RenderError, Size, render};
use crate::state::App;

/// Which poster of a venue is wanted.
#[derive(Debug, Clone)]
pub struct PosterWish {
    pub direction: Direction,
    pub size: Size,
    pub language: Language,
    pub format: Format,
    /// Id or name of a zone; the venue's own code when absent.
    pub zone: Option<String>,
    pub code: CodePicture,
}

/// A poster, or the news that the one the client has is still right.
pub struct Made {
    /// `None` when `known` was right.
    pub bytes: Option<Vec<u8>>,
    pub etag: String,
    pub file_name: String,
}

/// What stands on a poster, owned, so that it can go to another thread.
#[derive(Debug, Clone)]
pub(super) struct Sheet {
    venue_name: String,
    zone: Option<String>,
    category: Category,
    direction: Direction,
    url: String,
    code: String,
    version: u32,
    printed_on: NaiveDate,
    hotline: Arc<str>,
    operation: Arc<str>,
}

impl Sheet {
    pub(super) fn of(app: &App, venue: &venue::Model, code: NamedCode) -> Self {
        let code = CodeView::of(app, code);
        Self {
            venue_name: venue.name.clone(),
            zone: code.zone.map(|(_, name)| name),
            category: venue.category,
            direction: code.direction,
            url: code.url,
            code: code.code,
            version: u32::try_from(code.version).unwrap_or(0),
            printed_on: app.clock.now().shanghai_day(),
            hotline: app.settings.operation.hotline.as_str().into(),
            operation: app.settings.operation.name.as_str().into(),
        }
    }

    pub(super) fn draw(
        &self,
        size: Size,
        language: Language,
        format: Format,
        platform: Option<&PlatformCode>,
        fonts: &Fonts,
    ) -> Result<Vec<u8>, RenderError> {
        let poster = Poster {
            venue_name: &self.venue_name,
            zone: self.zone.as_deref(),
            category_zh: self.category.name_zh(),
            category_en: self.category.as_str(),
            direction: self.direction,
            url: &self.url,
            platform,
            short_code: &self.code,
            hotline: &self.hotline,
            operation: &self.operation,
            version: self.version,
            printed_on: self.printed_on,
        };
        render(&poster, size, language, format, fonts)
    }

    /// `翠湖超市-一层东门-in` with an ending.
    pub(super) fn file_name(&self, ending: &str) -> String {
        let zone = self.zone.as_ref().map_or_else(String::new, |zone| format!("-{zone}"));
        format!("{}{zone}-{}.{ending}", self.venue_name, self.direction)
    }
}

/// Makes a poster. `known` is the tag of what the client has already.
pub async fn make_poster(
    app: &App,
    who: &Anyone,
    id: Uuid,
    wish: PosterWish,
    known: impl Fn(&str) -> bool,
) -> Answer<Made> {
    let venue = cared_for(app, who, id).await?;
    if !venue.state.may_print() {
        return Err(Problem::new(Code::VenueClosed).with("state", venue.state.as_str()));
    }
    let zone = match &wish.zone {
        Some(zone) => Some(zone_of(app, id, zone).await?),
        None => None,
    };
    let code = code_for(app, id, zone, wish.direction).await?;
    let sheet = Sheet::of(app, &venue, code);
    let (etag, file_name) = (tag(&sheet, &wish), sheet.file_name(wish.format.as_str()));
    if known(&etag) {
        return Ok(Made { bytes: None, etag, file_name });
    }
    let platform = picture_of(app, wish.code, &sheet.code, wish.direction, &sheet.venue_name).await?;
    let fonts = app.fonts.clone();
    let draw = move || sheet.draw(wish.size, wish.language, wish.format, platform.as_ref(), &fonts);
    let drawn = tokio::task::spawn_blocking(draw).await.map_err(Problem::internal)?;
    Ok(Made { bytes: Some(drawn.map_err(not_drawn)?), etag, file_name })
}

/// A zone by its id or its name.
async fn zone_of(app: &App, venue: Uuid, wanted: &str) -> Answer<Uuid> {
    let zones = zones::of_venue(app.db.conn(), venue).await?;
    let id = Uuid::parse_str(wanted).ok();
    let found = zones.into_iter().find(|z| Some(z.id) == id || z.name == wanted);
    found.map(|z| z.id).ok_or_else(|| Problem::new(Code::NotFound))
}

/// Everything that shows on the sheet counts; so a new day makes a new one, with its date.
fn tag(sheet: &Sheet, wish: &PosterWish) -> String {
    let text = format!("{sheet:?}{wish:?}{}", env!("CARGO_PKG_VERSION"));
    format!("v{}-{}", sheet.version, data_encoding::HEXLOWER.encode(&Sha256::digest(text)[..12]))
}

/// What a client is told.
pub(crate) fn not_drawn(error: RenderError) -> Problem {
    match error {
        RenderError::FontMissing | RenderError::GlyphMissing { .. } => {
            tracing::warn!(error = %error, "a PDF or PNG was not drawn");
            Problem::with_detail(Code::FontMissing, error.to_string())
        }
        RenderError::TextTooLong { .. } => Problem::field("name", "too_long", error.to_string()),
        RenderError::QrTooLong { .. } | RenderError::Writer { .. } => Problem::internal(error),
    }
}
