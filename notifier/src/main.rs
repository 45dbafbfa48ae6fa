//! `mashang-notifier`: the notifier in a process of its own.
//!
//! Exit codes: 0 ended as asked, 1 failed or something is wrong, 2 wrong usage.

mod self_check;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::{Parser, Subcommand};
use mashang_config::{LogFormat, Settings};
use mashang_infra::clock::Clock;
use mashang_infra::db::Db;
use mashang_infra::keys::KeyRing;
use mashang_infra::lifecycle::{Ending, Lifecycle};
use mashang_infra::queue::{self, Queue, QueueOptions};
use mashang_infra::redis::{RedisFailure, RedisOptions, RedisPools};
use mashang_infra::telemetry::{self, Telemetry};
use mashang_notifier::Notifier;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// 码上通知 · Sends alerts and login codes: drains the queue, calls the gateways, takes their receipts.
#[derive(Debug, Parser)]
#[command(name = "mashang-notifier", version)]
struct Arguments {
    /// Settings file 配置文件
    #[arg(long, global = true, env = "MASHANG_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Clone, Subcommand)]
enum Command {
    /// Run until told to stop (default) 运行
    Serve,
    /// Check the settings of every gateway, and exit 自检
    Check(self_check::Check),
}

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let _ = error.print();
            return if error.use_stderr() { ExitCode::from(2) } else { ExitCode::SUCCESS };
        }
    };
    let outcome = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("the runtime cannot be started")
        .and_then(|runtime| runtime.block_on(run(&arguments)));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "mashang-notifier: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let file = arguments.config.as_deref();
    match arguments.command.as_ref().unwrap_or(&Command::Serve) {
        Command::Serve => serve(settings(file)?).await,
        Command::Check(check) => {
            let settings = mashang_config::load(file)?;
            self_check::run(&settings, check).await?;
            if check.all { check_outside(&settings).await } else { Ok(()) }
        }
    }
}

/// Loads the settings and refuses dangerous ones, each with its own sentence.
fn settings(file: Option<&Path>) -> anyhow::Result<Arc<Settings>> {
    let settings = mashang_config::load(file)?;
    let mut refusals: Vec<String> =
        mashang_config::check::check(&settings).iter().map(ToString::to_string).collect();
    if settings.production() && settings.gateways.is_empty() {
        refusals.push("gateways = []: the notifier of a production needs at least one".to_owned());
    }
    refusals.extend(mashang_notifier::check::summary_without_gateway(&settings));
    if !refusals.is_empty() {
        bail!("配置被拒绝 · the settings are refused:\n  {}", refusals.join("\n  "));
    }
    Ok(Arc::new(settings))
}

/// What both commands open.
struct Outside {
    db: Db,
    keys: Arc<KeyRing>,
    redis: Option<RedisPools>,
    clock: Clock,
}

async fn outside(settings: &Settings) -> anyhow::Result<Outside> {
    let keys = KeyRing::open(Path::new(&settings.keys.file), !settings.production())?;
    let db = Db::connect_by_index(&settings.database)
        .await
        .context("数据库无法连接 · the database cannot be reached")?;
    let options = RedisOptions {
        pool_size: settings.redis.pool_size,
        wait_timeout: Duration::from_millis(settings.redis.wait_timeout_ms),
        response_timeout: Duration::from_millis(settings.redis.response_timeout_ms),
        ..RedisOptions::default()
    };
    let redis = settings.redis_url().map(|url| RedisPools::connect(url, options)).transpose()?;
    let offset = &settings.development.clock_offset_file;
    let clock = if offset.is_empty() { Clock::system() } else { Clock::with_offset_file(offset) };
    Ok(Outside { db, keys: Arc::new(keys), redis, clock })
}

async fn serve(settings: Arc<Settings>) -> anyhow::Result<()> {
    let format = match settings.log.format {
        LogFormat::Json => telemetry::LogFormat::Json,
        LogFormat::Pretty => telemetry::LogFormat::Pretty,
    };
    let telemetry: Telemetry = telemetry::init(format, &settings.log.filter)?;
    let life = Lifecycle::new();
    life.listen_for_signals()?;
    let outside = outside(&settings).await?;
    tracing::info!(keys = ?outside.keys, "starting");
    if let Some(redis) = &outside.redis {
        check_redis(redis).await?;
    }
    // An honest task ends with its claim and a few tries to record it; what a dead process held comes back soon after.
    let lease = Duration::from_secs(2 * settings.notifier.lease_seconds);
    let options = QueueOptions { lease, namespace: settings.redis.key_prefix.clone() };
    let queue: Arc<dyn Queue> = queue::open(outside.redis, options);
    life.spawn("telemetry", telemetry.clone().keep_folding(life.soft.clone()));
    life.spawn("heartbeats", life.clone().report_heartbeats(Duration::from_secs(5)));
    let started =
        Notifier::start(Arc::clone(&settings), outside.db, outside.keys, queue, outside.clock, life.clone());
    let notifier = started.await?;
    let address =
        notifier.listen(Some(telemetry)).context("监听地址不可用 · the listening address cannot be used")?;
    tracing::info!(%address, "listening");
    life.soft.cancelled().await;
    match life.wait(Duration::from_secs(settings.notifier.shutdown_seconds)).await {
        Ending::Clean => tracing::info!("stopped"),
        Ending::Forced { dropped } => {
            tracing::warn!(dropped, "stopped; what was dropped is found by the sweep")
        }
    }
    Ok(())
}

/// A Redis that is away may come later; one that evicts keys is refused.
async fn check_redis(redis: &RedisPools) -> anyhow::Result<()> {
    match redis.refuse_eviction().await {
        Ok(()) => Ok(()),
        Err(evicts @ RedisFailure::Evicts(_)) => bail!("redis: {evicts}"),
        Err(error) => {
            tracing::warn!(%error, "Redis is not there yet: the sweep sends a part of what is due");
            Ok(())
        }
    }
}

/// Keys, database and Redis.
async fn check_outside(settings: &Settings) -> anyhow::Result<()> {
    let mut out = std::io::stdout();
    let outside = outside(settings).await?;
    writeln!(out, "密钥 keys       {:?}", outside.keys)?;
    outside.db.ping().await.context("数据库无应答 · the database does not answer")?;
    let backlog = mashang_infra::store::delivery::backlog(outside.db.conn(), outside.clock.now()).await;
    let backlog = backlog.context("数据库尚未迁移 · the tables are not there: run `mashang-api migrate`")?;
    writeln!(out, "数据库 database  ok, due {} unknown {}", backlog.due, backlog.unknown)?;
    match &outside.redis {
        Some(redis) => {
            redis.ping().await.context("Redis 无应答 · Redis does not answer")?;
            check_redis(redis).await?;
            writeln!(out, "Redis           ok")?;
        }
        None => writeln!(out, "Redis           none: the queue lives in the process")?,
    }
    Ok(())
}
