//! What a citizen may do with their own record: see it, take it away, erase it, see who looked.

use mashang_domain::person::Actor;
use mashang_domain::protection::audit::Purpose;
use mashang_domain::time::Timestamp;
use mashang_entity::{person, platform_account};
use mashang_infra::db::WriteTx;
use mashang_infra::store::audit::{self, Act};
use mashang_infra::store::platform::{account, consent};
use mashang_infra::store::{person as people, session as sessions};
use serde_json::{Value, json};
use uuid::Uuid;

use super::health::{self, cards, trips};
use super::session;
use crate::error::{Answer, Code, Problem};
use crate::http::auth::Citizen;
use crate::state::App;

/// The own record.
pub async fn record(app: &App, citizen: &Citizen) -> Answer<(person::Model, String)> {
    let gone = || Problem::new(Code::Unauthenticated);
    let person = people::by_id(app.db.conn(), citizen.person_id).await?.ok_or_else(gone)?;
    let phone = people::phone_of(&app.keys, &person, Purpose::OwnRequest)?;
    Ok((person, phone.masked()))
}

/// The accounts that sign a person in.
pub async fn accounts(app: &App, citizen: &Citizen) -> Answer<Vec<platform_account::Model>> {
    Ok(account::of_person(app.db.conn(), citizen.person_id).await?)
}

/// Everything that is held about a person, as JSON.
pub async fn export(app: &App, citizen: &Citizen) -> Answer<Value> {
    let (person, _) = record(app, citizen).await?;
    let phone = people::phone_of(&app.keys, &person, Purpose::OwnRequest)?;
    let (conn, now) = (app.db.conn(), app.clock.now());
    let held = people::held_about(conn, person.id).await?;
    let sessions = sessions::of_person(conn, person.id).await?;
    let trips = trips::exported(app, person.id).await?;
    let cards = cards::of(app, person.id, Purpose::OwnRequest).await?;
    let accesses = audit::about(conn, person.id, None, 10_000).await?;
    let accounts = account::of_person(conn, person.id).await?;
    let consents = consent::of_person(conn, person.id).await?;
    let health = health::export::all(app, person.id, &accesses).await?;
    let tx = app.db.begin_write().await?;
    note(&tx, &citizen.actor(), "person.export", person.id, now).await?;
    tx.commit().await?;
    Ok(json!({
        "exported_at": now,
        "operation": { "name": app.settings.operation.name, "legal_basis": app.settings.operation.legal_basis },
        "person": { "id": person.id, "phone": phone.reveal(), "created_at": person.created_at },
        "scans": held.scans.iter().map(|s| json!({
            "id": s.id, "venue_id": s.venue_id, "zone_id": s.zone_id, "direction": s.direction, "scanned_at": s.at,
            "received_at": s.received_at, "companions": s.companions, "suspect": s.suspect, "source": s.source,
        })).collect::<Vec<_>>(),
        "notices": held.notices.iter().map(|n| json!({
            "id": n.id, "level": n.level, "created_at": n.created_at, "acknowledged_at": n.acknowledged_at, "call_back": n.call_back,
        })).collect::<Vec<_>>(),
        "venues": held.venues.iter().map(|v| json!({ "id": v.id, "name": v.name, "state": v.state })).collect::<Vec<_>>(),
        "sessions": sessions.iter().map(|s| json!({
            "created_at": s.created_at, "expires_at": s.expires_at, "revoked_at": s.revoked_at,
        })).collect::<Vec<_>>(),
        "trips": trips.iter().map(|(id, at, trip)| json!({
            "id": id, "declared_at": at, "from_division": trip.from_division, "to_division": trip.to_division,
            "departed_on": trip.departed_on, "arrived_on": trip.arrived_on, "transport": trip.transport, "number": trip.number,
        })).collect::<Vec<_>>(),
        "cards": cards.iter().map(|(row, card)| json!({
            "kind": row.kind, "reference": card.reference, "linked_at": row.linked_at,
        })).collect::<Vec<_>>(),
        "accounts": accounts.iter().map(|a| json!({ "platform": a.platform, "bound_at": a.bound_at })).collect::<Vec<_>>(),
        "message_consents": consents.iter().map(|c| json!({
            "template_id": c.template_id, "state": c.state, "granted": c.granted, "sent": c.sent, "changed_at": c.changed_at,
        })).collect::<Vec<_>>(),
        "accesses": accesses.iter().map(|a| json!({
            "at": a.at, "office": a.actor_kind, "action": a.action, "purpose": a.purpose,
        })).collect::<Vec<_>>(),
        "health": health,
    }))
}

/// Erases a person and signs them out everywhere.
pub async fn erase(app: &App, citizen: &Citizen) -> Answer<()> {
    let (now, code) = (app.clock.now(), health::code(app, citizen.person_id).await?);
    let tx = app.db.begin_write().await?;
    let hashes = sessions::revoke_of_person(&*tx, citizen.person_id, None, now).await?;
    people::erase(&*tx, citizen.person_id).await?;
    note(&tx, &citizen.actor(), "person.erase", citizen.person_id, now).await?;
    tx.commit().await?;
    session::forget(app, &hashes).await;
    health::erased(app, citizen.person_id, code).await;
    Ok(())
}

/// An entry about something a person did with their own record.
pub(crate) async fn note(
    tx: &WriteTx,
    actor: &Actor,
    action: &'static str,
    person: Uuid,
    now: Timestamp,
) -> Answer<()> {
    let act = Act {
        actor,
        action,
        purpose: Purpose::OwnRequest,
        subject: Some(person),
        object_kind: "person",
        object_id: person.to_string(),
        detail: json!({}),
    };
    Ok(audit::append(&**tx, act, now).await?)
}
