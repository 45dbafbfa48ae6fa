//! A running service: the API, the notifier inside where the settings say so, and the jobs. `serve` and `demo` share it.

use std::net::SocketAddr;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::web;
use anyhow::Context;
use mashang_config::Settings;
use mashang_infra::lifecycle::Lifecycle;
use mashang_infra::telemetry::Telemetry;
use mashang_notifier::service::Notifier;
use tokio::task::JoinHandle;

use crate::state::App;

/// How often the age of every loop's last progress is measured.
const HEARTBEATS: Duration = Duration::from_secs(5);

pub(super) struct Service {
    pub(super) app: web::Data<App>,
    /// Where the API listens.
    pub(super) address: SocketAddr,
    /// Where the notifier inside takes receipts.
    pub(super) receipts: Option<SocketAddr>,
    handle: ServerHandle,
    server: JoinHandle<std::io::Result<()>>,
    _wake_ups: tokio_cron_scheduler::JobScheduler,
}

impl Service {
    /// Starts everything, or nothing.
    pub(super) async fn start(
        settings: Settings,
        telemetry: Telemetry,
        lifecycle: &Lifecycle,
    ) -> anyhow::Result<Self> {
        lifecycle.spawn("metrics", telemetry.clone().keep_folding(lifecycle.soft.clone()));
        let app = web::Data::new(crate::start::build(settings, telemetry, lifecycle.clone()).await?);
        let notifier = crate::start::embedded_notifier(&app).await?;
        let receipts = notifier.as_ref().map(|n| listen(&app, n)).transpose()?.flatten();
        let wake_ups = crate::jobs::start(&app).await?;
        lifecycle.spawn("heartbeats", lifecycle.clone().report_heartbeats(HEARTBEATS));
        crate::http::warm_up().await;
        let listening = crate::http::server::start(app.clone())?;
        let handle = listening.server.handle();
        let server = tokio::spawn(listening.server);
        crate::canary::start(&app, listening.address);
        Ok(Self { app, address: listening.address, receipts, handle, server, _wake_ups: wake_ups })
    }

    /// Stops in two stages: no new requests, those in work are finished; then whatever is left is dropped.
    pub(super) async fn stop(self, lifecycle: &Lifecycle) -> anyhow::Result<()> {
        lifecycle.stop();
        tracing::info!("stopping: no new requests, those in work are finished");
        self.handle.stop(true).await;
        self.server.await??;
        self.app.scans.close();
        let patience = Duration::from_secs(self.app.settings.http.shutdown_seconds);
        let ending = lifecycle.wait(patience).await;
        tracing::info!(?ending, "stopped");
        Ok(())
    }
}

/// Opens the notifier's listener. In development a taken address costs the receipts only.
fn listen(app: &App, notifier: &Notifier) -> anyhow::Result<Option<SocketAddr>> {
    match notifier.listen(Some(app.telemetry.clone())) {
        Ok(address) => Ok(Some(address)),
        Err(e) if app.settings.production() => Err(e).context("notifier.listen"),
        Err(e) => {
            let listen = &app.settings.notifier.listen;
            tracing::warn!(error = %e, listen, "no listener for receipts: the address is taken");
            Ok(None)
        }
    }
}
