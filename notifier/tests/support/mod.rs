//! A database, a queue, a clock that is moved by hand, and people to warn.
#![allow(dead_code, reason = "each test binary uses a part of it")]

pub mod gateway;
pub mod servers;

use std::sync::Arc;
use std::time::Duration;

use mashang_config::Settings;
use mashang_domain::alert::{AlertKind, AlertState};
use mashang_domain::delivery::{Channel, DeliveryState, RungKind};
use mashang_domain::person::Phone;
use mashang_domain::time::{HOUR, SECOND, Timestamp};
use mashang_domain::trace::TraceState;
use mashang_entity::{alert, delivery, login_code, person, trace, trace_contact};
use mashang_infra::clock::{Clock, ClockHand};
use mashang_infra::db::Db;
use mashang_infra::keys::{Field, KeyFileSecrets, KeyRing};
use mashang_infra::lifecycle::Lifecycle;
use mashang_infra::queue::{MemoryQueue, Queue, QueueOptions, RedisQueue, Task};
use mashang_infra::store;
use mashang_migration::{Migrator, MigratorTrait};
use mashang_notifier::Notifier;
use mashang_notifier::gateway::Gateway;
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter};
use serde_json::json;
use servers::{TestDatabase, TestRedis};
use tempfile::TempDir;
use uuid::Uuid;

/// 12 February 2020, noon in Kunming.
pub const NOON: &str = "2020-02-12T12:00:00+08:00";

/// The key of lines that each `[[gateways]]` table gets, in what a test wants of [`each`].
pub const GATEWAY_LINES: &str = "GATEWAY_LINES";

pub struct Bench {
    pub name: &'static str,
    pub settings: Arc<Settings>,
    pub db: Db,
    pub keys: Arc<KeyRing>,
    pub hand: ClockHand,
    pub clock: Clock,
    pub queue: Arc<dyn Queue>,
    pub redis: Option<TestRedis>,
    _database: TestDatabase,
    _dir: TempDir,
}

/// Somebody with a number.
#[derive(Debug, Clone)]
pub struct Somebody {
    pub id: Uuid,
    pub phone: Phone,
}

impl Somebody {
    pub fn number(&self) -> String {
        self.phone.reveal().to_owned()
    }
}

/// A notifier that can be killed.
pub struct Running {
    pub notifier: Notifier,
    pub life: Lifecycle,
}

impl Running {
    /// As kill -9 does: everything ends at its next await.
    pub async fn kill(&self) {
        self.life.soft.cancel();
        self.life.hard.cancel();
        self.life.wait(Duration::from_secs(2)).await;
    }

    pub async fn stop(&self) {
        self.life.stop();
        self.life.wait(Duration::from_secs(10)).await;
    }
}

/// Both ways to run: (SQLite, in process) and (PostgreSQL, Redis).
pub async fn each(env: &[(&str, &str)], test: impl AsyncFn(Bench)) {
    test(Bench::new("embedded", TestDatabase::sqlite(), None, env).await).await;
    let (Some(database), Some(redis)) = (TestDatabase::postgres().await, TestRedis::start().await) else {
        return;
    };
    test(Bench::new("service", database, Some(redis), env).await).await;
}

impl Bench {
    async fn new(
        name: &'static str,
        database: TestDatabase,
        redis: Option<TestRedis>,
        env: &[(&str, &str)],
    ) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut all = vec![
            ("DATABASE__URL", database.url.as_str()),
            ("NOTIFIER__SWEEP_MS", "40"),
            ("NOTIFIER__LEASE_SECONDS", "4"),
        ];
        all.push(("NOTIFIER__LISTEN", "127.0.0.1:0"));
        // Not of the environment: lines for every table of a gateway.
        let lines = env.iter().find(|(key, _)| *key == GATEWAY_LINES).map_or("", |(_, lines)| lines);
        all.extend(env.iter().copied().filter(|(key, _)| *key != GATEWAY_LINES));
        let env = all.iter().map(|(k, v)| (format!("MASHANG__{k}"), (*v).to_owned())).collect();
        let file = dir.path().join("m.toml");
        let tables: String = [("fake", "aliyun_sms", "open-sesame"), ("fake-b", "aliyun_sms", "open-sesame"), ("fake-voice", "aliyun_sms", "open-sesame"), ("fake-twilio", "twilio_sms", "")]
            .map(|(n, kind, secret)| format!("[[gateways]]\nname = \"{n}\"\nkind = \"{kind}\"\naccess_key_secret = \"x\"\ntimeout_ms = 1000\nreceipt_secret = \"{secret}\"\n{lines}\n"))
            .concat();
        std::fs::write(&file, tables).unwrap();
        let settings = Arc::new(mashang_config::load_with(Some(&file), env).unwrap());
        let db = Db::connect(&settings.database).await.unwrap();
        Migrator::up(&db.unbounded(), None).await.unwrap();
        let keys = KeyRing::from_secrets(&KeyFileSecrets::create(&dir.path().join("keys.toml")).unwrap());
        let (clock, hand) = Clock::manual(Timestamp::parse(NOON).unwrap());
        let options =
            |namespace: &str| QueueOptions { lease: Duration::from_secs(2), namespace: namespace.to_owned() };
        let queue: Arc<dyn Queue> = match &redis {
            Some(redis) => Arc::new(RedisQueue::new(redis.pools(), options(&redis.namespace))),
            None => Arc::new(MemoryQueue::new(options("test"))),
        };
        let keys = Arc::new(keys);
        Self { name, settings, db, keys, hand, clock, queue, redis, _database: database, _dir: dir }
    }

    pub fn assemble(&self, gateways: Vec<Arc<dyn Gateway>>) -> Running {
        let life = Lifecycle::new();
        let notifier = Notifier::assemble(
            Arc::clone(&self.settings),
            self.db.clone(),
            Arc::clone(&self.keys),
            Arc::clone(&self.queue),
            self.clock.clone(),
            life.clone(),
            gateways,
        );
        Running { notifier, life }
    }

    pub async fn start(&self, gateways: Vec<Arc<dyn Gateway>>) -> Running {
        let running = self.assemble(gateways);
        running.notifier.run().await;
        running
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub async fn people(&self, count: usize) -> Vec<Somebody> {
        self.people_from(0, count).await
    }

    /// People whose numbers nobody has yet, from the `first`th on.
    pub async fn people_from(&self, first: usize, count: usize) -> Vec<Somebody> {
        let people: Vec<Somebody> = (first..first + count)
            .map(|n| Somebody { id: Uuid::new_v4(), phone: Phone::parse(&format!("154{n:08}")).unwrap() })
            .collect();
        for part in people.chunks(500) {
            let rows = part.iter().map(|p| person::ActiveModel {
                id: Set(p.id),
                phone_hash: Set(self.keys.phone_hash(&p.phone)),
                phone_sealed: Set(self.keys.seal_phone(Field::PersonPhone, p.id, &p.phone).unwrap()),
                key_version: Set(self.keys.current_version()),
                created_at: Set(self.now()),
            });
            person::Entity::insert_many(rows).exec_without_returning(self.db.conn()).await.unwrap();
        }
        people
    }

    /// A frozen trace with these contacts.
    pub async fn trace(&self, contacts: &[(Uuid, i16)]) -> Uuid {
        let id = Uuid::new_v4();
        let row = trace::Model {
            id,
            division_code: "530100".into(),
            state: TraceState::Frozen,
            case_ids: json!([]),
            spans: json!([]),
            parameters: json!({}),
            counts: None,
            by_venue: None,
            sha256: Some("00".into()),
            failure: None,
            created_by: Uuid::nil(),
            created_at: self.now(),
            frozen_at: Some(self.now()),
        };
        trace::Entity::insert(row.into_active_model()).exec_without_returning(self.db.conn()).await.unwrap();
        let span = |start: &str, end: &str| json!({ "start": start, "end": end });
        // Came on the 9th after 16:00 UTC, which is the 10th in Kunming.
        let meetings = json!([{
            "kind": "after", "visit": span("2020-02-09T15:30:00Z", "2020-02-09T17:00:00Z"),
            "case_visit": span("2020-02-09T15:00:00Z", "2020-02-09T16:10:00Z")
        }, {
            "kind": "direct", "visit": span("2020-02-11T02:00:00Z", "2020-02-11T03:00:00Z"),
            "case_visit": span("2020-02-11T01:00:00Z", "2020-02-11T04:00:00Z")
        }]);
        for part in contacts.chunks(500) {
            let rows = part.iter().map(|(person, level)| trace_contact::ActiveModel {
                trace_id: Set(id),
                person_id: Set(*person),
                level: Set(*level),
                meetings: Set(meetings.clone()),
            });
            trace_contact::Entity::insert_many(rows).exec_without_returning(self.db.conn()).await.unwrap();
        }
        id
    }

    /// An approved alert to a trace, with its task in the outbox.
    pub async fn alert(&self, trace_id: Uuid, change: impl FnOnce(&mut alert::Model)) -> Uuid {
        let now = self.now();
        let mut row = alert::Model {
            id: Uuid::new_v4(),
            kind: AlertKind::Warning,
            corrects: None,
            trace_id,
            trace_sha256: "00".into(),
            templates: json!({}),
            levels: json!([1, 2, 3]),
            urgent: false,
            drill: false,
            state: AlertState::Approved,
            division_code: "530100".into(),
            created_by: Uuid::from_u128(1),
            created_at: now,
            submitted_by: Some(Uuid::from_u128(1)),
            submitted_at: Some(now),
            first_approver: None,
            decided_by: Some(Uuid::from_u128(2)),
            decided_at: Some(now),
            reason: None,
            expires_at: Some(now + self.settings.alerts.expires_hours * HOUR),
            fanned_out_at: None,
            cancelled_at: None,
            done_at: None,
        };
        change(&mut row);
        let id = row.id;
        let tx = self.db.begin_write().await.unwrap();
        alert::Entity::insert(row.into_active_model()).exec_without_returning(&*tx).await.unwrap();
        store::outbox::add(&*tx, &Task::FanOut { alert: id }, now).await.unwrap();
        tx.commit().await.unwrap();
        id
    }

    /// An alert of level 1 (one SMS each) to all of them.
    pub async fn warn(&self, people: &[Somebody], level: i16) -> Uuid {
        let contacts: Vec<_> = people.iter().map(|p| (p.id, level)).collect();
        let trace = self.trace(&contacts).await;
        self.alert(trace, |_| {}).await
    }

    pub async fn cancel(&self, id: Uuid) -> u64 {
        let tx = self.db.begin_write().await.unwrap();
        let row = alert::Entity::find_by_id(id).one(&*tx).await.unwrap().unwrap();
        let mut row = row.into_active_model();
        row.state = Set(AlertState::Cancelled);
        row.cancelled_at = Set(Some(self.now()));
        alert::Entity::update(row).exec(&*tx).await.unwrap();
        let stopped = store::alert::stop(&*tx, id, self.now()).await.unwrap();
        tx.commit().await.unwrap();
        stopped
    }

    /// Cancels the alert and leaves its deliveries as they are.
    pub async fn cancel_alone(&self, id: Uuid) {
        let mut row = self.alert_row(id).await.into_active_model();
        row.state = Set(AlertState::Cancelled);
        alert::Entity::update(row).exec(self.db.conn()).await.unwrap();
    }

    /// A request for a login code, and its delivery.
    pub async fn login(&self, phone: &Phone, burnt: bool) -> (Uuid, Uuid) {
        let (id, now) = (Uuid::now_v7(), self.now());
        let row = login_code::Model {
            id,
            phone_hash: self.keys.phone_hash(phone),
            phone_sealed: self.keys.seal_phone(Field::LoginPhone, id, phone).unwrap(),
            key_version: self.keys.current_version(),
            block_hash: vec![1],
            address_hash: vec![2],
            channel: Channel::Sms,
            code_hash: vec![3],
            wrong_tries: 0,
            created_at: now,
            expires_at: now + 300_000,
            used_at: None,
            burnt_at: burnt.then_some(now),
        };
        let tx = self.db.begin_write().await.unwrap();
        login_code::Entity::insert(row.into_active_model()).exec_without_returning(&*tx).await.unwrap();
        let delivery =
            store::delivery::enqueue_login(&*tx, id, Channel::Sms, now, &self.settings).await.unwrap();
        tx.commit().await.unwrap();
        (id, delivery)
    }

    pub async fn alert_row(&self, id: Uuid) -> alert::Model {
        store::alert::by_id(self.db.conn(), id).await.unwrap().unwrap()
    }

    pub async fn progress(&self, id: Uuid) -> store::alert::Progress {
        store::alert::progress(self.db.conn(), &self.alert_row(id).await).await.unwrap()
    }

    pub async fn count(&self, id: Uuid, state: DeliveryState) -> i64 {
        self.progress(id).await.count(state)
    }

    pub async fn deliveries(&self, id: Uuid) -> Vec<delivery::Model> {
        delivery::Entity::find().filter(delivery::Column::AlertId.eq(id)).all(self.db.conn()).await.unwrap()
    }

    pub async fn delivery(&self, id: Uuid) -> delivery::Model {
        delivery::Entity::find_by_id(id).one(self.db.conn()).await.unwrap().unwrap()
    }

    /// The delivery of a rung to somebody.
    pub async fn of(&self, alert: Uuid, person: &Somebody, kind: RungKind) -> delivery::Model {
        let all = self.deliveries(alert).await;
        all.into_iter().find(|d| d.person_id == Some(person.id) && d.rung_kind == kind).unwrap()
    }

    /// Looks until `found` says yes, for twenty seconds.
    pub async fn until(&self, what: &str, found: impl AsyncFn() -> bool) {
        for _ in 0..800 {
            if found().await {
                return;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("{}: it did not happen: {what}", self.name);
    }

    pub async fn until_count(&self, id: Uuid, state: DeliveryState, n: i64) {
        let what = format!("{n} {state}; {:?}", self.progress(id).await.counts);
        self.until(&what, async || self.count(id, state).await == n).await;
    }

    pub async fn until_done(&self, id: Uuid) {
        self.until("the alert is done", async || self.alert_row(id).await.state == AlertState::Done).await;
    }

    /// Lets time pass, a second at each look, until the alert is done.
    pub async fn until_done_in_time(&self, id: Uuid) {
        self.until("the alert is done in time", async || {
            self.hand.advance(SECOND);
            self.alert_row(id).await.state == AlertState::Done
        })
        .await;
    }
}
