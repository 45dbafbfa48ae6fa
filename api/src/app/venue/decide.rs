//! Approval, suspension, closure.

use mashang_domain::venue::{Decision, Reason};
use mashang_infra::store::venue::{self as venues, Decided};
use mashang_infra::store::{audit, venue_code as codes};
use serde_json::json;
use uuid::Uuid;

use super::access::view;
use super::{VenueView, act, forget_codes};
use crate::error::{Answer, Code, Problem};
use crate::http::auth::{Staff, may};
use crate::state::App;

/// Decides about a venue of the own division. Deciding what is so already changes nothing.
pub async fn decide(
    app: &App,
    official: &Staff<may::CareForVenues>,
    id: Uuid,
    decision: Decision,
    reason: Option<Reason>,
) -> Answer<VenueView> {
    let (now, actor) = (app.clock.now(), official.actor());
    let tx = app.db.begin_write().await?;
    let present = venues::hold(&*tx, id).await?.ok_or_else(|| Problem::new(Code::NotFound))?;
    official.require_division(&present.division_code)?;
    let from = present.state;
    let to = from
        .after(decision)
        .map_err(|e| Problem::with_detail(Code::WrongState, e.to_string()).with("state", from.as_str()))?;
    if to == from {
        drop(tx);
        return view(app, present).await;
    }
    // The reason is for the venue; the log, which outlives all data, keeps words and ids only.
    let detail = json!({ "from": from, "to": to, "reason_given": reason.is_some() });
    let decided = venues::decide(&*tx, present, Decided { state: to, by: official.id, reason }, now).await?;
    let numbers = codes::live_numbers(&*tx, id).await?;
    audit::append(&*tx, act(&actor, action(decision), id, detail), now).await?;
    tx.commit().await?;
    forget_codes(app, &numbers).await;
    view(app, decided).await
}

const fn action(decision: Decision) -> &'static str {
    match decision {
        Decision::Approve => "venue.approve",
        Decision::Suspend => "venue.suspend",
        Decision::Close => "venue.close",
    }
}
