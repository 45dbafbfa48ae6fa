//! `serve`: the API, with the notifier inside in the embedded form, until a signal.

use std::io::IsTerminal;
use std::time::Duration;

use actix_web::web;
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
    crate::http::warm_up().await;
    let listening = crate::http::server::start(app.clone())?;
    announce(&app, listening.address);
    let handle = listening.server.handle();
    let server = tokio::spawn(listening.server);
    lifecycle.soft.cancelled().await;
    tracing::info!("stopping: no new requests, those in work are finished");
    handle.stop(true).await;
    server.await??;
    let patience = Duration::from_secs(app.settings.http.shutdown_seconds);
    let ending = lifecycle.wait(patience).await;
    tracing::info!(?ending, "stopped");
    Ok(())
}

/// Where to look. A script reads one line of JSON, a person reads sentences.
fn announce(app: &crate::state::App, address: std::net::SocketAddr) {
    if !std::io::stdout().is_terminal() {
        say(&serde_json::json!({ "listening": address.to_string(), "docs": format!("http://{address}/api/docs/") }).to_string());
        return;
    }
    say(&format!(
        "码上 Mashang 已启动，正在监听 http://{address}\n  接口文档 API docs: http://{address}/api/docs/"
    ));
    tracing::debug!(production = app.settings.production(), "announced");
}
