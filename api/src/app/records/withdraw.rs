//! An entry of an official list that was wrong is taken back.

use mashang_domain::protection::audit::Purpose;
use mashang_infra::health::withdraw as take_back;
use mashang_infra::store::audit::{self, Act};
use mashang_infra::store::health_record::{self as records, Turn};
use mashang_infra::store::key_area;
use serde_json::json;
use uuid::Uuid;

use crate::app::case::Office;
use crate::app::health::{changed, require};
use crate::error::{Answer, Code, Problem};
use crate::state::App;

/// Takes back an entry, or a key area: it fits nobody from now on, and what came of it is looked at again.
pub async fn withdraw(app: &App, office: &Office, id: Uuid) -> Answer<()> {
    require(app)?;
    let now = app.clock.now();
    let tx = app.db.begin_write().await?;
    records::turn(&*tx, Turn::Change).await?;
    let object_kind = match records::withdraw(&*tx, id, &office.division, office.id, now).await? {
        Some(_) => "health_record",
        None if key_area::withdraw(&*tx, id, &office.division, office.id, now).await? => "key_area",
        None => return Err(Problem::new(Code::NotFound)),
    };
    let people = take_back(&*tx, &app.rules.current(), &[id], &office.actor, now).await?;
    let whole = Act {
        actor: &office.actor,
        action: "health_record.withdraw",
        purpose: Purpose::HealthCode,
        subject: None,
        object_kind,
        object_id: id.to_string(),
        detail: json!({ "people": people.len() }),
    };
    let each = |person: &Uuid| Act { subject: Some(*person), detail: json!({}), ..whole.clone() };
    let mut acts: Vec<Act<'_>> = people.iter().map(each).collect();
    acts.push(whole);
    audit::append_all(&*tx, &acts, now).await?;
    tx.commit().await?;
    changed(app, people).await;
    Ok(())
}
