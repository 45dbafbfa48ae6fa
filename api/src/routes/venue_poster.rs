//! Posters: one, or a ZIP for a whole list.

use actix_web::http::header::{
    Charset, ContentDisposition, DispositionParam, DispositionType, ETAG, EntityTag, ExtendedValue, Header,
    IfNoneMatch,
};
use actix_web::{HttpRequest, HttpResponse, get, web};
use mashang_domain::venue::{Direction, VenueState};
use serde::Deserialize;
use tokio_stream::wrappers::ReceiverStream;
use utoipa::IntoParams;
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use crate::app::platform::CodePicture;
use crate::app::venue::{self, ArchiveWish, PosterWish};
use crate::error::{Answer, Code, Problem};
use crate::http::auth::{Anyone, Staff, may};
use crate::http::server::ProblemBody;
use crate::render::{Format, Language, Size};
use crate::state::App;

pub fn configure(config: &mut ServiceConfig<'_>) {
    config.service(venue_poster).service(posters_archive);
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct PosterQuery {
    /// `in` when absent.
    #[param(inline)]
    direction: Option<Direction>,
    /// `a4` when absent.
    #[param(inline)]
    size: Option<Size>,
    /// `both` when absent.
    #[param(inline)]
    lang: Option<Language>,
    /// Id or name of a zone.
    zone: Option<String>,
    /// `qr` when absent: our own, for every camera. `wxacode` and `alipay` print the code of that platform's mini-program.
    #[param(inline)]
    code: Option<CodePicture>,
}

/// A poster to print
///
/// For venues that are approved or wait for it; a waiting venue prints ahead, and scans are refused until it is approved.
#[utoipa::path(tag = "Venue", security(("bearer" = [])),
    params(("id" = Uuid, Path), ("format" = inline(Format), Path), PosterQuery, ("If-None-Match" = Option<String>, Header)),
    responses((status = 200, content((Vec<u8> = "application/pdf"), (Vec<u8> = "image/png"), (String = "image/svg+xml"))),
    (status = 304), (status = 403, body = ProblemBody), (status = 404, body = ProblemBody),
    (status = 409, body = ProblemBody), (status = 429, body = ProblemBody), (status = 503, body = ProblemBody)))]
#[get("/venues/{id}/poster.{format}")]
async fn venue_poster(
    app: web::Data<App>,
    request: HttpRequest,
    who: Anyone,
    path: web::Path<(Uuid, String)>,
    query: web::Query<PosterQuery>,
) -> Answer<HttpResponse> {
    let (id, format) = path.into_inner();
    let format: Format = format.parse().map_err(|_| Problem::new(Code::NotFound))?;
    let PosterQuery { direction, size, lang, zone, code } = query.into_inner();
    let wish = PosterWish {
        direction: direction.unwrap_or(Direction::In),
        size: size.unwrap_or(Size::A4),
        language: lang.unwrap_or(Language::Both),
        format,
        zone,
        code: code.unwrap_or_default(),
    };
    let known = |tag: &str| client_has(&request, tag);
    let made = venue::make_poster(&app, &who, id, wish, known).await?;
    let tag = EntityTag::new_strong(made.etag).to_string();
    let Some(bytes) = made.bytes else {
        return Ok(HttpResponse::NotModified().insert_header((ETAG, tag)).finish());
    };
    Ok(HttpResponse::Ok()
        .content_type(format.content_type())
        .insert_header((ETAG, tag))
        .insert_header(("Cache-Control", "private, no-cache"))
        .insert_header(attachment(&made.file_name, format!("poster.{format}")))
        .body(bytes))
}

fn client_has(request: &HttpRequest, tag: &str) -> bool {
    let tag = EntityTag::new_strong(tag.to_owned());
    match IfNoneMatch::parse(request) {
        Ok(IfNoneMatch::Items(tags)) => tags.iter().any(|t| t.weak_eq(&tag)),
        Ok(IfNoneMatch::Any) | Err(_) => false,
    }
}

/// A file name in Chinese, and one in ASCII for clients that cannot read it (RFC 6266).
fn attachment(name: &str, ascii: String) -> ContentDisposition {
    let extended = ExtendedValue {
        charset: Charset::Ext("UTF-8".to_owned()),
        language_tag: None,
        value: name.as_bytes().to_vec(),
    };
    let parameters = vec![DispositionParam::Filename(ascii), DispositionParam::FilenameExt(extended)];
    ContentDisposition { disposition: DispositionType::Attachment, parameters }
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ArchiveQuery {
    /// Division code; my own division when absent.
    division: Option<String>,
    /// `approved` (when absent) or `pending`.
    #[param(inline)]
    state: Option<VenueState>,
}

/// Posters of a whole list of venues
///
/// A ZIP of A4 PDFs, in and out, of every venue and zone, streamed while it is made. A poster that cannot be drawn is
/// replaced by a text file that names it and says why.
#[utoipa::path(tag = "Venue", security(("bearer" = [])), params(ArchiveQuery), responses(
    (status = 200, body = Vec<u8>, content_type = "application/zip"), (status = 403, body = ProblemBody),
    (status = 422, body = ProblemBody), (status = 503, body = ProblemBody)))]
#[get("/venues/posters.zip")]
async fn posters_archive(
    app: web::Data<App>,
    official: Staff<may::CareForVenues>,
    query: web::Query<ArchiveQuery>,
) -> Answer<HttpResponse> {
    let wish = ArchiveWish {
        division: venue::division_of(query.division.as_deref())?,
        state: query.state.unwrap_or(VenueState::Approved),
    };
    let parts = venue::stream_archive(app.clone(), &official, wish).await?;
    Ok(HttpResponse::Ok()
        .content_type("application/zip")
        .insert_header(attachment("posters.zip", "posters.zip".to_owned()))
        .streaming(ReceiverStream::new(parts)))
}
