//! The health part of what somebody may take away: everything that is held, opened, and who looked at it.

use mashang_domain::person::Actor;
use mashang_domain::protection::audit::Purpose;
use mashang_entity::{audit, colour_change};
use mashang_infra::health::by_hand::paper_of;
use mashang_infra::keys::Field;
use mashang_infra::store::{
    appeal, code_check, colour_change as changes, declaration as held, health as codes,
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::appeal::{Opened, opened};
use super::history::{self, office};
use crate::error::Answer;
use crate::state::App;

/// Entries of each kind at most: more than a person comes to within the time that they are kept.
const MOST: u64 = 10_000;
const OWN: Purpose = Purpose::OwnRequest;

/// Everything about the health code of a person; `accesses` are the entries of the audit log about them.
pub async fn all(app: &App, person: Uuid, accesses: &[audit::Model]) -> Answer<Value> {
    let conn = app.db.conn();
    let code = codes::by_person(conn, person).await?;
    let integrity = appeal::integrity_of(conn, person).await?;
    let facts = appeal::facts_of(conn, person, MOST).await?;
    let checks = code_check::of_person(conn, person, None, MOST).await?;
    Ok(json!({
        "code": code.map(|c| json!({
            "colour": c.colour, "reason": c.reason, "rule": c.rule, "since": c.since, "division_code": c.division_code,
            "days_required": c.days_required, "days_left": c.days_left,
        })),
        "declarations": declarations(app, person).await?,
        "check_ins": check_ins(app, person).await?,
        "known": facts.iter().map(|f| json!({
            "fact": f.fact, "at": f.at, "withdrawn_at": f.withdrawn_at,
        })).collect::<Vec<_>>(),
        "changes": history(app, person).await?,
        "changes_by_hand": by_hand(app, person).await?,
        "appeals": appeals(app, person).await?,
        "integrity_records": integrity.iter().map(|e| json!({
            "id": e.id, "at": e.at, "kind": e.kind, "refers_to": e.refers_to, "rule": e.rule, "by": office(&e.actor_kind),
        })).collect::<Vec<_>>(),
        "checks": checks.iter().map(|c| json!({
            "at": c.at, "place": c.place, "purpose": c.purpose, "colour": c.colour, "allowed": c.allowed,
        })).collect::<Vec<_>>(),
        "accesses": accesses.iter().filter(|a| concerns_health(a)).map(|a| json!({
            "at": a.at, "office": a.actor_kind, "action": a.action, "purpose": a.purpose,
        })).collect::<Vec<_>>(),
    }))
}

fn concerns_health(entry: &audit::Model) -> bool {
    let purposes = [Purpose::HealthCode, Purpose::Appeal, Purpose::GateCheck];
    let own = entry.actor_kind == Actor::Citizen(Uuid::nil()).kind();
    !own && purposes.iter().any(|purpose| entry.purpose == purpose.as_str())
}

/// What was sealed, as it was written.
fn written(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap_or_else(|_| Value::from(String::from_utf8_lossy(bytes)))
}

async fn declarations(app: &App, person: Uuid) -> Answer<Vec<Value>> {
    let rows = held::of_person(app.db.conn(), person, None, MOST).await?;
    let opened = rows.iter().map(|d| -> Answer<Value> {
        let stated = app.keys.open_sealed(Field::Declaration, d.id, d.key_version, &d.sealed, OWN)?;
        Ok(json!({
            "id": d.id, "declared_at": d.created_at, "division_code": d.division_code, "notice_version": d.notice_version,
            "guardian": d.guardian, "stated": written(&stated),
        }))
    });
    opened.collect()
}

async fn check_ins(app: &App, person: Uuid) -> Answer<Vec<Value>> {
    let rows = held::check_ins_of(app.db.conn(), person, MOST).await?;
    let opened = rows.iter().map(|c| -> Answer<Value> {
        let stated = app.keys.open_sealed(Field::CheckIn, c.id, c.key_version, &c.sealed, OWN)?;
        Ok(json!({ "id": c.id, "at": c.at, "normal": c.normal, "stated": written(&stated) }))
    });
    opened.collect()
}

async fn history(app: &App, person: Uuid) -> Answer<Vec<Value>> {
    let entries = history::page(app, person, None, MOST, OWN).await?;
    let entry = |e: &history::Entry| {
        let c = &e.change;
        json!({
            "id": c.id, "at": c.at, "kind": c.kind, "from": c.from_colour, "to": c.to_colour, "reason": c.reason,
            "zh": e.zh, "en": e.en, "rule": c.rule, "rule_version": c.rule_version, "days_left": c.days_left,
            "by": office(&c.actor_kind), "ground": e.by_hand.as_ref().map(|b| b.ground),
            "document": e.by_hand.as_ref().map(|b| &b.document),
        })
    };
    Ok(entries.iter().map(entry).collect())
}

/// What officials asked for, also where it was not done, with what they noted.
async fn by_hand(app: &App, person: Uuid) -> Answer<Vec<Value>> {
    let now = app.clock.now();
    let one = |row: &colour_change::Model| -> Answer<Value> {
        let paper = paper_of(&app.keys, row, OWN)?;
        Ok(json!({
            "id": row.id, "state": changes::facts(row).state_at(now), "from": row.from_colour, "to": row.to_colour,
            "ground": row.ground, "document": paper.document, "note": paper.note, "requested_at": row.requested_at,
            "decided_at": row.decided_at,
        }))
    };
    changes::of_person(app.db.conn(), person).await?.iter().map(one).collect()
}

async fn appeals(app: &App, person: Uuid) -> Answer<Vec<Value>> {
    let rows = appeal::of_person(app.db.conn(), person, None, MOST).await?;
    let one = |row| -> Answer<Value> {
        let Opened { row, complaint, answer } = opened(app, row, OWN)?;
        Ok(json!({
            "id": row.id, "state": row.state, "colour": row.colour, "reason": row.reason, "text": complaint.text,
            "documents": complaint.documents, "filed_at": row.filed_at, "due_at": row.due_at, "decided_at": row.decided_at,
            "to": row.to_colour, "answer": answer,
        }))
    };
    rows.into_iter().map(one).collect()
}
