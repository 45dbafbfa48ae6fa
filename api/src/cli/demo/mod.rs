//! `demo`: plays the whole venue loop against a real server of its own, and tells what happens.
//!
//! A small city is made (or check-ins are read from a file), citizens sign in by codes that arrive on simulated phones,
//! venues get their posters, scans are recorded, a case is reported, the trace finds who was there then and after, a
//! second official approves, everybody who was met is warned once, and their health codes say so at a gate. Everything but the phones is the product itself:
//! every step goes through HTTP, and messages go through the signed webhook gateway to the phones and back as receipts.

mod accounts;
mod choose;
mod city;
mod health;
mod loop_of_alert;
mod loop_of_scans;
mod phones;
mod show;

use std::path::{Path, PathBuf};

use actix_web::web;
use anyhow::Context;
use clap::Args;
use mashang_config::Settings;
use mashang_infra::lifecycle::Lifecycle;
use mashang_infra::telemetry::Telemetry;

use self::phones::Phones;
use super::say;
use super::service::Service;
use crate::client::Client;

#[derive(Args)]
pub(super) struct DemoArgs {
    /// Check-ins to read instead of the made city: CSV or CSV.gz with the columns venue_id, venue_name_or_category, lat,
    /// lon, user_id, checked_in_at.
    #[arg(long)]
    data: Option<PathBuf>,
    /// Folder for the demo's database and posters; an earlier demo in it is replaced.
    #[arg(long, default_value = "mashang-demo")]
    dir: PathBuf,
    /// End after the loop instead of staying up.
    #[arg(long)]
    exit: bool,
}

/// What the acts of the play share.
struct Stage {
    app: web::Data<crate::state::App>,
    phones: Phones,
    /// Where the API listens, `http://host:port`.
    base: String,
    client: Client,
    dir: PathBuf,
}

impl Stage {
    fn client(&self) -> Client {
        self.client.clone()
    }
}

pub(super) async fn run(settings: Settings, telemetry: Telemetry, args: DemoArgs) -> anyhow::Result<()> {
    let lifecycle = Lifecycle::new();
    lifecycle.listen_for_signals()?;
    prepare(&args.dir)?;
    let phones = Phones::switch_on()?;
    let settings = demo_settings(settings, &args.dir, &phones)?;
    let service = Service::start(settings, telemetry, &lifecycle).await?;
    phones.report_to(service.receipts.context("the demo takes receipts")?);
    let client = Client::new(&service.address.to_string(), None)?.with_details();
    let base = format!("http://{}", service.address);
    let stage = Stage { app: service.app.clone(), phones, base, client, dir: args.dir.clone() };
    let played = tokio::select! {
        played = play(&stage, args.data.as_deref()) => played,
        () = lifecycle.soft.cancelled() => Ok(()),
    };
    if played.is_ok() && !args.exit && !lifecycle.soft.is_cancelled() {
        show::staying_up(&stage);
        lifecycle.soft.cancelled().await;
    }
    service.stop(&lifecycle).await?;
    played
}

async fn play(stage: &Stage, data: Option<&Path>) -> anyhow::Result<()> {
    show::title("码上演示：一次完整的场所码闭环  ·  The venue loop, once through");
    let staff = accounts::appoint(stage).await?;
    let world = match data {
        Some(file) => city::read(file)?,
        None => city::made(stage.app.clock.now()),
    };
    let scene = loop_of_scans::play(stage, &staff, &world).await?;
    loop_of_alert::play(stage, &staff, &world, &scene).await?;
    if world.is_made() { health::play(stage, &staff, &scene).await } else { Ok(()) }
}

/// An empty folder for the demo: only files that a demo makes are removed.
fn prepare(dir: &Path) -> anyhow::Result<()> {
    let posters = dir.join("posters");
    std::fs::create_dir_all(&posters).with_context(|| format!("{}", dir.display()))?;
    for name in ["demo.db", "demo.db-wal", "demo.db-shm", "keys.toml"] {
        match std::fs::remove_file(dir.join(name)) {
            Ok(()) => {}
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
            Err(e) => return Err(e).with_context(|| format!("{}", dir.join(name).display())),
        }
    }
    Ok(())
}

/// The settings, with a database of the demo's own, the phones as gateway and a free port where ours is taken.
fn demo_settings(mut settings: Settings, dir: &Path, phones: &Phones) -> anyhow::Result<Settings> {
    if settings.production() {
        anyhow::bail!("the demo makes up people and accounts: production refuses it");
    }
    let dir = std::path::absolute(dir)?;
    settings.database.url = format!("sqlite://{}", dir.join("demo.db").display());
    settings.keys.file = dir.join("keys.toml").display().to_string();
    settings.redis.url = String::new();
    settings.notifier.listen = "127.0.0.1:0".to_owned();
    settings.notifier.sweep_ms = 500;
    settings.limits.code_per_address_hour = 10_000;
    settings.gateways = phones.gateways();
    if std::net::TcpListener::bind(&settings.http.listen).is_err() {
        settings.http.listen = "127.0.0.1:0".to_owned();
    }
    say(&format!("数据目录 Folder: {}", dir.display()));
    Ok(settings)
}
