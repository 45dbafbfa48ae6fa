//! `serve`: the API, with the notifier inside in the embedded form, until a signal.

use std::io::IsTerminal;
use std::net::SocketAddr;
use std::time::Duration;

use actix_web::web;
use anyhow::Context;
use mashang_config::Settings;
use mashang_infra::lifecycle::Lifecycle;
use mashang_infra::telemetry::Telemetry;

use super::say;

pub(super) async fn serve(settings: Settings, telemetry: Telemetry) -> anyhow::Result<()> {
    let lifecycle = Lifecycle::new();
    lifecycle.listen_for_signals()?;
    let stop = lifecycle.soft.clone();
    lifecycle.spawn("metrics", telemetry.clone().keep_folding(stop));
    let app = web::Data::new(crate::start::build(settings, telemetry, lifecycle.clone()).await?);
    let notifier = crate::start::embedded_notifier(&app).await?;
    let receipts = notifier.as_ref().map(|n| n.listen(Some(app.telemetry.clone()))).transpose();
    let receipts = match receipts {
        Ok(address) => address,
        Err(e) if app.settings.production() => return Err(e).context("notifier.listen"),
        Err(e) => {
            tracing::warn!(error = %e, listen = app.settings.notifier.listen, "no listener for receipts: the address is taken");
            None
        }
    };
    let _wake_ups = crate::jobs::start(&app).await?;
    crate::http::warm_up().await;
    let listening = crate::http::server::start(app.clone())?;
    announce(&app, listening.address, receipts);
    let handle = listening.server.handle();
    let server = tokio::spawn(listening.server);
    lifecycle.soft.cancelled().await;
    tracing::info!("stopping: no new requests, those in work are finished");
    handle.stop(true).await;
    server.await??;
    app.scans.close();
    let patience = Duration::from_secs(app.settings.http.shutdown_seconds);
    let ending = lifecycle.wait(patience).await;
    tracing::info!(?ending, "stopped");
    Ok(())
}

/// Where to look. A script reads one line of JSON, a person reads sentences.
fn announce(app: &crate::state::App, address: SocketAddr, receipts: Option<SocketAddr>) {
    if !std::io::stdout().is_terminal() {
        let notifier = receipts.map(|a| a.to_string());
        let docs = format!("http://{address}/api/docs/");
        say(&serde_json::json!({ "listening": address.to_string(), "notifier": notifier, "docs": docs })
            .to_string());
        return;
    }
    say(&format!(
        "码上 Mashang 已启动，正在监听 http://{address}\n  接口文档 API docs: http://{address}/api/docs/"
    ));
    tracing::debug!(production = app.settings.production(), "announced");
}
