//! From an approved alert to its notices and deliveries.
//!
//! The database writes them itself, a range of people at a time, each range in one transaction. A fan-out that was
//! interrupted is simply run again: what is there already stays. Its deliveries are pushed to the queue after each
//! range, so that the first people are warned while the last are still being written.

use std::sync::Arc;

use mashang_config::{Rung, Template};
use mashang_domain::alert::ladder::{self, Due};
use mashang_domain::alert::{AlertKind, AlertState};
use mashang_domain::delivery::{DeliveryState, RungKind};
use mashang_domain::time::{HOUR, MINUTE, SECOND, Timestamp};
use mashang_entity::alert;
use mashang_infra::db::WriteTx;
use mashang_infra::queue::{Priority, Task};
use mashang_infra::store;
use mashang_infra::store::notice::{Made, Range, RungRow, Rungs};
use sea_orm::DbErr;
use uuid::Uuid;

use crate::service::Core;
use crate::sweep::not_queued;

/// What a fan-out came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FanOut {
    /// Everything is written.
    Done { deliveries: usize },
    /// A correction waits until nothing of the wrong alert is on its way.
    NotYet,
    /// The alert is none that is to be sent (any more).
    NotWanted,
}

/// How long the fan-out answers for what it has pushed; after that the sweep does.
pub(crate) const QUEUED_FOR: i64 = 60 * SECOND;

/// Makes the notices and deliveries of an alert.
pub async fn fan_out(core: &Arc<Core>, id: Uuid) -> Result<FanOut, DbErr> {
    let Some(alert) = begin(core, id).await? else { return Ok(FanOut::NotWanted) };
    if let (AlertKind::Correction, Some(wrong)) = (alert.kind, alert.corrects)
        && !stop_wrong(core, wrong).await?
    {
        return Ok(FanOut::NotYet);
    }
    let mut deliveries = 0;
    let mut next = next_range(core, &alert, Uuid::nil()).await?;
    while let Some(range) = next {
        // The end of the next range is looked for while this one is written.
        let (made, after) = tokio::join!(write_range(core, id, range), next_range(core, &alert, range.last));
        let Some(written) = made? else { return Ok(FanOut::NotWanted) };
        deliveries += written.made.len();
        push(core, &written).await;
        next = after?;
    }
    let tx = core.db.begin_write().await?;
    summarise(core, &tx, &alert).await?;
    store::alert::fanned_out(&*tx, id, core.clock.now()).await?;
    tx.commit().await?;
    if deliveries > 10_000 {
        store::alert::analyze(core.db.conn()).await?;
    }
    tracing::info!(alert.id = %id, deliveries, drill = alert.drill, "fanned out");
    Ok(FanOut::Done { deliveries })
}

async fn next_range(core: &Core, alert: &alert::Model, after: Uuid) -> Result<Option<Range>, DbErr> {
    store::notice::next_range(core.db.conn(), alert, after, core.settings.notifier.chunk).await
}

async fn begin(core: &Core, id: Uuid) -> Result<Option<alert::Model>, DbErr> {
    let tx = core.db.begin_write().await?;
    let under_way = store::alert::begin_sending(&*tx, id).await?;
    let alert = store::alert::by_id(&*tx, id).await?;
    tx.commit().await?;
    Ok(alert.filter(|a| under_way && a.fanned_out_at.is_none()))
}

/// Stops what the wrong alert has not sent yet, and frees those who were not warned again because of it. False while
/// something of it is on its way, or still being written.
async fn stop_wrong(core: &Core, wrong: Uuid) -> Result<bool, DbErr> {
    let tx = core.db.begin_write().await?;
    let now = core.clock.now();
    let alert = store::alert::hold(&*tx, wrong).await?;
    let writing = alert.is_some_and(|a| store::alert::is_under_way(a.state) && a.fanned_out_at.is_none());
    store::delivery::cancel_pending(&*tx, wrong, now).await?;
    let freed = store::notice::unmerge(&*tx, wrong, false).await?;
    store::alert::reopen(&*tx, &freed).await?;
    let ready = !writing && !store::delivery::any_in_flight(&*tx, wrong).await?;
    tx.commit().await?;
    Ok(ready)
}

/// A range that was written.
struct Written {
    made: Vec<Made>,
    /// Until when its deliveries are marked as queued.
    queued_until: Timestamp,
}

/// Writes one range, while the alert is held so that it cannot be cancelled in between. `None`: it is not wanted any more.
async fn write_range(core: &Core, id: Uuid, range: Range) -> Result<Option<Written>, DbErr> {
    match try_range(core, id, range, true).await {
        Ok(made) => Ok(made),
        Err(error) => {
            core.db.ping().await?;
            tracing::error!(alert.id = %id, %error, "a range of people is warned without the day of their meeting");
            try_range(core, id, range, false).await
        }
    }
}

async fn try_range(core: &Core, id: Uuid, range: Range, with_day: bool) -> Result<Option<Written>, DbErr> {
    let tx = core.db.begin_write().await?;
    let now = core.clock.now();
    store::notice::take_turn(&*tx).await?;
    let alert = store::alert::hold(&*tx, id).await?.filter(|a| a.state == AlertState::Sending);
    let Some(alert) = alert else {
        tx.rollback().await?;
        return Ok(None);
    };
    match (alert.kind, alert.corrects) {
        (AlertKind::Correction, Some(wrong)) => {
            store::notice::add_corrections(&*tx, &alert, wrong, range, now).await?;
        }
        (AlertKind::Warning, _) | (AlertKind::Correction, None) => {
            let quiet_since = now - core.settings.alerts.quiet_hours_per_person * HOUR;
            store::notice::add_warnings(&*tx, &alert, &levels(&alert), range, quiet_since, now).await?;
        }
    }
    let rungs = Rungs { with_day, ..rungs(core, &alert, now) };
    let made = store::notice::add_deliveries(&*tx, &alert, &rungs, range, now).await?;
    tx.commit().await?;
    Ok(Some(Written { made, queued_until: rungs.queued_until }))
}

/// The levels an alert warns; all when it names none.
fn levels(alert: &alert::Model) -> Vec<i16> {
    let listed = alert.levels.as_array().map(Vec::as_slice).unwrap_or_default();
    let levels: Vec<i16> = listed
        .iter()
        .filter_map(|l| l.as_i64().or_else(|| l.as_str()?.parse().ok()))
        .filter_map(|l| l.try_into().ok())
        .collect();
    if levels.is_empty() { vec![1, 2, 3] } else { levels }
}

/// The ladder of each level as rows, with the times at which they are due.
fn rungs(core: &Core, alert: &alert::Model, now: Timestamp) -> Rungs {
    let settings = &core.settings;
    let expires_at = expires_at(core, alert, now);
    let timing = core.timing(expires_at, alert.urgent);
    let mut rows = Vec::new();
    for level in 1..=3 {
        let Some(template) = template(core, alert, level) else {
            tracing::error!(alert.id = %alert.id, level, "no template for this level");
            continue;
        };
        for (n, kind) in kinds(core, alert.kind, level).into_iter().enumerate() {
            let (state, due_at) = match ladder::due(kind, now, &timing) {
                Due::At(at) => (DeliveryState::Pending, at),
                Due::Expired => (DeliveryState::Expired, now),
            };
            rows.push(RungRow {
                level,
                rung: i16::try_from(n).unwrap_or(i16::MAX),
                kind,
                channel: ladder::channel(kind),
                template_key: template.key.clone(),
                state,
                due_at,
            });
        }
    }
    Rungs {
        rows,
        hotline: settings.operation.hotline.clone(),
        expires_at,
        with_day: true,
        queued_until: now + QUEUED_FOR,
    }
}

/// The rungs of a level; a correction is an SMS.
fn kinds(core: &Core, kind: AlertKind, level: i16) -> Vec<RungKind> {
    match kind {
        AlertKind::Correction => vec![RungKind::Sms],
        AlertKind::Warning => core
            .settings
            .alerts
            .ladder(level)
            .iter()
            .filter_map(|rung| match rung {
                Rung::Sms => Some(RungKind::Sms),
                Rung::Call => Some(RungKind::Call),
                Rung::CallWithoutReceipt => Some(RungKind::CallWithoutReceipt),
                // Officials get it, see `summarise`.
                Rung::Email => None,
                // The sweep puts people on the list.
                Rung::WorkList => None,
            })
            .collect(),
    }
}

/// Makes the summaries that the officials of the alert's division get by e-mail, where a ladder of the alert has that rung.
async fn summarise(core: &Core, tx: &WriteTx, alert: &alert::Model) -> Result<(), DbErr> {
    let settings = &core.settings.alerts;
    let wanted = levels(alert).iter().any(|level| settings.ladder(*level).contains(&Rung::Email));
    if alert.kind != AlertKind::Warning || !wanted {
        return Ok(());
    }
    let now = core.clock.now();
    let due_at = now + settings.email_after_minutes * MINUTE;
    let letters = store::summary::add(&**tx, alert, due_at, expires_at(core, alert, now), now).await?;
    tracing::info!(alert.id = %alert.id, letters, "summaries for officials");
    Ok(())
}

/// Until when the alert may be sent.
fn expires_at(core: &Core, alert: &alert::Model, now: Timestamp) -> Timestamp {
    let hours = core.settings.alerts.expires_hours;
    alert.expires_at.unwrap_or_else(|| alert.decided_at.unwrap_or(now) + hours * HOUR)
}

/// The template of a level: the one the alert names (`{"3": "exposure_3", ..}` by id), else the first that serves it.
fn template<'a>(core: &'a Core, alert: &alert::Model, level: i16) -> Option<&'a Template> {
    let all = &core.settings.templates;
    let named = alert.templates.get(level.to_string()).and_then(|id| id.as_str());
    let named = named.and_then(|id| all.iter().find(|t| t.id == id));
    named.or_else(|| match alert.kind {
        AlertKind::Correction => all.iter().find(|t| t.key == "correction"),
        AlertKind::Warning => all.iter().find(|t| t.levels.contains(&level)),
    })
}

/// Pushes what is due now. A push that fails costs delay: the next sweep finds what is not marked as queued any more.
async fn push(core: &Core, written: &Written) {
    let now = core.clock.now();
    let mut due: Vec<&Made> =
        written.made.iter().filter(|m| m.state == DeliveryState::Pending && m.due_at <= now).collect();
    // Equal texts travel in one call, and channels in tasks of their own.
    due.sort_by(|a, b| a.text.cmp(&b.text));
    let due: Vec<Uuid> = due.into_iter().map(|m| m.id).collect();
    let tasks: Vec<Task> = due
        .chunks(core.settings.notifier.batch.max(1))
        .map(|ids| Task::Send { deliveries: ids.to_vec() })
        .collect();
    if let Err(error) = core.queue.push(Priority::Alert, &tasks).await {
        tracing::warn!(%error, deliveries = due.len(), "the queue is away; the sweep will find these deliveries");
        if let Err(error) = not_queued(core, &due, written.queued_until).await {
            tracing::warn!(%error, "they stay marked as queued for a while");
        }
    }
}
