//! The steps of a run, each as somebody would do it.

use std::time::Duration;

use actix_web::web;
use anyhow::{Context, ensure};
use mashang_domain::delivery::DeliveryState;
use mashang_domain::person::login;
use mashang_domain::time::{HOUR, MINUTE, Timestamp};
use mashang_infra::lease;
use serde_json::json;
use uuid::Uuid;

use super::stage::Stage;
use super::{Failed, rows};
use crate::client::{Client, text};
use crate::state::App;

/// The login is tried as often as the limits of a number allow: ten codes a day.
const LOGIN_JOB: &str = "canary_login";
const LOGIN_EVERY: i64 = 3 * HOUR;
/// When the person came and left, before now: farther than a phone's clock is forgiven, so that the times are kept.
const CAME: i64 = 11 * MINUTE;
const LEFT: i64 = 6 * MINUTE;
/// How often it is looked whether something has happened.
const LOOK: Duration = Duration::from_millis(200);

/// A code is sent to the number, and traded for a session: the real road, to a real gateway.
pub(super) async fn log_in(app: &web::Data<App>, client: &Client, stage: &Stage) -> Result<(), Failed> {
    try_log_in(app, client, stage).await.map_err(Failed::at("login"))
}

async fn try_log_in(app: &App, client: &Client, stage: &Stage) -> anyhow::Result<()> {
    let now = app.clock.now();
    let last = lease::last_finished(app.db.conn(), LOGIN_JOB).await?;
    if last.is_some_and(|last| now - last.finished_at < LOGIN_EVERY) {
        return Ok(());
    }
    let asked = client.post("/auth/codes", json!({ "phone": stage.phone.reveal() })).await.context("ask")?;
    let request: Uuid = text(&asked, "request_id")?.parse()?;
    until("the code was not accepted by a gateway", move || async move {
        let state = rows::login_state(app.db.conn(), request).await?;
        Ok(matches!(state, Some(DeliveryState::Accepted | DeliveryState::Delivered)))
    })
    .await?;
    let code = login::code_of(&app.keys.login_key(), request);
    let session = client.post("/auth/sessions", json!({ "request_id": request, "code": code })).await;
    let session = session.context("trade")?;
    ensure!(text(&session["person"], "id")?.parse() == Ok(stage.person), "another person is signed in");
    let tick = Timestamp(now.millis());
    lease::try_claim_tick(app.db.conn(), LOGIN_JOB, tick, now).await?;
    lease::finish_tick(app.db.conn(), LOGIN_JOB, tick, app.clock.now(), "").await?;
    Ok(())
}

/// The person comes and leaves.
pub(super) async fn scan(app: &App, stage: &Stage) -> Result<(), Failed> {
    let now = app.clock.now();
    for (code, before) in [(&stage.code_in, CAME), (&stage.code_out, LEFT)] {
        let id = Uuid::now_v7().to_string();
        let scan = json!({ "venue_code": code, "client_scan_id": id, "scanned_at": now - before });
        stage.citizen.post("/scans", scan).await.map_err(Failed::at("scan"))?;
    }
    Ok(())
}

/// Id and hash of a trace that found the person, and nobody else.
pub(super) async fn trace(app: &App, stage: &Stage) -> Result<(String, String), Failed> {
    let traced = async {
        let now = app.clock.now();
        let span = json!({ "venue_id": stage.venue, "start": now - CAME - MINUTE, "end": now - LEFT });
        let trace = stage.official.post("/traces", json!({ "spans": [span] })).await?;
        let id = text(&trace, "id")?.to_owned();
        let contacts = stage.official.get(&format!("/traces/{id}/contacts")).await.context("contacts")?;
        let people: Vec<&str> = contacts["items"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|c| c["person_id"].as_str())
            .collect();
        let expected = stage.person.to_string();
        ensure!(
            people == [expected.as_str()],
            "{} people at the venue of the self-test, not one",
            people.len()
        );
        Ok((id, text(&trace, "sha256")?.to_owned()))
    };
    traced.await.map_err(Failed::at("trace"))
}

/// Path of a drill that one drafted and another approved.
pub(super) async fn alert(stage: &Stage, (trace, sha256): &(String, String)) -> Result<String, Failed> {
    let approved = async {
        // Never anything but a drill.
        let draft = stage.official.post("/alerts", json!({ "trace_id": trace, "drill": true })).await;
        let path = format!("/alerts/{}", text(&draft.context("draft")?, "id")?);
        stage.official.post(&format!("{path}/submission"), json!({})).await.context("submit")?;
        let hash = json!({ "trace_sha256": sha256 });
        stage.approver.post(&format!("{path}/approval"), hash).await.context("approve")?;
        Ok(path)
    };
    approved.await.map_err(Failed::at("alert"))
}

/// Waits until a delivery of the alert was accepted.
pub(super) async fn delivery(stage: &Stage, alert: &str) -> Result<(), Failed> {
    let accepted = until("no delivery was accepted", move || async move {
        let seen = stage.official.get(alert).await?;
        Ok(seen["counts"]["accepted"].as_i64().unwrap_or(0)
            + seen["counts"]["delivered"].as_i64().unwrap_or(0)
            > 0)
    });
    accepted.await.map_err(Failed::at("delivery"))
}

/// Looks until it is so, for half a minute.
async fn until<F>(otherwise: &'static str, mut so: impl FnMut() -> F) -> anyhow::Result<()>
where
    F: Future<Output = anyhow::Result<bool>>,
{
    for _ in 0..150 {
        if so().await? {
            return Ok(());
        }
        tokio::time::sleep(LOOK).await;
    }
    anyhow::bail!("{otherwise}")
}
