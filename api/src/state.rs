//! What every use case can reach: settings, database, keys, clock, queue, caches.

use std::sync::Arc;
use std::time::Duration;

use mashang_config::Settings;
use mashang_entity::health;
use mashang_infra::cache::{Cache, Caches};
use mashang_infra::clock::Clock;
use mashang_infra::db::Db;
use mashang_infra::gate::Gate;
use mashang_infra::health::issuer::Issuer;
use mashang_infra::health::rules::Rules;
use mashang_infra::keys::KeyRing;
use mashang_infra::lifecycle::Lifecycle;
use mashang_infra::platform::Platforms;
use mashang_infra::queue::Queue;
use mashang_infra::redis::RedisPools;
use mashang_infra::store::code_check::CheckLog;
use mashang_infra::store::health_reader::HealthReader;
use mashang_infra::store::scan_writer::ScanWriter;
use mashang_infra::store::session_reader::SessionReader;
use mashang_infra::telemetry::Telemetry;

use uuid::Uuid;

use crate::app::device::Device;
use crate::app::health::verify::Masked;
use crate::app::session::Session;
use crate::app::venue::CodeEntry;
use crate::cards::Cards;
use crate::render::Fonts;

/// The name under which session caches tell each other what to drop.
pub const SESSIONS: &str = "session";
/// The name under which caches of devices do.
pub const DEVICES: &str = "api_key";
/// The name under which caches of venue codes do.
pub const CODES: &str = "venue_code";

/// The name under which caches of the people of codes do.
pub const CODE_REFS: &str = "code_ref";

/// The name under which caches of health codes do.
pub const HEALTH: &str = "health";

/// The application. Shared by all workers.
pub struct App {
    pub settings: Arc<Settings>,
    pub db: Db,
    pub keys: Arc<KeyRing>,
    pub clock: Clock,
    pub queue: Arc<dyn Queue>,
    pub redis: Option<RedisPools>,
    pub platforms: Platforms,
    pub caches: Caches,
    pub sessions: Cache<Session>,
    /// For those that the cache has not.
    pub session_reader: SessionReader,
    /// Devices by their key.
    pub devices: Cache<Device>,
    /// Closed once the operation has ended.
    pub gate: Gate,
    /// What venue codes stand for, by [`crate::app::venue::code_id`].
    pub codes: Cache<CodeEntry>,
    /// Health codes by person; none for who has none.
    pub health: Cache<Option<Arc<health::Model>>>,
    /// For those that the cache has not.
    pub health_reader: HealthReader,
    /// Whose code a reference of a signed code is.
    pub code_refs: Cache<Option<Uuid>>,
    /// Who people are as gates see it, by declaration.
    pub masked: Cache<Arc<Masked>>,
    /// Signs and checks codes.
    pub issuer: Issuer,
    /// Writes down what gates checked.
    pub checks: CheckLog,
    /// By which health codes are judged.
    pub rules: Rules,
    /// Where linked cards come from.
    pub cards: Cards,
    /// Records scans; close it when the server has stopped.
    pub scans: ScanWriter,
    pub fonts: Fonts,
    pub lifecycle: Lifecycle,
    pub telemetry: Telemetry,
}

impl App {
    pub fn new(parts: Parts) -> Self {
        let s = &parts.settings.sessions;
        let sessions = parts.caches.cache(SESSIONS, s.cache_entries, Duration::from_secs(s.cache_seconds));
        let devices = parts.caches.cache(DEVICES, s.cache_entries, Duration::from_secs(s.cache_seconds));
        let v = &parts.settings.venues;
        let codes = parts.caches.cache(CODES, v.cache_entries, Duration::from_secs(v.cache_seconds));
        let h = &parts.settings.health;
        let health = parts.caches.cache(HEALTH, h.cache_entries, Duration::from_secs(h.cache_seconds));
        let lasting = Duration::from_secs(h.cache_seconds * 10);
        let code_refs = parts.caches.cache(CODE_REFS, h.cache_entries, Duration::from_secs(h.cache_seconds));
        let masked = parts.caches.cache("masked", h.cache_entries, lasting);
        let issuer = Issuer::new(&parts.db, &parts.keys, h.key_days);
        let Parts {
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
        } = parts;
        let scans = ScanWriter::start(db.clone(), &settings.scans, clock.clone(), &lifecycle);
        let session_reader = SessionReader::start(&db);
        let health_reader = HealthReader::start(&db);
        let checks = CheckLog::start(&db);
        let gate = Gate::new(db.clone(), Arc::clone(&keys));
        Self {
            settings,
            db,
            keys,
            clock,
            queue,
            redis,
            platforms,
            caches,
            sessions,
            session_reader,
            devices,
            gate,
            codes,
            health,
            health_reader,
            code_refs,
            masked,
            issuer,
            checks,
            rules,
            cards,
            scans,
            fonts,
            lifecycle,
            telemetry,
        }
    }
}

/// What an application is made of.
pub struct Parts {
    pub settings: Arc<Settings>,
    pub db: Db,
    pub keys: Arc<KeyRing>,
    pub clock: Clock,
    pub queue: Arc<dyn Queue>,
    pub redis: Option<RedisPools>,
    pub platforms: Platforms,
    pub caches: Caches,
    pub rules: Rules,
    pub cards: Cards,
    pub fonts: Fonts,
    pub lifecycle: Lifecycle,
    pub telemetry: Telemetry,
}
