//! New rules of the health code: every process takes them over from the database within seconds, and one of them looks at
//! everybody again.
//!
//! Who looks is settled by ticks of half a minute; how far it has come stands in `rule_version`, and each step is fenced by
//! it, so that two who look at once do nothing twice, and whoever comes after one that died goes on where it stopped.

use std::time::Duration;

use actix_web::web;
use mashang_domain::time::{SECOND, Timestamp};
use mashang_entity::rule_version;
use mashang_infra::health::review::{self, JOB};
use mashang_infra::health::versions::{Followed, follow};
use mashang_infra::lease;
use sea_orm::DbErr;

use crate::app::health::changed;
use crate::state::App;

/// How often the newest version is looked up.
const EVERY: Duration = Duration::from_secs(2);
/// How long after it came into force everybody is looked at: by then no process judges by older rules.
const GRACE: i64 = 10 * SECOND;
/// How long one process looks before another may.
const TICK: i64 = 30 * SECOND;

/// Follows the rules until the soft stop.
pub(super) async fn run(app: web::Data<App>) {
    let heartbeat = app.lifecycle.heartbeat("rules");
    let mut complained = None;
    loop {
        let ended = app.gate.is_ended().await;
        let turned = if ended { Ok(()) } else { turn(&app, &mut complained).await };
        match turned {
            Ok(()) => heartbeat.beat(),
            Err(error) => tracing::warn!(%error, "the rules of the health code could not be followed"),
        }
        if app.lifecycle.soft.run_until_cancelled(tokio::time::sleep(EVERY)).await.is_none() {
            return;
        }
    }
}

/// Takes over newer rules, and looks at people as long as it is this process's turn.
async fn turn(app: &App, complained: &mut Option<i32>) -> Result<(), DbErr> {
    let newest = match follow(&app.db, &app.rules).await? {
        Followed::Nothing => return Ok(()),
        Followed::InForce(newest) => newest,
        Followed::Unknown(newest, error) => {
            if complained.replace(newest.version) != Some(newest.version) {
                tracing::error!(version = newest.version, %error, "rules in force that this release does not understand: it goes on with its own");
            }
            figures(&newest, false);
            return Ok(());
        }
    };
    figures(&newest, true);
    let now = app.clock.now();
    let due = newest.done_at.is_none() && now >= newest.since + GRACE;
    if due && lease::try_claim_tick(app.db.conn(), JOB, tick(now), now).await? {
        look_again(app, newest, tick(now) + TICK).await?;
    }
    Ok(())
}

fn tick(now: Timestamp) -> Timestamp {
    Timestamp(now.millis().div_euclid(TICK) * TICK)
}

/// Step after step, until everybody was looked at, or the tick is over.
async fn look_again(app: &App, mut version: rule_version::Model, until: Timestamp) -> Result<(), DbErr> {
    let rules = app.rules.current();
    let heartbeat = app.lifecycle.heartbeat("rules");
    while version.done_at.is_none() && app.clock.now() < until && !app.lifecycle.soft.is_cancelled() {
        let Some(step) = review::step(&app.db, &rules, &version, app.clock.now()).await? else {
            return Ok(());
        };
        metrics::counter!("mashang_rules_reviewed_total")
            .increment(count(step.version.reviewed - version.reviewed));
        metrics::counter!("mashang_rules_changed_total")
            .increment(count(step.version.changed - version.changed));
        changed(app, step.changed).await;
        version = step.version;
        heartbeat.beat();
    }
    if version.done_at.is_some() {
        tracing::info!(
            version = version.version,
            reviewed = version.reviewed,
            changed = version.changed,
            "everybody was looked at by the rules in force"
        );
    }
    figures(&version, true);
    Ok(())
}

fn count(n: i64) -> u64 {
    u64::try_from(n).unwrap_or(0)
}

fn figures(newest: &rule_version::Model, understood: bool) {
    metrics::gauge!("mashang_rules_version").set(f64::from(newest.version));
    metrics::gauge!("mashang_rules_understood").set(f64::from(u8::from(understood)));
    metrics::gauge!("mashang_rules_review_pending").set(f64::from(u8::from(newest.done_at.is_none())));
}
