//! Linked cards: a person links one by a code of its platform, and a hospital that checks their code hears its reference.
//!
//! Platforms are asked outside of transactions. A card is linked only when the platform says that its holder is who has
//! declared, so that nobody links somebody else's.

use futures_util::future::join_all;
use mashang_domain::person::{Actor, CardKind, IdentityNumber};
use mashang_domain::protection::audit::Purpose;
use mashang_entity::card_link;
use mashang_infra::health::statement::Statement;
use mashang_infra::keys::Field;
use mashang_infra::store::audit::{self, Act};
use mashang_infra::store::{card_link as store, declaration as declarations};
use serde_json::json;
use uuid::Uuid;

use super::{code, require};
use crate::cards::{Card, CardFailure};
use crate::error::{Answer, Code, Problem};
use crate::http::auth::Citizen;
use crate::http::gatekeeper::Gatekeeper;
use crate::state::App;

/// Longest one-time code, in characters.
const CODE_MAX: usize = 128;
/// What a platform gives somebody who wants a new card, and somebody who declined: no codes.
const NO_CODES: [&str; 2] = ["0", "-1"];

/// Links a card by a one-time code of its platform; an earlier one of its kind gives way.
///
/// # Errors
/// `not_found` for a kind without a platform, `not_declared`, `card_code_invalid`, `card_mismatch` for the card of somebody
/// else, `unavailable` when the platform does not answer.
pub async fn link(
    app: &App,
    citizen: &Citizen,
    kind: CardKind,
    one_time: &str,
) -> Answer<(card_link::Model, Card)> {
    require(app)?;
    let platform = app.cards.platform(kind).ok_or_else(|| Problem::new(Code::NotFound))?;
    let shape = (1..=CODE_MAX).contains(&one_time.len()) && one_time.bytes().all(|b| b.is_ascii_graphic());
    if !shape || NO_CODES.contains(&one_time) {
        return Err(Problem::new(Code::CardCodeInvalid));
    }
    let identity = declared_identity(app, citizen.person_id).await?;
    let now = app.clock.now();
    let linked = platform.link(one_time, now).await.map_err(|failure| failed(kind, failure))?;
    let holder = linked.holder.unwrap_or_default();
    if !holder.trim().eq_ignore_ascii_case(identity.reveal()) {
        return Err(Problem::new(Code::CardMismatch));
    }
    let (id, card) = (Uuid::now_v7(), linked.card);
    let text = serde_json::to_vec(&card).map_err(Problem::internal)?;
    let row = card_link::Model {
        id,
        person_id: citizen.person_id,
        kind,
        sealed: app.keys.seal(Field::CardLink, id, &text)?,
        key_version: app.keys.current_version(),
        linked_at: now,
    };
    let tx = app.db.begin_write().await?;
    store::put(&*tx, row.clone()).await?;
    let actor = citizen.actor();
    let act = act(&actor, "card.link", Purpose::OwnRequest, citizen.person_id, id, kind);
    audit::append(&*tx, act, now).await?;
    tx.commit().await?;
    Ok((row, card))
}

fn failed(kind: CardKind, failure: CardFailure) -> Problem {
    let (problem, how) = match failure {
        CardFailure::Refused => (Problem::new(Code::CardCodeInvalid), "refused"),
        CardFailure::Away => (Problem::retry(Code::Unavailable, 5_000), "away"),
    };
    metrics::counter!("mashang_card_failures_total", "kind" => kind.as_str(), "how" => how).increment(1);
    problem
}

/// The document of the declaration in force.
async fn declared_identity(app: &App, person: Uuid) -> Answer<IdentityNumber> {
    let undeclared = || Problem::new(Code::NotDeclared);
    let declaration = code(app, person).await?.and_then(|row| row.declaration_id).ok_or_else(undeclared)?;
    let row = declarations::by_id(app.db.conn(), declaration).await?.ok_or_else(undeclared)?;
    let said = Statement::open(&app.keys, &row, Purpose::OwnRequest)?;
    said.identity().ok_or_else(undeclared)
}

/// The cards of a person, opened for a purpose.
///
/// # Errors
/// When the database is out of reach.
pub async fn of(app: &App, person: Uuid, purpose: Purpose) -> Answer<Vec<(card_link::Model, Card)>> {
    let rows = store::of_person(app.db.conn(), person).await?;
    let open = |row: card_link::Model| {
        let text = app.keys.open_sealed(Field::CardLink, row.id, row.key_version, &row.sealed, purpose)?;
        let card = serde_json::from_slice(&text).map_err(Problem::internal)?;
        Ok((row, card))
    };
    rows.into_iter().map(open).collect()
}

/// The own cards.
///
/// # Errors
/// When the database is out of reach.
pub async fn list(app: &App, citizen: &Citizen) -> Answer<Vec<(card_link::Model, Card)>> {
    require(app)?;
    of(app, citizen.person_id, Purpose::OwnRequest).await
}

/// Takes a link away.
///
/// # Errors
/// `not_found`.
pub async fn unlink(app: &App, citizen: &Citizen, id: Uuid) -> Answer<()> {
    require(app)?;
    let tx = app.db.begin_write().await?;
    if !store::remove(&*tx, citizen.person_id, id).await? {
        return Err(Problem::new(Code::NotFound));
    }
    let actor = citizen.actor();
    let act = Act {
        actor: &actor,
        action: "card.unlink",
        purpose: Purpose::OwnRequest,
        subject: Some(citizen.person_id),
        object_kind: "card_link",
        object_id: id.to_string(),
        detail: json!({}),
    };
    audit::append(&*tx, act, app.clock.now()).await?;
    tx.commit().await?;
    Ok(())
}

/// A card, as a hospital hears of it.
pub struct Told {
    pub kind: CardKind,
    pub reference: String,
    /// Whether the platform says that it is good; none when the platform does not answer.
    pub valid: Option<bool>,
}

/// What a hospital hears of the cards of somebody who has shown it their code; nobody else hears anything. It stands in
/// the audit log before it is told.
///
/// # Errors
/// When it cannot be written down.
pub async fn tell(app: &App, gate: &Gatekeeper, person: Uuid) -> Answer<Option<Vec<Told>>> {
    if !gate.is_hospital {
        return Ok(None);
    }
    let (cards, now) = (of(app, person, Purpose::GateCheck).await?, app.clock.now());
    let told =
        |row: &card_link::Model| act(&gate.actor, "card.tell", Purpose::GateCheck, person, row.id, row.kind);
    let acts: Vec<Act<'_>> = cards.iter().map(|(row, _)| told(row)).collect();
    if !acts.is_empty() {
        let tx = app.db.begin_write().await?;
        audit::append_all(&*tx, &acts, now).await?;
        tx.commit().await?;
    }
    let asked = cards.iter().map(|(row, card)| async {
        let valid = match app.cards.platform(row.kind) {
            Some(platform) => platform.verify(card, now).await.map_err(|f| failed(row.kind, f)).ok(),
            None => None,
        };
        Told { kind: row.kind, reference: card.reference.clone(), valid }
    });
    Ok(Some(join_all(asked).await))
}

fn act<'a>(
    actor: &'a Actor,
    action: &'static str,
    purpose: Purpose,
    person: Uuid,
    link: Uuid,
    kind: CardKind,
) -> Act<'a> {
    Act {
        actor,
        action,
        purpose,
        subject: Some(person),
        object_kind: "card_link",
        object_id: link.to_string(),
        detail: json!({ "kind": kind }),
    }
}
