//! The keys that sign codes: published, kept up to date, replaced.

use std::time::Duration;

use actix_web::web;
use mashang_domain::person::Actor;
use mashang_domain::protection::audit::Purpose;
use mashang_domain::time::SECOND;
use mashang_infra::health::issuer::Published;
use mashang_infra::store::audit::{self, Act};
use serde_json::json;

use super::require;
use crate::error::{Answer, Code, Problem};
use crate::state::App;

/// How often the keys of other processes are looked for.
const EVERY: Duration = Duration::from_secs(5);

/// The public keys, those that are to sign next among them.
pub fn published(app: &App) -> Answer<Vec<Published>> {
    require(app)?;
    let keys = app.issuer.published();
    if keys.is_empty() { Err(Problem::retry(Code::Unavailable, SECOND)) } else { Ok(keys) }
}

/// Takes a key out of use that has leaked.
///
/// # Errors
/// `not_found` when there is no such key in use.
pub async fn replace(app: &App, admin: &Actor, number: u32) -> Answer<()> {
    require(app)?;
    let now = app.clock.now();
    if !app.issuer.replace(number, now).await? {
        return Err(Problem::new(Code::NotFound));
    }
    let act = Act {
        actor: admin,
        action: "code_key.replace",
        purpose: Purpose::Administration,
        subject: None,
        object_kind: "code_key",
        object_id: number.to_string(),
        detail: json!({}),
    };
    let tx = app.db.begin_write().await?;
    audit::append(&*tx, act, now).await?;
    tx.commit().await?;
    Ok(())
}

/// Keeps the keys up to date until the soft stop.
pub async fn run(app: web::Data<App>) {
    let heartbeat = app.lifecycle.heartbeat("code_keys");
    loop {
        if app.gate.is_ended().await {
            heartbeat.beat();
        } else {
            match app.issuer.refresh(app.clock.now()).await {
                Ok(()) => heartbeat.beat(),
                Err(error) => tracing::warn!(%error, "the keys of health codes could not be read"),
            }
        }
        if app.lifecycle.soft.run_until_cancelled(tokio::time::sleep(EVERY)).await.is_none() {
            return;
        }
    }
}
