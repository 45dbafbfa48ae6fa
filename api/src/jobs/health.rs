//! Health codes by themselves: days that pass, alerts whose notices become colours, and quarantines that are over.

use std::time::Duration;

use actix_web::web;
use mashang_infra::health::daily;
use uuid::Uuid;

use crate::app::health::changed;
use crate::app::records::due::end_quarantines;
use crate::error::Answer;
use crate::state::App;

/// How often it is looked whether there is something to do.
const EVERY: Duration = Duration::from_secs(2);

/// Works on what is due until the soft stop. Every process may run it: rows are taken by one at a time.
pub(super) async fn run(app: web::Data<App>) {
    let heartbeat = app.lifecycle.heartbeat("health_codes");
    loop {
        let worked = match app.gate.is_ended().await {
            true => Ok(false),
            false => step(&app).await,
        };
        match &worked {
            Ok(_) => heartbeat.beat(),
            Err(error) => tracing::warn!(%error, "health codes wait for the next try"),
        }
        let pause = if matches!(worked, Ok(true)) { Duration::ZERO } else { EVERY };
        if app.lifecycle.soft.run_until_cancelled(tokio::time::sleep(pause)).await.is_none() {
            return;
        }
    }
}

/// One batch of each kind; whether there may be more.
async fn step(app: &App) -> Answer<bool> {
    let (rules, now) = (app.rules.current(), app.clock.now());
    let turned = daily::turn_days(&app.db, &rules, now).await?;
    let coloured: Option<Vec<Uuid>> = daily::colour_alert(&app.db, &rules, now).await?;
    let more = !turned.is_empty() || coloured.is_some();
    let (turned_n, coloured_n) = (turned.len() as u64, coloured.as_ref().map_or(0, Vec::len) as u64);
    metrics::counter!("mashang_health_days_turned_total").increment(turned_n);
    metrics::counter!("mashang_health_notices_applied_total").increment(coloured_n);
    changed(app, turned.into_iter().chain(coloured.into_iter().flatten())).await;
    end_quarantines(app).await?;
    Ok(more)
}
