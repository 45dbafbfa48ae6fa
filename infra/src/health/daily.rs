//! What happens to codes without anybody doing anything: days pass, and the notices of alerts become colours.

use mashang_domain::health::{Event, RuleSet};
use mashang_domain::person::Actor;
use mashang_domain::time::{Timestamp, day_number};
use sea_orm::DbErr;
use uuid::Uuid;

use super::batch::{Happening, apply};
use super::withdrawal::withdraw;
use crate::db::Db;
use crate::store::{alert_colouring, health as store};

/// People in one transaction.
const BATCH: u64 = 500;

const DAY: Actor = Actor::System("health_day");
const ALERT: Actor = Actor::System("alert");

/// Settles the next people for whom the passing of days changes something; who they are, none when nobody is left. Whoever
/// runs it twice, or at once, does nothing twice.
///
/// # Errors
/// When the database fails.
pub async fn turn_days(db: &Db, rules: &RuleSet, now: Timestamp) -> Result<Vec<Uuid>, DbErr> {
    let due = store::turning(db.conn(), day_number(now.shanghai_day()), BATCH).await?;
    if due.is_empty() {
        return Ok(due);
    }
    let tx = db.begin_write().await?;
    let happening = |person: &Uuid| Happening {
        person: *person,
        division: String::new(),
        event: Event::DayTurned,
        actor: DAY,
    };
    let happenings: Vec<Happening> = due.iter().map(happening).collect();
    apply(&*tx, rules, &happenings, now).await?;
    tx.commit().await?;
    Ok(due)
}

/// Colours the next people of an alert, or takes back what a corrected one brought; who they are, `None` when there is
/// nothing to do.
///
/// # Errors
/// When the database fails.
pub async fn colour_alert(db: &Db, rules: &RuleSet, now: Timestamp) -> Result<Option<Vec<Uuid>>, DbErr> {
    if !alert_colouring::anything(db.conn()).await? {
        return Ok(None);
    }
    let tx = db.begin_write().await?;
    alert_colouring::begin(&*tx, now).await?;
    let Some(open) = alert_colouring::take(&*tx).await? else {
        tx.commit().await?;
        return Ok(None);
    };
    let source = open.corrects.unwrap_or(open.alert_id);
    let notices = alert_colouring::notices(&*tx, source, open.reached, BATCH).await?;
    let concerned = match open.corrects {
        None => {
            apply(&*tx, rules, &warnings(&notices, &open.division_code), now).await?;
            notices.len()
        }
        Some(_) => {
            let evidence: Vec<Uuid> = notices.iter().map(|n| n.id).collect();
            withdraw(&*tx, rules, &evidence, &ALERT, now).await?.len()
        }
    };
    let people: Vec<Uuid> = notices.iter().map(|n| n.person_id).collect();
    let last = notices.len() < usize::try_from(BATCH).unwrap_or(usize::MAX);
    let more = i64::try_from(concerned).unwrap_or(i64::MAX);
    alert_colouring::advance(&*tx, &open, people.last().copied(), more, last.then_some(now)).await?;
    tx.commit().await?;
    Ok(Some(people))
}

fn warnings(notices: &[alert_colouring::Notice], division: &str) -> Vec<Happening> {
    let happening = |n: &alert_colouring::Notice| Happening {
        person: n.person_id,
        division: division.to_owned(),
        event: Event::Notice { level: u8::try_from(n.level).unwrap_or(0), notice: n.id },
        actor: ALERT,
    };
    notices.iter().map(happening).collect()
}
