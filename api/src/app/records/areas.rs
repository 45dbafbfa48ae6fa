//! Key areas meet those who have declared that they came from one.
//!
//! Origins are sealed with the declaration, so recent ones are opened, page by page, when a list of areas comes; whoever
//! declares later finds the list.

use mashang_domain::health::{Event, KeyArea, RecordKind, Stay};
use mashang_domain::protection::audit::Purpose;
use mashang_domain::time::{DAY, Timestamp};
use mashang_entity::declaration;
use mashang_infra::health::statement::Statement;
use mashang_infra::health::{Done, Happening, apply, areas_of};
use mashang_infra::store::health_import;
use mashang_infra::store::health_match as people;
use uuid::Uuid;

use super::import::Run;
use crate::app::health::changed;
use crate::error::Answer;

/// Declarations of one transaction.
const PAGE: u64 = 500;
/// Declarations that are older tell of no stay that counts.
const RECENT: i64 = 15 * DAY;

/// Colours those who came from the areas that a file names; the file may be sent again.
pub(super) async fn meet_declared(run: &mut Run<'_>) -> Answer<()> {
    let areas = std::mem::take(&mut run.areas);
    let mut after = None;
    while !areas.is_empty() {
        let now = run.app.clock.now();
        let conn = run.app.db.conn();
        let page = people::declarations_after(conn, now - RECENT, after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.person_id);
        meet(run, &areas, page, now).await?;
    }
    if !areas.is_empty() && !run.dry_run {
        run.report.count_into(&mut run.row);
        let tx = run.app.db.begin_write().await?;
        health_import::put(&*tx, &run.row).await?;
        tx.commit().await?;
    }
    Ok(())
}

async fn meet(
    run: &mut Run<'_>,
    areas: &[(Uuid, KeyArea)],
    page: Vec<declaration::Model>,
    now: Timestamp,
) -> Answer<()> {
    let (app, today) = (run.app, now.shanghai_day());
    let mut happenings = Vec::new();
    for row in page {
        let statement = Statement::open(&app.keys, &row, Purpose::HealthCode)?;
        let stay = statement.arrival.map(|a| Stay::before(&a.division_code, a.on));
        let stay = stay.filter(|stay| stay.counts_on(today));
        let found = stay.map_or_else(Vec::new, |stay| areas_of(&stay, areas));
        happenings.extend(found.into_iter().map(|record| Happening {
            person: row.person_id,
            division: row.division_code.clone(),
            event: Event::Matched { kind: RecordKind::KeyArea, record },
            actor: run.office.actor.clone(),
        }));
    }
    if happenings.is_empty() {
        return Ok(());
    }
    let tx = app.db.begin_write().await?;
    let done = apply(&*tx, &app.rules.current(), &happenings, now).await?;
    run.report.matched += done.iter().filter(|done| matches!(done, Done::Applied(_))).count() as u64;
    if run.dry_run {
        return Ok(tx.rollback().await?);
    }
    tx.commit().await?;
    changed(app, happenings.iter().map(|h| h.person)).await;
    Ok(())
}
