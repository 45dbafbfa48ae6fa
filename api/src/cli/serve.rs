//! `serve`: the service until a signal. In development the first start makes the first administrator.

use std::io::IsTerminal;

use data_encoding::BASE32_NOPAD;
use mashang_config::Settings;
use mashang_domain::person::{Actor, Division, Role};
use mashang_infra::lifecycle::Lifecycle;
use mashang_infra::store::staff as store;
use mashang_infra::telemetry::Telemetry;
use rand::TryRng;

use super::say;
use super::service::Service;
use crate::app::staff::{self, Appointment};
use crate::state::App;

/// The account of the first start.
const FIRST: &str = "admin";

pub(super) async fn serve(settings: Settings, telemetry: Telemetry) -> anyhow::Result<()> {
    let lifecycle = Lifecycle::new();
    lifecycle.listen_for_signals()?;
    let service = Service::start(settings, telemetry, &lifecycle).await?;
    let password = first_administrator(&service.app).await?;
    announce(&service, password.as_deref());
    lifecycle.soft.cancelled().await;
    service.stop(&lifecycle).await
}

/// Makes an administrator with a random password when there is no staff at all. Production wants `staff add`, which
/// gives a one-time password too.
async fn first_administrator(app: &App) -> anyhow::Result<Option<String>> {
    if app.settings.production() || store::count(app.db.conn()).await? > 0 {
        return Ok(None);
    }
    let mut bytes = [0u8; 15];
    rand::rngs::SysRng.try_fill_bytes(&mut bytes)?;
    let password = BASE32_NOPAD.encode(&bytes).to_lowercase();
    let appointment = Appointment {
        username: FIRST.to_owned(),
        password: password.clone(),
        role: Role::Administrator,
        division: Division::everywhere(),
        totp: false,
        email: None,
    };
    let appointed =
        staff::appoint(&app.db, &app.keys, &Actor::System("first start"), appointment, app.clock.now()).await;
    appointed.map_err(|p| anyhow::anyhow!("the first administrator: {p}"))?;
    Ok(Some(password))
}

/// Where to look. A script reads one line of JSON, a person reads sentences.
fn announce(service: &Service, password: Option<&str>) {
    let address = service.address;
    let docs = format!("http://{address}/api/docs/");
    if !std::io::stdout().is_terminal() {
        let first = password.map(|p| serde_json::json!({ "username": FIRST, "password": p }));
        let line = serde_json::json!({
            "listening": address.to_string(), "notifier": service.receipts.map(|a| a.to_string()),
            "docs": docs, "first_administrator": first,
        });
        return say(&line.to_string());
    }
    say(&format!("码上 Mashang 已启动 is up: http://{address}\n  接口文档 API docs: {docs}"));
    if let Some(password) = password {
        say(&format!("  首个管理员（仅显示一次） First administrator (shown once): {FIRST} / {password}"));
    }
}
