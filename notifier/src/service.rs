//! The notifier as a whole: what it is made of, and how it runs in a process of its own or inside the api.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use mashang_config::Settings;
use mashang_domain::alert::ladder::{self, Timing, VoiceHours};
use mashang_domain::delivery::retry::Schedule;
use mashang_domain::delivery::{Channel, RungKind};
use mashang_domain::time::{MINUTE, SECOND, Timestamp};
use mashang_entity::delivery;
use mashang_infra::bugs::{self, Bug};
use mashang_infra::clock::Clock;
use mashang_infra::db::Db;
use mashang_infra::keys::KeyRing;
use mashang_infra::lifecycle::Lifecycle;
use mashang_infra::queue::Queue;
use mashang_infra::store::delivery::Reconcile;
use mashang_infra::telemetry::Telemetry;
use sea_orm::DbErr;
use uuid::Uuid;

use crate::gateway::{self, BuildError, Gateway, LogGateway, Site};
use crate::receipt::Receipt;
use crate::router::{Bounds, Router};
use crate::schedule::{self, Hints};
use crate::standing::Standing;
use crate::sweep::{self, Swept};
use crate::worker::{self, Worker};
use crate::{asking, gateways, listener, receipts};

/// What every part of the notifier uses.
pub struct Core {
    pub settings: Arc<Settings>,
    pub db: Db,
    pub keys: Arc<KeyRing>,
    pub queue: Arc<dyn Queue>,
    pub clock: Clock,
    pub life: Lifecycle,
    pub router: Router,
    /// Who claims: this start of this process.
    pub owner: Uuid,
    pub schedule: Schedule,
    pub(crate) standing: Standing,
}

impl Core {
    pub(crate) fn voice_hours(&self) -> VoiceHours {
        if bugs::has(Bug::NightCalls) {
            return VoiceHours { from: 0, until: 24 };
        }
        VoiceHours {
            from: self.settings.dispatch.voice_from_hour,
            until: self.settings.dispatch.voice_until_hour,
        }
    }

    /// Whether calls that are not urgent may ring at `now`.
    pub(crate) fn voice_is_open(&self, now: Timestamp) -> bool {
        ladder::voice_from(now, self.voice_hours(), false) == now
    }

    /// The first instant from `at` on at which this delivery may be tried.
    pub(crate) fn may_ring(&self, row: &delivery::Model, at: Timestamp) -> Timestamp {
        match (row.channel, row.rung_kind) {
            (Channel::Voice, RungKind::Sms | RungKind::Call | RungKind::CallWithoutReceipt) => {
                ladder::voice_from(at, self.voice_hours(), row.urgent)
            }
            (Channel::Sms | Channel::Email | Channel::Subscribe, _)
            | (Channel::Voice, RungKind::Login | RungKind::Email | RungKind::Subscribe) => at,
        }
    }

    pub(crate) fn timing(&self, expires_at: Timestamp, urgent: bool) -> Timing {
        let call_after = self.settings.alerts.call_after_minutes * MINUTE;
        Timing { expires_at, urgent, voice: self.voice_hours(), call_after }
    }

    pub(crate) fn reconcile(&self) -> Reconcile {
        Reconcile {
            wait: self.settings.dispatch.reconcile_seconds * SECOND,
            idempotent: self.router.idempotent(),
            answering: asking::answering(self).iter().map(|road| road.name().to_owned()).collect(),
        }
    }
}

/// A running notifier. Dropping it does not stop it: its lifecycle does.
#[derive(Clone)]
pub struct Notifier {
    core: Arc<Core>,
    hints: Hints,
}

impl Notifier {
    /// Makes the gateways of the settings (the log gateway when there are none) and starts all loops in `lifecycle`.
    ///
    /// # Errors
    /// When a gateway cannot be made; nothing is started then.
    pub async fn start(
        settings: Arc<Settings>,
        db: Db,
        keys: Arc<KeyRing>,
        queue: Arc<dyn Queue>,
        clock: Clock,
        lifecycle: Lifecycle,
    ) -> Result<Self, BuildError> {
        let site =
            Site::new(gateway::machine_time(), &settings.notifier.public_url).sharing(&db, &keys, &clock);
        let gateways = self::gateways(&settings, &site)?;
        let notifier = Self::assemble(settings, db, keys, queue, clock, lifecycle, gateways);
        notifier.run().await;
        Ok(notifier)
    }

    /// The parts without the loops, with the gateways given: for tests, and for commands that run one step.
    pub fn assemble(
        settings: Arc<Settings>,
        db: Db,
        keys: Arc<KeyRing>,
        queue: Arc<dyn Queue>,
        clock: Clock,
        life: Lifecycle,
        gateways: Vec<Arc<dyn Gateway>>,
    ) -> Self {
        let lease = Duration::from_secs(settings.notifier.lease_seconds);
        let bounds = Bounds {
            longest: lease.saturating_sub(Duration::from_secs(1)) / 2,
            workers: worker::alert_share(settings.notifier.concurrency),
        };
        let router = Router::new(gateways, &settings.gateways, bounds);
        let schedule = Schedule {
            waits: settings.dispatch.retry_seconds.iter().map(|s| s * SECOND).collect(),
            max_tries: settings.dispatch.max_tries,
            jitter: settings.dispatch.jitter,
        };
        let owner = Uuid::new_v4();
        let standing = Standing::default();
        let core = Core { settings, db, keys, queue, clock, life, router, owner, schedule, standing };
        Self { core: Arc::new(core), hints: Hints::default() }
    }

    /// Starts worker, sweep and schedule.
    pub async fn run(&self) {
        let life = &self.core.life;
        // Before the first task: what is paused stays so over a restart.
        if let Err(error) = gateways::follow(&self.core).await {
            tracing::warn!(%error, "which gateways are paused is not known yet");
        }
        life.spawn("worker", Worker::new(Arc::clone(&self.core)).run());
        life.spawn("sweep", schedule::sweep_loop(Arc::clone(&self.core), self.hints.clone()));
        life.spawn("asking", asking::run(Arc::clone(&self.core)));
        life.spawn("minute", schedule::minute_loop(Arc::clone(&self.core), self.hints.clone()));
        match schedule::hints(&self.hints).await {
            Ok(mut scheduler) => {
                let soft = life.soft.clone();
                life.spawn("cron", async move {
                    soft.cancelled().await;
                    if let Err(error) = scheduler.shutdown().await {
                        tracing::debug!(%error, "the cron scheduler did not stop");
                    }
                });
            }
            Err(error) => tracing::warn!(%error, "no cron hints; the loops wake by themselves"),
        }
    }

    /// Opens the listener (health, metrics, receipts) at `notifier.listen` and answers its address.
    ///
    /// # Errors
    /// When the address is taken.
    pub fn listen(&self, telemetry: Option<Telemetry>) -> std::io::Result<SocketAddr> {
        listener::open(&self.core, &self.core.settings.notifier.listen, telemetry)
    }

    /// One pass of the sweep, now.
    pub async fn sweep(&self) -> Swept {
        sweep::pass(&self.core).await
    }

    /// One pass of asking for receipts, now.
    ///
    /// # Errors
    /// When the database does not do its part.
    pub async fn ask(&self) -> Result<asking::Passed, DbErr> {
        asking::pass(&self.core).await
    }

    /// Applies receipts that were read and believed.
    pub async fn receive(
        &self,
        receipts: &[Receipt],
    ) -> Result<mashang_infra::store::delivery::Received, DbErr> {
        receipts::apply(&self.core, receipts).await
    }

    /// Wakes the sweep before its time.
    pub fn wake(&self) {
        self.hints.sweep.notify_one();
    }

    pub fn core(&self) -> &Arc<Core> {
        &self.core
    }

    /// The log gateway, when there is one: where demonstrations read what was sent.
    pub fn log_gateway(&self) -> Option<LogGateway> {
        self.core.router.roads().iter().find_map(|road| road.gateway.as_log()).cloned()
    }
}

/// The gateways of the settings; without any, one that logs (the self-check refuses that in production).
pub fn gateways(settings: &Settings, site: &Site) -> Result<Vec<Arc<dyn Gateway>>, BuildError> {
    gateway::build(&settings.gateways, site)
}
