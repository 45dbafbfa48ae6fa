//! One scenario's own database, apis, notifiers and providers, from the approval to the check.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use mashang_domain::time::Timestamp;
use mashang_tests::Client;
use mashang_tests::clock::TestClock;
use mashang_tests::fake_provider::{FakeProvider, Weather};
use reqwest::Method;
use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbBackend, Statement};
use serde_json::json;

use super::gates::{Gate, common, sms};
use super::notifier::Notifier;
use super::outbreak::{Outbreak, TEMPLATE};
use super::progress::wall;
use crate::api::Api;
use crate::proxy::Proxy;
use crate::report::Report;
use crate::stage::Name;
use crate::world::World;

/// A claim belongs to its worker for so long.
pub const LEASE: Duration = Duration::from_secs(5);
/// The longest a call may take.
pub const TIMEOUT: Duration = Duration::from_millis(1_500);
pub const SWEEP: Duration = Duration::from_millis(500);
/// How long a lost answer is waited for before its message is sent once more.
pub const RECONCILE: Duration = Duration::from_secs(300);
/// What a scenario wants to be set up.
pub struct Wanted<'a> {
    pub apis: usize,
    pub notifiers: usize,
    pub providers: usize,
    pub gates: &'a [Gate],
    /// Whether a proxy stands between the notifiers and PostgreSQL.
    pub proxied: bool,
    /// Settings beside the campaign's own.
    pub settings: &'a [(&'a str, &'a str)],
    /// Nothing breaks: its figures are what others are compared with, and nothing is said of it.
    pub control: bool,
}

/// One SMS for everybody, ten in a call, two hundred a second for two notifiers.
pub const USUAL: &[Gate] = &[sms(10, 10)];

impl Default for Wanted<'_> {
    fn default() -> Self {
        Self {
            apis: 1,
            notifiers: 2,
            providers: 1,
            gates: USUAL,
            proxied: false,
            settings: &[],
            control: false,
        }
    }
}

pub struct Dispatch {
    pub report: Report,
    pub apis: Vec<Api>,
    pub notifiers: Vec<Notifier>,
    pub providers: Vec<FakeProvider>,
    pub proxy: Option<Proxy>,
    pub clock: TestClock,
    pub outbreak: Arc<Outbreak>,
    pub approver: Client,
    pub folder: PathBuf,
    pub keys: PathBuf,
    /// Where this stage's streams begin in Redis.
    pub prefix: String,
    /// Rungs that everybody gets.
    pub rungs: usize,
    /// When it was approved and when it was drained, by this machine's clock.
    pub approved_at: Timestamp,
    pub drained_at: Timestamp,
    /// When the stage was set, by this machine's clock, and how often PostgreSQL had been started until then.
    pub set_at: Timestamp,
    pub postgres_starts: u32,
    db: DatabaseConnection,
}

impl Dispatch {
    pub async fn set(world: &mut World, name: Name, wanted: Wanted<'_>) -> anyhow::Result<Self> {
        let (set_at, outbreak) = (wall(), world.outbreak().await?);
        let report = if wanted.control { Report::unheard() } else { Report::begin(&name, world.seed) };
        let folder = world.folder()?;
        let database = world.copy_of(TEMPLATE)?;
        let proxy = if wanted.proxied { Some(Proxy::to(world.postgres.port).await?) } else { None };
        let clock = TestClock::new(folder.join("offset"))?;
        let mut providers = Vec::new();
        for _ in 0..wanted.providers {
            providers.push(FakeProvider::start().await?);
        }
        let prefix = database.rsplit('/').next().unwrap_or_default().to_owned();
        let common = |url: &str| common(url, world, &folder, &prefix, wanted.settings);
        std::fs::write(folder.join("api.toml"), common(&database))?;
        let direct = format!(":{}/", world.postgres.port);
        let seen = proxy.as_ref().map(|p| database.replace(&direct, &format!(":{}/", p.port)));
        let tables: String = wanted.gates.iter().map(|gate| gate.table(&providers)).collect();
        std::fs::write(folder.join("notifier.toml"), common(seen.as_deref().unwrap_or(&database)) + &tables)?;
        let mut apis = Vec::new();
        for n in 0..wanted.apis.max(1) {
            apis.push(Api::start(&folder.join("api.toml"), &format!("api-{n}"), Vec::new())?);
        }
        let approver = outbreak.approver(apis[0].port).await?;
        let mut options = ConnectOptions::new(&database);
        options.max_connections(1).acquire_timeout(Duration::from_secs(2)).sqlx_logging(false);
        let db = Database::connect(options).await?;
        let voice =
            wanted.settings.iter().any(|(key, value)| *key == "alerts.ladder_3" && value.contains("call"));
        let (notifiers, keys, rungs) = (Vec::new(), world.keys(), 1 + usize::from(voice));
        let mut stage = Self {
            report,
            apis,
            notifiers,
            providers,
            proxy,
            clock,
            outbreak,
            approver,
            folder,
            keys,
            prefix,
            rungs,
            approved_at: Timestamp(0),
            drained_at: Timestamp(0),
            set_at,
            postgres_starts: world.postgres.starts,
            db,
        };
        for _ in 0..wanted.notifiers {
            stage.add_notifier().await?;
        }
        Ok(stage)
    }

    /// One more notifier, with the same settings.
    pub async fn add_notifier(&mut self) -> anyhow::Result<()> {
        let name = format!("notifier-{}", self.notifiers.len());
        self.notifiers.push(Notifier::start(&self.folder.join("notifier.toml"), &name).await?);
        Ok(())
    }

    /// The first provider.
    pub fn provider(&self) -> &FakeProvider {
        &self.providers[0]
    }

    /// What providers do to every eighth call on bad days.
    pub fn rough(&self, seed: u64) {
        self.provider().weather(Weather {
            seed,
            latency: Duration::from_millis(20),
            lost: 30,
            late: 10,
            errors: 80,
            ..Weather::default()
        });
    }

    /// The approval: from now on it goes out.
    pub async fn approve(&mut self) -> anyhow::Result<()> {
        let (path, body) = self.approval();
        let reply = self.approver.try_send_raw(Method::POST, &path, Some(("application/json", body))).await?;
        ensure!(reply.status == 200, "the approval: {} {}", reply.status, reply.text());
        self.approved_at = wall();
        Ok(())
    }

    /// Path and body of the approval.
    pub fn approval(&self) -> (String, Vec<u8>) {
        let body = json!({ "trace_sha256": self.outbreak.trace_sha256 }).to_string().into_bytes();
        (format!("{}/approval", self.outbreak.alert), body)
    }

    /// A number from this stage's database.
    pub async fn count(&self, sql: &str) -> anyhow::Result<i64> {
        let row = self.db.query_one_raw(Statement::from_string(DbBackend::Postgres, sql)).await?;
        Ok(row.context("a row")?.try_get_by_index(0)?)
    }

    pub async fn run(&self, sql: &str) -> anyhow::Result<u64> {
        Ok(self.db.execute_unprepared(sql).await?.rows_affected())
    }

    pub const fn db(&self) -> &DatabaseConnection {
        &self.db
    }
}
