//! Cards of other offices that are linked with a health code.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, delete, get, post, web};
use mashang_domain::person::{CardKind, card};
use mashang_domain::time::Timestamp;
use mashang_entity::card_link;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use crate::app::health::cards;
use crate::cards::Card;
use crate::error::Answer;
use crate::http::auth::Citizen;
use crate::http::body::{Body, Read};
use crate::http::idempotency;
use crate::http::page::Page;
use crate::http::server::ProblemBody;
use crate::state::App;

pub fn configure(config: &mut ServiceConfig<'_>) {
    config.service(link_card).service(list_cards).service(unlink_card);
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewCard {
    kind: CardKind,
    /// The one-time code that the card's platform has given.
    #[schema(max_length = 128)]
    code: String,
}

#[derive(Serialize, ToSchema)]
struct CardView {
    id: Uuid,
    kind: CardKind,
    #[schema(example = "****0017")]
    reference_masked: String,
    linked_at: Timestamp,
}

impl From<(card_link::Model, Card)> for CardView {
    fn from((row, opened): (card_link::Model, Card)) -> Self {
        let reference_masked = card::masked(&opened.reference);
        Self { id: row.id, kind: row.kind, reference_masked, linked_at: row.linked_at }
    }
}

/// A card, as a hospital hears of it.
#[derive(Serialize, ToSchema)]
pub(super) struct ToldCard {
    kind: CardKind,
    reference: String,
    /// Whether its platform says that it is good; null when the platform does not answer.
    valid: Option<bool>,
}

impl From<cards::Told> for ToldCard {
    fn from(told: cards::Told) -> Self {
        Self { kind: told.kind, reference: told.reference, valid: told.valid }
    }
}

/// Link a card
///
/// By a one-time code of its platform. The card's holder has to be who has declared; another card of its kind gives way.
#[utoipa::path(tag = "Health code", security(("bearer" = [])), request_body = NewCard, responses(
    (status = 201, body = CardView), (status = 401, body = ProblemBody), (status = 404, body = ProblemBody),
    (status = 409, body = ProblemBody), (status = 422, body = ProblemBody), (status = 503, body = ProblemBody)))]
#[post("/me/cards")]
async fn link_card(
    app: web::Data<App>,
    request: HttpRequest,
    citizen: Citizen,
    body: Body<NewCard>,
) -> Answer<HttpResponse> {
    let Read { value: NewCard { kind, code }, sent } = body.read().await?;
    let actor = citizen.person_id.to_string();
    idempotency::once(app, &request, &actor, &sent, move |app| async move {
        let linked = cards::link(&app, &citizen, kind, &code).await?;
        Ok((StatusCode::CREATED, CardView::from(linked)))
    })
    .await
}

/// My linked cards
#[utoipa::path(tag = "Health code", security(("bearer" = [])), responses(
    (status = 200, body = Page<CardView>), (status = 401, body = ProblemBody), (status = 404, body = ProblemBody)))]
#[get("/me/cards")]
async fn list_cards(app: web::Data<App>, citizen: Citizen) -> Answer<web::Json<Page<CardView>>> {
    let items = cards::list(&app, &citizen).await?.into_iter().map(CardView::from).collect();
    Ok(web::Json(Page { items, next: None }))
}

/// Unlink a card
#[utoipa::path(tag = "Health code", security(("bearer" = [])), responses(
    (status = 204), (status = 401, body = ProblemBody), (status = 404, body = ProblemBody)))]
#[delete("/me/cards/{id}")]
async fn unlink_card(app: web::Data<App>, citizen: Citizen, id: web::Path<Uuid>) -> Answer<HttpResponse> {
    cards::unlink(&app, &citizen, *id).await?;
    Ok(HttpResponse::NoContent().finish())
}
