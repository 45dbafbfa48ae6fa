//! Reminders of the health code become deliveries, as each person chose, where a gateway has their template.

use std::sync::Arc;

use chrono::Datelike;
use mashang_config::{GatewaySettings, Settings};
use mashang_domain::delivery::{Channel, RungKind};
use mashang_domain::health::ReminderWay;
use mashang_domain::time::{DAY, Timestamp, day_number};
use mashang_infra::lease;
use mashang_infra::store::reminder::{self, Queued, Waiting};
use sea_orm::DbErr;

use crate::check::coverage::serves;
use crate::service::Core;

const JOB: &str = "check_ins_due";

/// Notes, once a day, whose check-in is missing, and queues what waits. Answers how many became deliveries.
pub(crate) async fn pass(core: &Arc<Core>) -> Result<usize, DbErr> {
    if !core.settings.health.enabled {
        return Ok(0);
    }
    let now = core.clock.now();
    evening(core, now).await?;
    if !reminder::any_waiting(core.db.conn()).await? {
        return Ok(0);
    }
    let tx = core.db.begin_write().await?;
    let taken = reminder::take(&*tx, core.settings.notifier.chunk).await?;
    if taken.is_empty() {
        return Ok(0);
    }
    let queued: Vec<Queued> = taken.iter().filter_map(|one| way(&core.settings, one)).collect();
    // A reminder of yesterday reminds nobody.
    let expires_at = now.shanghai_day_start() + DAY;
    let day = now.shanghai_day();
    let date = format!("{}月{}日", day.month(), day.day());
    let says = serde_json::json!({ "hotline": core.settings.operation.hotline, "date": date });
    reminder::queue(&*tx, &taken, &queued, &says, expires_at, now).await?;
    tx.commit().await?;
    Ok(queued.len())
}

async fn evening(core: &Core, now: Timestamp) -> Result<(), DbErr> {
    let today = now.shanghai_day_start();
    let hour = i64::from(core.settings.health.remind_hour);
    if now.shanghai_minute_of_day() < hour * 60 {
        return Ok(());
    }
    if lease::last_finished(core.db.conn(), JOB).await?.is_some_and(|last| last.tick >= today) {
        return Ok(());
    }
    let tx = core.db.begin_write().await?;
    if lease::try_claim_tick(&*tx, JOB, today, now).await? {
        let noted = reminder::add_check_ins_due(&*tx, day_number(now.shanghai_day()), now).await?;
        lease::finish_tick(&*tx, JOB, today, now, &format!("noted {noted}")).await?;
    }
    tx.commit().await
}

/// How a reminder goes out: in the mini-program where its person chose that and has an account, else as an SMS. Not at all where
/// nobody can send its text, or its person wants none.
fn way(settings: &Settings, waiting: &Waiting) -> Option<Queued> {
    let key = waiting.kind.template();
    let carried = |channel| {
        let can = |g: &GatewaySettings| serves(g.kind, channel) && g.sends(key);
        settings.gateways.is_empty() && channel == Channel::Sms || settings.gateways.iter().any(can)
    };
    let ways: &[(Channel, RungKind)] = match waiting.way {
        ReminderWay::Subscribe if waiting.has_account => {
            &[(Channel::Subscribe, RungKind::Subscribe), (Channel::Sms, RungKind::Sms)]
        }
        ReminderWay::Sms | ReminderWay::Subscribe => &[(Channel::Sms, RungKind::Sms)],
        ReminderWay::None => &[],
    };
    if !settings.templates.iter().any(|template| template.key == key) {
        return None;
    }
    let found = ways.iter().find(|(channel, _)| carried(*channel));
    found.map(|(channel, rung_kind)| Queued {
        waiting: waiting.clone(),
        channel: *channel,
        rung_kind: *rung_kind,
    })
}
