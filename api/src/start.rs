//! Puts an application together from its settings, after checking that it is safe to start.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use mashang_config::Settings;
use mashang_domain::time::DAY;
use mashang_infra::cache::Caches;
use mashang_infra::clock::Clock;
use mashang_infra::db::Db;
use mashang_infra::health::rules::{Rules, text_of};
use mashang_infra::health::versions;
use mashang_infra::keys::KeyRing;
use mashang_infra::lifecycle::Lifecycle;
use mashang_infra::platform::Platforms;
use mashang_infra::queue::{self, QueueOptions};
use mashang_infra::redis::{RedisFailure, RedisOptions, RedisPools};
use mashang_infra::store::partition;
use mashang_infra::telemetry::Telemetry;
use mashang_migration::{Migrator, MigratorTrait};
use mashang_notifier::service::Notifier;

use crate::cards::Cards;
use crate::render::Fonts;
use crate::state::{App, Parts};

/// Refuses dangerous settings, each with its own sentence.
pub fn check_settings(settings: &Settings) -> anyhow::Result<()> {
    let refusals = mashang_config::check::check(settings);
    if refusals.is_empty() {
        return Ok(());
    }
    let lines: Vec<String> = refusals.iter().map(|r| format!("  {r}")).collect();
    bail!("these settings are refused:\n{}", lines.join("\n"))
}

/// The clock: the system's, moved by a file in development.
pub fn clock(settings: &Settings) -> Clock {
    let file = &settings.development.clock_offset_file;
    if file.is_empty() { Clock::system() } else { Clock::with_offset_file(file) }
}

/// Opens the key ring; makes one in development.
pub fn keys(settings: &Settings) -> anyhow::Result<Arc<KeyRing>> {
    Ok(Arc::new(KeyRing::open(Path::new(&settings.keys.file), !settings.production())?))
}

/// Connects and brings the schema up to date.
pub async fn database(settings: &Settings) -> anyhow::Result<Db> {
    let db = Db::connect(&settings.database).await.context("database.url: no connection")?;
    if settings.database.migrate_on_start {
        migrate(&db).await?;
    }
    mashang_infra::store::safety::check(&db).await?;
    Ok(db)
}

/// Applies pending migrations; two processes that start at once take turns.
pub async fn migrate(db: &Db) -> anyhow::Result<()> {
    let _turn = mashang_infra::store::safety::migration_turn(db).await?;
    Migrator::up(&db.unbounded(), None).await.context("the migrations failed")
}

/// Redis, when the settings name one.
pub async fn redis(settings: &Settings) -> anyhow::Result<Option<RedisPools>> {
    let Some(url) = settings.redis_url() else { return Ok(None) };
    let r = &settings.redis;
    let options = RedisOptions {
        pool_size: r.pool_size,
        wait_timeout: Duration::from_millis(r.wait_timeout_ms),
        connect_timeout: Duration::from_millis(r.wait_timeout_ms),
        response_timeout: Duration::from_millis(r.response_timeout_ms),
    };
    let pools = RedisPools::connect(url, options)?;
    check_redis(&pools).await?;
    Ok(Some(pools))
}

/// A Redis that is away may come later; one that evicts keys is refused.
async fn check_redis(pools: &RedisPools) -> anyhow::Result<()> {
    match pools.refuse_eviction().await {
        Ok(()) => {}
        Err(evicts @ RedisFailure::Evicts(_)) => bail!("redis: {evicts}"),
        Err(e) => {
            tracing::warn!(error = %e, "Redis is not there yet: sign-in by code waits, scans work");
            return Ok(());
        }
    }
    if let Ok(mashang_infra::redis::Persistence::Off) = pools.persistence().await {
        tracing::warn!(
            "Redis keeps nothing on disk: alerts survive its restart, pending SMS codes wait for the next sweep"
        );
    }
    Ok(())
}

/// The fonts of posters, looked for once. Without a Chinese one only SVG posters can be made.
async fn fonts(settings: &Settings) -> anyhow::Result<Fonts> {
    let dir = settings.posters.font_dir.clone();
    let load = move || Fonts::load((!dir.is_empty()).then_some(Path::new(&dir)));
    let fonts = tokio::task::spawn_blocking(load).await?;
    if let Err(e) = fonts.check() {
        tracing::warn!(error = %e, "posters: SVG only");
    }
    Ok(fonts)
}

/// The rules of the health code, put into force where they are newer than those that are.
async fn rules(settings: &Settings, db: &Db, clock: &Clock) -> anyhow::Result<Rules> {
    let file = &settings.health.rules_file;
    let rules = Rules::load(file).context("health.rules_file")?;
    let text = text_of(file).context("health.rules_file")?;
    versions::register(db, &rules.current(), &text, clock.now()).await.context("health.rules_file")?;
    Ok(rules)
}

/// Everything together.
pub async fn build(settings: Settings, telemetry: Telemetry, lifecycle: Lifecycle) -> anyhow::Result<App> {
    check_settings(&settings)?;
    let clock = clock(&settings);
    let keys = keys(&settings)?;
    tracing::info!(keys = ?keys.fingerprints(), "key ring");
    let db = database(&settings).await?;
    let named = &settings.operation;
    mashang_infra::store::operation::ensure(&db, &named.name, &named.legal_basis, clock.now()).await?;
    let ahead = i64::from(settings.database.partitions_ahead_days) * DAY;
    partition::ensure_days(&db, clock.now() - DAY, clock.now() + ahead).await?;
    let redis = redis(&settings).await?;
    let lease = Duration::from_secs(settings.notifier.lease_seconds);
    let queue =
        queue::open(redis.clone(), QueueOptions { lease, namespace: settings.redis.key_prefix.clone() });
    let caches = match &redis {
        Some(pools) => Caches::over(pools.clone(), &settings.redis.key_prefix),
        None => Caches::in_process(),
    };
    lifecycle.spawn("cache announcements", caches.clone().listen(lifecycle.clone()));
    let fonts = fonts(&settings).await?;
    let platforms = Platforms::of(&settings, &db, &keys, &clock)?;
    let rules = rules(&settings, &db, &clock).await?;
    let cards = Cards::new(&settings.cards).context("cards")?;
    let settings = Arc::new(settings);
    Ok(App::new(Parts {
        settings,
        db,
        keys,
        clock,
        queue,
        redis,
        platforms,
        caches,
        rules,
        cards,
        fonts,
        lifecycle,
        telemetry,
    }))
}

/// Starts the notifier inside this process, when the settings say so.
pub async fn embedded_notifier(app: &App) -> anyhow::Result<Option<Notifier>> {
    if !app.settings.notifier_embedded() {
        return Ok(None);
    }
    let (settings, keys, queue) = (Arc::clone(&app.settings), Arc::clone(&app.keys), Arc::clone(&app.queue));
    Ok(Some(
        Notifier::start(settings, app.db.clone(), keys, queue, app.clock.clone(), app.lifecycle.clone())
            .await?,
    ))
}
