//! Lists and their files as officials of the division see them: masked, and every look in the audit log.

use mashang_domain::health::{IntegrityKind, RecordKind};
use mashang_domain::person::{IdentityKind, IdentityNumber, Name, Phone};
use mashang_domain::protection::audit::Purpose;
use mashang_domain::time::Timestamp;
use mashang_entity::{health_import, health_record, integrity_record, key_area};
use mashang_infra::keys::Field;
use mashang_infra::store::audit::Act;
use mashang_infra::store::health_match::{self as people, IntegrityPart};
use mashang_infra::store::{health_import as imports, health_record as records, key_area as areas};
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use crate::app::case::Office;
use crate::app::health::require;
use crate::app::trace::show::{looked_at, masked};
use crate::error::{Answer, Problem};
use crate::state::App;

/// A part of a list.
pub struct Part {
    pub import: Option<Uuid>,
    pub before: Option<Uuid>,
    /// One more than is shown.
    pub limit: u64,
}

/// Somebody on a list, as a screen may show them.
pub struct Masked {
    pub row: health_record::Model,
    pub id_type: Option<IdentityKind>,
    pub id_number: Option<String>,
    pub phone: Option<String>,
    pub name: String,
}

/// The original of an entry, as it was sealed.
#[derive(Deserialize)]
struct Original {
    id_type: Option<IdentityKind>,
    id_number: Option<String>,
    phone: Option<String>,
    name: String,
}

/// Files of the own division.
pub async fn files(
    app: &App,
    office: &Office,
    before: Option<Uuid>,
    limit: u64,
) -> Answer<Vec<health_import::Model>> {
    require(app)?;
    Ok(imports::page(app.db.conn(), &office.division, before, limit).await?)
}

/// Key areas of the own division.
pub async fn key_areas(app: &App, office: &Office, part: &Part) -> Answer<Vec<key_area::Model>> {
    require(app)?;
    Ok(areas::page(app.db.conn(), &office.division, part.import, part.before, part.limit).await?)
}

/// Entries of the own division. Those whom they fit can see that they were looked at.
pub async fn listed(
    app: &App,
    office: &Office,
    kind: Option<RecordKind>,
    part: &Part,
) -> Answer<Vec<Masked>> {
    require(app)?;
    let conn = app.db.conn();
    let rows = records::page(conn, &office.division, kind, part.import, part.before, part.limit).await?;
    let shown = usize::try_from(part.limit.saturating_sub(1)).unwrap_or(usize::MAX);
    let ids: Vec<Uuid> = rows.iter().take(shown).map(|row| row.id).collect();
    let mut fitted: Vec<Uuid> = people::noted(conn, &ids).await?.iter().map(|n| n.person_id).collect();
    fitted.sort_unstable();
    fitted.dedup();
    let whole = look(office, "health_record.read", "health_record", ids.len());
    looked_at(app, whole, "health_record.entry", &fitted).await?;
    rows.into_iter().map(|row| opened(app, row)).collect()
}

fn look<'a>(office: &'a Office, action: &'static str, object_kind: &'static str, entries: usize) -> Act<'a> {
    Act {
        actor: &office.actor,
        action,
        purpose: Purpose::HealthCode,
        subject: None,
        object_kind,
        object_id: String::new(),
        detail: json!({ "entries": entries }),
    }
}

fn opened(app: &App, row: health_record::Model) -> Answer<Masked> {
    let sealed = (row.key_version, row.sealed.as_slice());
    let bytes = app.keys.open_sealed(Field::HealthRecord, row.id, sealed.0, sealed.1, Purpose::HealthCode)?;
    let original: Original = serde_json::from_slice(&bytes).map_err(Problem::internal)?;
    let document = original.id_type.zip(original.id_number);
    let document = document.and_then(|(kind, number)| IdentityNumber::from_stored(kind, number));
    Ok(Masked {
        row,
        id_type: document.as_ref().map(IdentityNumber::kind),
        id_number: document.as_ref().map(IdentityNumber::masked),
        phone: original.phone.and_then(Phone::from_stored).map(|phone| phone.masked()),
        name: Name::parse(&original.name).map_or_else(|_| String::new(), |name| name.masked()),
    })
}

/// An entry of the integrity record, with the masked number of whom it is about.
pub struct Entry {
    pub row: integrity_record::Model,
    /// None when the person has no number any more.
    pub phone: Option<String>,
}

/// Entries of the integrity record of the own division.
pub async fn integrity(app: &App, office: &Office, before: Option<Uuid>, limit: u64) -> Answer<Vec<Entry>> {
    require(app)?;
    let part = IntegrityPart { division: office.division.prefix(), person: None, before, limit };
    let rows = people::integrity_page(app.db.conn(), part).await?;
    let shown = usize::try_from(limit.saturating_sub(1)).unwrap_or(usize::MAX);
    let mut about: Vec<Uuid> = rows.iter().take(shown).map(|row| row.person_id).collect();
    about.sort_unstable();
    about.dedup();
    let phones = masked(app, &about, Purpose::HealthCode).await?;
    let whole = look(office, "integrity_record.read", "integrity_record", rows.len().min(shown));
    looked_at(app, whole, "integrity_record.entry", &about).await?;
    Ok(rows.into_iter().map(|row| Entry { phone: phones.get(&row.person_id).cloned(), row }).collect())
}

/// What the integrity record says of oneself.
pub struct OwnEntry {
    pub id: Uuid,
    pub kind: IntegrityKind,
    pub refers_to: Option<Uuid>,
    pub rule: String,
    /// Of the rule, where it is one of the rules in force: Chinese, English.
    pub text: Option<(String, String)>,
    pub at: Timestamp,
}

/// The own entries, newest first.
pub async fn own(app: &App, person: Uuid, before: Option<Uuid>, limit: u64) -> Answer<Vec<OwnEntry>> {
    require(app)?;
    let part = IntegrityPart { division: "", person: Some(person), before, limit };
    let rows = people::integrity_page(app.db.conn(), part).await?;
    let rules = app.rules.current();
    let entry = |row: integrity_record::Model| OwnEntry {
        text: rules.rule(&row.rule).and_then(|(_, rule)| rules.text(&rule.reason)),
        id: row.id,
        kind: row.kind,
        refers_to: row.refers_to,
        rule: row.rule,
        at: row.at,
    };
    Ok(rows.into_iter().map(entry).collect())
}
