//! The history of the own code: what changed and why, by which office, on which ground, and how to object.

use actix_web::{get, web};
use mashang_domain::health::{ChangeKind, Colour, Ground};
use mashang_domain::protection::audit::Purpose;
use mashang_domain::time::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use crate::app::health::history::{self, Entry, office};
use crate::app::health::require;
use crate::error::Answer;
use crate::http::auth::Citizen;
use crate::http::context::{self, Language};
use crate::http::page::{Page, PageQuery, cursor};
use crate::http::server::ProblemBody;
use crate::state::App;

pub fn configure(config: &mut ServiceConfig<'_>) {
    config.service(list_my_colours);
}

/// Why a colour is what it is.
#[derive(Serialize, ToSchema)]
pub(super) struct ReasonText {
    /// Stable word.
    code: String,
    /// In the language that was asked for.
    text: String,
    zh: String,
    en: String,
}

/// The ground of a change by an official.
#[derive(Serialize, ToSchema)]
pub(super) struct GroundText {
    #[schema(inline)]
    code: Ground,
    text: &'static str,
    document: String,
}

/// An entry of the history of a code.
#[derive(Serialize, ToSchema)]
pub(super) struct ColourEntry {
    id: Uuid,
    at: Timestamp,
    #[schema(inline)]
    kind: ChangeKind,
    #[schema(inline)]
    from: Colour,
    #[schema(inline)]
    to: Colour,
    reason: ReasonText,
    /// The rule that it rests on; none where a decision or the passing of days did it.
    rule: Option<String>,
    rule_version: i32,
    /// Check-ins in a row that were left.
    days_left: i16,
    /// `self`, `official` or `system`; never a name.
    by: &'static str,
    /// A second official confirmed it.
    confirmed: bool,
    division_code: String,
    /// Of a change by hand.
    ground: Option<GroundText>,
    /// How to object.
    objection: Option<String>,
}

/// An entry in the language of the request.
pub(super) fn entry(Entry { change, zh, en, by_hand }: Entry, hours: u16) -> ColourEntry {
    let lang = context::language();
    let ground = by_hand.map(|by_hand| {
        let (zh, en) = by_hand.ground.text();
        GroundText { code: by_hand.ground, text: lang.pick(zh, en), document: by_hand.document }
    });
    let restricted = matches!(change.to_colour, Colour::Yellow | Colour::Red);
    ColourEntry {
        id: change.id,
        at: change.at,
        kind: change.kind,
        from: change.from_colour,
        to: change.to_colour,
        reason: ReasonText { code: change.reason, text: lang.pick(&zh, &en).to_owned(), zh, en },
        rule: change.rule,
        rule_version: change.rule_version,
        days_left: change.days_left,
        by: office(&change.actor_kind),
        confirmed: change.second_id.is_some(),
        division_code: change.division_code,
        ground,
        objection: restricted.then(|| objection(lang, hours)),
    }
}

fn objection(lang: Language, hours: u16) -> String {
    match lang {
        Language::Chinese => {
            format!(
                "如有异议，可提交申诉（POST /api/v1/me/appeals），由未参与该决定的工作人员在 {hours} 小时内裁决。"
            )
        }
        Language::English => format!(
            "If you disagree, file an appeal (POST /api/v1/me/appeals). An official who had no part in it decides within {hours} hours."
        ),
    }
}

/// The history of my code, newest first
#[utoipa::path(tag = "Citizen", security(("bearer" = [])), params(PageQuery), responses(
    (status = 200, body = Page<ColourEntry>), (status = 404, body = ProblemBody)))]
#[get("/me/health-code/history")]
async fn list_my_colours(
    app: web::Data<App>,
    citizen: Citizen,
    page: web::Query<PageQuery>,
) -> Answer<web::Json<Page<ColourEntry>>> {
    require(&app)?;
    let (limit, hours) = (page.limit()?, app.settings.health.appeal_hours);
    let before = page.after_id()?;
    let rows = history::page(&app, citizen.person_id, before, limit + 1, Purpose::OwnRequest).await?;
    let items = rows.into_iter().map(|row| entry(row, hours)).collect();
    Ok(web::Json(Page::of(items, limit, |e: &ColourEntry| cursor(e.id))))
}
