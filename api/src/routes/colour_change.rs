//! Changes of colours by hand, with their second official, and releases.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, get, post, web};
use mashang_domain::health::request::RequestStep;
use mashang_domain::health::{Colour, Ground, RequestState};
use mashang_domain::time::Timestamp;
use mashang_infra::health::by_hand::{Paper, Wish};
use mashang_infra::health::decision::Official;
use mashang_infra::store::colour_change::Waiting;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use crate::app::health::by_hand::{self, Change, Released};
use crate::error::Answer;
use crate::http::auth::{Permission, Staff, may};
use crate::http::body::{Body, Read};
use crate::http::idempotency;
use crate::http::page::{Page, PageQuery, cursor, cursor_time};
use crate::http::server::ProblemBody;
use crate::state::App;

pub fn configure(config: &mut ServiceConfig<'_>) {
    config.service(change_colour).service(list_colour_changes).service(confirm_colour_change);
    config.service(refuse_colour_change).service(release_person).service(list_releases);
}

pub(super) fn official<R: Permission>(staff: &Staff<R>) -> Official {
    Official { id: staff.id, role: staff.role, division: staff.division.clone() }
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewColour {
    /// Not grey: that is the absence of a declaration.
    #[schema(inline)]
    to: Colour,
    /// `record_error`, `release_notice` and `ruled_out` lead to a milder colour, the others to a worse one.
    #[schema(inline)]
    ground: Ground,
    /// Reference of the document that it rests on. The person reads it.
    #[schema(min_length = 1, max_length = 200, example = "昆卫函〔2020〕12号")]
    document: String,
    /// For the second official; at most 1,000 characters. It is part of what the person can take away.
    note: Option<String>,
}

/// A change of a colour, made or asked for.
#[derive(Serialize, ToSchema)]
struct ColourChange {
    id: Uuid,
    person_id: Uuid,
    division_code: String,
    #[schema(inline)]
    state: RequestState,
    /// The colour when it was asked for.
    #[schema(inline)]
    from: Colour,
    #[schema(inline)]
    to: Colour,
    #[schema(inline)]
    ground: Ground,
    document: String,
    note: Option<String>,
    requested_by: Uuid,
    requested_at: Timestamp,
    /// Until when a second official may decide; none once it is decided, or where none is needed.
    expires_at: Option<Timestamp>,
    /// The second official.
    decided_by: Option<Uuid>,
    decided_at: Option<Timestamp>,
}

impl From<Change> for ColourChange {
    fn from(Change { row, state, paper }: Change) -> Self {
        Self {
            id: row.id,
            person_id: row.person_id,
            division_code: row.division_code,
            state,
            from: row.from_colour,
            to: row.to_colour,
            ground: row.ground,
            document: paper.document,
            note: paper.note,
            requested_by: row.requested_by,
            requested_at: row.requested_at,
            expires_at: (state == RequestState::AwaitingSecond).then_some(row.expires_at),
            decided_by: row.decided_by,
            decided_at: row.decided_at,
        }
    }
}

/// Change the colour of a person
///
/// The person is named by the id that traces, verifications and appeals show; there is no other way to find one. Red needs a
/// second official (`health.second_for_red`), and so does everything beyond `health.alone_per_hour` changes of one official:
/// then 202, and the change waits for 24 hours. The person reads ground, document, time and how to object.
#[utoipa::path(tag = "Health decisions", security(("bearer" = [])), request_body = NewColour, responses(
    (status = 201, body = ColourChange, description = "Changed"),
    (status = 202, body = ColourChange, description = "Waits for a second official"),
    (status = 403, body = ProblemBody), (status = 404, body = ProblemBody),
    (status = 409, body = ProblemBody, description = "`same_colour`, `not_declared`, `request_waiting`"),
    (status = 422, body = ProblemBody)))]
#[post("/people/{id}/colour-changes")]
async fn change_colour(
    app: web::Data<App>,
    request: HttpRequest,
    me: Staff<may::ChangeColours>,
    id: web::Path<Uuid>,
    body: Body<NewColour>,
) -> Answer<HttpResponse> {
    let Read { value: NewColour { to, ground, document, note }, sent } = body.read().await?;
    let wish = Wish { person: *id, to, ground, paper: Paper { document, note } };
    let official = official(&me);
    idempotency::once(app, &request, &me.id.to_string(), &sent, move |app| async move {
        let change = ColourChange::from(by_hand::ask(&app, &official, wish).await?);
        let made = change.state == RequestState::Applied;
        Ok((if made { StatusCode::CREATED } else { StatusCode::ACCEPTED }, change))
    })
    .await
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct ChangeQuery {
    #[param(inline)]
    state: Option<RequestState>,
    /// Items wanted, 1 to 500.
    #[param(minimum = 1, maximum = 500, default = 50)]
    limit: Option<u64>,
    /// The `next` of the page before.
    after: Option<String>,
}

/// Changes by hand of the own division, newest first
///
/// `state=awaiting_second`: those that another official has to confirm or refuse.
#[utoipa::path(tag = "Health decisions", security(("bearer" = [])), params(ChangeQuery), responses(
    (status = 200, body = Page<ColourChange>), (status = 403, body = ProblemBody)))]
#[get("/colour-changes")]
async fn list_colour_changes(
    app: web::Data<App>,
    me: Staff<may::ChangeColours>,
    query: web::Query<ChangeQuery>,
) -> Answer<web::Json<Page<ColourChange>>> {
    let ChangeQuery { state, limit, after } = query.into_inner();
    let page = PageQuery { limit, after };
    let (limit, before) = (page.limit()?, page.after_id()?);
    let rows = by_hand::page(&app, &official(&me), state, before, limit + 1).await?;
    Ok(web::Json(Page::of(rows.into_iter().map(ColourChange::from).collect(), limit, |c| cursor(c.id))))
}

/// Confirm a change that another official has asked for
#[utoipa::path(tag = "Health decisions", security(("bearer" = [])), responses(
    (status = 200, body = ColourChange), (status = 403, body = ProblemBody, description = "`own_request`"),
    (status = 404, body = ProblemBody), (status = 409, body = ProblemBody), (status = 422, body = ProblemBody)))]
#[post("/colour-changes/{id}/confirmation")]
async fn confirm_colour_change(
    app: web::Data<App>,
    me: Staff<may::ChangeColours>,
    id: web::Path<Uuid>,
) -> Answer<web::Json<ColourChange>> {
    let change = by_hand::decide(&app, &official(&me), *id, RequestStep::Confirm).await?;
    Ok(web::Json(change.into()))
}

/// Refuse a change that another official has asked for
#[utoipa::path(tag = "Health decisions", security(("bearer" = [])), responses(
    (status = 200, body = ColourChange), (status = 403, body = ProblemBody, description = "`own_request`"),
    (status = 404, body = ProblemBody), (status = 409, body = ProblemBody)))]
#[post("/colour-changes/{id}/refusal")]
async fn refuse_colour_change(
    app: web::Data<App>,
    me: Staff<may::ChangeColours>,
    id: web::Path<Uuid>,
) -> Answer<web::Json<ColourChange>> {
    let change = by_hand::decide(&app, &official(&me), *id, RequestStep::Refuse).await?;
    Ok(web::Json(change.into()))
}

#[derive(Serialize, ToSchema)]
struct Release {
    id: Uuid,
    person_id: Uuid,
    /// Green, or grey where the declaration has expired meanwhile.
    #[schema(inline)]
    colour: Colour,
    released_at: Timestamp,
}

/// Release somebody whose days are done
#[utoipa::path(tag = "Health decisions", security(("bearer" = [])), responses(
    (status = 200, body = Release), (status = 403, body = ProblemBody), (status = 404, body = ProblemBody),
    (status = 409, body = ProblemBody, description = "`days_left` with the number, `wrong_state` where the code is not red")))]
#[post("/people/{id}/release")]
async fn release_person(
    app: web::Data<App>,
    me: Staff<may::ChangeColours>,
    id: web::Path<Uuid>,
) -> Answer<web::Json<Release>> {
    let Released { decision, state } = by_hand::release(&app, &official(&me), *id).await?;
    let release = Release { id: decision, person_id: *id, colour: state.colour, released_at: state.since };
    Ok(web::Json(release))
}

/// Somebody whose days are done.
#[derive(Serialize, ToSchema)]
struct AwaitingRelease {
    person_id: Uuid,
    division_code: String,
    /// Why the code was coloured last.
    reason: String,
    /// When the colour began.
    since: Timestamp,
    days_required: i16,
    waiting_since: Timestamp,
}

impl From<Waiting> for AwaitingRelease {
    fn from(w: Waiting) -> Self {
        Self {
            person_id: w.person_id,
            division_code: w.division_code,
            reason: w.reason,
            since: w.since,
            days_required: w.days_required,
            waiting_since: w.waiting_since,
        }
    }
}

/// Who awaits release in the own division: who waits longest first
#[utoipa::path(tag = "Health decisions", security(("bearer" = [])), params(PageQuery), responses(
    (status = 200, body = Page<AwaitingRelease>), (status = 403, body = ProblemBody)))]
#[get("/releases")]
async fn list_releases(
    app: web::Data<App>,
    me: Staff<may::ChangeColours>,
    page: web::Query<PageQuery>,
) -> Answer<web::Json<Page<AwaitingRelease>>> {
    let limit = page.limit()?;
    let rows = by_hand::releases(&app, &official(&me), page.after_time()?, limit + 1).await?;
    let items = rows.into_iter().map(AwaitingRelease::from).collect();
    let cursor = |w: &AwaitingRelease| cursor_time(w.waiting_since.millis(), w.person_id);
    Ok(web::Json(Page::of(items, limit, cursor)))
}
