//! One scenario's own database, apis, notifiers and providers, from the approval to the check.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use mashang_domain::time::Timestamp;
use mashang_infra::clock::Clock;
use mashang_tests::clock::TestClock;
use mashang_tests::fake_provider::{Accepted, FakeProvider, Weather};
use mashang_tests::{Client, Form};
use reqwest::Method;
use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbBackend, Statement};
use serde_json::json;
use tokio::time::{Instant, sleep};

use super::gates::{Gate, sms};
use super::notifier::Notifier;
use super::outbreak::{Outbreak, TEMPLATE};
use crate::api::Api;
use crate::proxy::Proxy;
use crate::report::Report;
use crate::stage::{Name, settings};
use crate::world::World;

/// A claim belongs to its worker for so long.
pub const LEASE: Duration = Duration::from_secs(5);
/// The longest a call may take.
pub const TIMEOUT: Duration = Duration::from_millis(1_500);
pub const SWEEP: Duration = Duration::from_millis(500);
/// How long a lost answer is waited for before its message is sent once more.
pub const RECONCILE: Duration = Duration::from_secs(90);
/// After so long a provider is asked, and then in each pass of asking.
const ASK_AFTER: Duration = Duration::from_secs(11);
const ASK_PASS: Duration = Duration::from_secs(9);

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
    db: DatabaseConnection,
}

/// How far the alert has come.
#[derive(Debug, Clone, Copy, Default)]
pub struct Standing {
    /// Deliveries that wait or are under way, but for those that may have been sent already.
    pub ahead: i64,
    /// Lost answers, and what is sent once more because of them.
    pub in_doubt: i64,
    pub done: bool,
}

impl Dispatch {
    pub async fn set(world: &mut World, name: Name, wanted: Wanted<'_>) -> anyhow::Result<Self> {
        let outbreak = world.outbreak().await?;
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

    /// What providers do to nearly every tenth call on ordinary days.
    pub fn rough(&self, seed: u64) {
        self.provider().weather(Weather {
            seed,
            latency: Duration::from_millis(20),
            lost: 30,
            late: 10,
            errors: 40,
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

    /// Waits until this share of the exposed has been told.
    pub async fn told(&self, share: f64) -> anyhow::Result<()> {
        let wanted = (self.outbreak.exposed.len() as f64 * share) as usize;
        let begun = Instant::now();
        while self.providers.iter().map(FakeProvider::taken).sum::<usize>() < wanted {
            ensure!(begun.elapsed() < Duration::from_secs(60), "{wanted} people are not told in a minute");
            sleep(Duration::from_millis(10)).await;
        }
        Ok(())
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

    pub async fn standing(&self) -> anyhow::Result<Standing> {
        let ahead =
            "SELECT count(*) FROM delivery WHERE state IN ('pending', 'sending') AND possible_duplicates = 0";
        let doubt = "SELECT count(*) FROM delivery WHERE state = 'unknown' \
                     OR state IN ('pending', 'sending') AND possible_duplicates > 0";
        let done = "SELECT count(*) FROM alert WHERE state = 'done'";
        let (waiting, made) = (self.count(ahead).await?, self.count("SELECT count(*) FROM delivery").await?);
        // Until everybody has a row for every rung, the others are ahead as well.
        let all = i64::try_from(self.rungs * self.outbreak.exposed.len())?;
        let ahead = waiting + (all - made);
        Ok(Standing { ahead, in_doubt: self.count(doubt).await?, done: self.count(done).await? == 1 })
    }

    /// Waits until everybody has been told but those whose answers were lost; seconds from now. The faults are over.
    pub async fn drained(&mut self) -> anyhow::Result<f64> {
        let begun = Instant::now();
        let left = self.standing().await.map_or(0, |s| s.ahead);
        loop {
            match self.standing().await {
                Ok(Standing { ahead: 0, .. }) => break,
                Ok(now) if begun.elapsed() > Duration::from_secs(120) => {
                    bail!("not drained in two minutes: {now:?}")
                }
                Err(error) if begun.elapsed() > Duration::from_secs(60) => return Err(error),
                Ok(_) | Err(_) => sleep(Duration::from_millis(50)).await,
            }
        }
        let took = begun.elapsed().as_secs_f64();
        self.drained_at = wall();
        self.report.note(&format!("{left} deliveries were ahead when the faults ended"));
        Ok(took)
    }

    /// Clears up what is in doubt: time goes on until the providers have been asked, and until the wait is over.
    pub async fn settled(&mut self) -> anyhow::Result<()> {
        for provider in &self.providers {
            provider.fail_always(None);
            provider.weather(Weather::default());
        }
        let doubt = self.standing().await?.in_doubt;
        for step in [ASK_AFTER, RECONCILE] {
            if self.standing().await?.in_doubt > 0 {
                self.clock.advance(i64::try_from(step.as_millis())?).await;
                self.asked().await?;
            }
        }
        let begun = Instant::now();
        while !self.standing().await?.done {
            ensure!(begun.elapsed() < Duration::from_secs(60), "never settled: {:?}", self.standing().await?);
            sleep(Duration::from_millis(100)).await;
        }
        // Whom nothing reached is put on the list by the next sweep.
        sleep(3 * SWEEP).await;
        self.report.note(&format!("{doubt} answers were lost and had to be cleared up"));
        Ok(())
    }

    /// Waits until the providers have been asked about everything that is in doubt, and have said all they know.
    async fn asked(&self) -> anyhow::Result<()> {
        let since = self.clock.now().millis() - i64::try_from(ASK_AFTER.as_millis())?;
        let unasked = format!(
            "SELECT count(*) FROM delivery d JOIN attempt t ON t.delivery_id = d.id AND t.epoch = d.epoch \
             WHERE d.state = 'unknown' AND (t.asked_at IS NULL OR t.asked_at < {since})"
        );
        let begun = Instant::now();
        let (mut left, mut since) = (self.standing().await?.in_doubt, Instant::now());
        while left > 0 && begun.elapsed() < Duration::from_secs(60) {
            sleep(Duration::from_millis(100)).await;
            let now = self.standing().await?.in_doubt;
            if now != left || self.count(&unasked).await? > 0 && begun.elapsed() < 2 * ASK_PASS {
                (left, since) = (now, Instant::now());
            }
            if since.elapsed() > ASK_PASS {
                break;
            }
        }
        Ok(())
    }

    /// Messages of all providers, oldest first.
    pub fn messages(&self) -> Vec<Accepted> {
        let mut all: Vec<Accepted> = self.providers.iter().flat_map(FakeProvider::accepted).collect();
        all.sort_by_key(|m| m.at);
        all
    }

    /// The longest time without a message between approval and draining, in seconds.
    pub fn silence(&self) -> f64 {
        let until = self.drained_at;
        let mut times: Vec<Timestamp> =
            self.messages().iter().map(|m| m.at).filter(|at| *at < until).collect();
        times.insert(0, self.approved_at);
        times.windows(2).map(|two| two[1] - two[0]).max().unwrap_or(0) as f64 / 1_000.0
    }

    /// The first message after an instant: seconds from there.
    pub fn first_after(&self, at: Timestamp) -> f64 {
        let first = self.messages().iter().map(|m| m.at).find(|taken| *taken >= at);
        first.map_or(f64::INFINITY, |taken| (taken - at) as f64 / 1_000.0)
    }

    /// Seconds from the approval until everybody was told whose answer was not lost.
    pub fn took(&self) -> f64 {
        (self.drained_at - self.approved_at) as f64 / 1_000.0
    }
}

/// What this machine calls now.
pub fn wall() -> Timestamp {
    Clock::system().now()
}

fn common(url: &str, world: &World, folder: &std::path::Path, prefix: &str, more: &[(&str, &str)]) -> String {
    let offset = folder.join("offset").display().to_string();
    let secs = |d: Duration| d.as_secs().to_string();
    let (lease, reconcile, sweep) = (secs(LEASE), secs(RECONCILE), SWEEP.as_millis().to_string());
    let ours = [
        ("redis.key_prefix", prefix),
        ("development.clock_offset_file", &offset),
        ("notifier.lease_seconds", &lease),
        ("notifier.sweep_ms", &sweep),
        ("notifier.concurrency", "8"),
        ("notifier.batch", "20"),
        ("notifier.chunk", "500"),
        ("dispatch.reconcile_seconds", &reconcile),
        ("dispatch.ask_after_seconds", "10"),
        ("dispatch.ask_per_second", "150"),
        ("dispatch.retry_seconds", "[1, 2, 4]"),
        ("dispatch.voice_from_hour", "0"),
        ("dispatch.voice_until_hour", "24"),
        ("alerts.ladder_3", r#"["sms", "work_list"]"#),
        ("database.max_connections", "8"),
    ];
    settings(Form::Service, url, world, &[ours.as_slice(), more].concat())
}
