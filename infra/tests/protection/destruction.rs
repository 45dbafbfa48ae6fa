//! The end of an operation: two administrators, interrupted at every step, nothing readable afterwards.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use mashang_domain::person::Phone;
use mashang_domain::protection::OperationState;
use mashang_domain::protection::audit::Purpose;
use mashang_domain::protection::certificate::{CertificateError, verify_certificate};
use mashang_domain::protection::ending::{DestructionStep, EndRefused, EndStep};
use mashang_domain::protection::retention::TABLE;
use mashang_domain::time::{DAY, Timestamp};
use mashang_entity::{operation as entity, person};
use mashang_infra::clock::Clock;
use mashang_infra::destruction::Destruction;
use mashang_infra::gate::Gate;
use mashang_infra::keys::KeyRing;
use mashang_infra::redis::RedisPools;
use mashang_infra::store::audit::{self, Verdict};
use mashang_infra::store::{operation, person as people};
use sea_orm::{ActiveModelTrait, EntityTrait, IntoActiveModel};
use uuid::Uuid;

use crate::bench::{Bench, on_both, settings};
use crate::support::TestRedis;

on_both!(
    the_end_takes_two,
    after_the_end_nothing_is_readable,
    interrupted_at_every_step_it_is_finished,
    many_processes_finish_it_once,
    every_process_learns_of_the_end_within_a_second,
);

const NOW: Timestamp = Timestamp::from_secs(1_600_000_000);
const PEOPLE: u32 = 200;
const A: Uuid = Uuid::from_u128(0xa);
const B: Uuid = Uuid::from_u128(0xb);

/// An operation with people and a row in every table.
struct World<'a> {
    bench: &'a Bench,
    key_file: PathBuf,
    phones: Vec<Phone>,
    redis: Option<RedisPools>,
}

impl<'a> World<'a> {
    async fn new(bench: &'a Bench) -> Self {
        let key_file = bench.dir.path().join("keys.toml");
        let keys = KeyRing::open(&key_file, true).unwrap();
        operation::ensure(&bench.db, "测试行动", "《传染病防治法》", NOW).await.unwrap();
        let phones: Vec<_> =
            (0..PEOPLE).map(|n| Phone::parse(&format!("138{:08}", n * 7_919)).unwrap()).collect();
        let tx = bench.db.begin_write().await.unwrap();
        for phone in &phones {
            people::find_or_create(&*tx, &keys, phone, NOW).await.unwrap();
        }
        tx.commit().await.unwrap();
        for k in TABLE.iter().rev().filter(|k| k.rule.emptied_at_the_end()) {
            bench.insert(k.table, 1, NOW).await;
        }
        Self { bench, key_file, phones, redis: None }
    }

    /// A process that starts now.
    fn process(&self) -> Destruction {
        Destruction {
            db: self.bench.db.clone(),
            keys: Arc::new(KeyRing::open(&self.key_file, false).unwrap()),
            redis: self.redis.clone().map(|pools| (pools, "mashang-test".to_owned())),
            retention: settings().retention,
            clock: Clock::fixed(NOW + DAY),
            grace: Duration::from_millis(20),
        }
    }

    async fn end(&self, step: EndStep, who: Uuid, now: Timestamp) -> Result<OperationState, EndRefused> {
        let tx = self.bench.db.begin_write().await.unwrap();
        let answer = operation::end(&*tx, step, who, now).await.unwrap();
        tx.commit().await.unwrap();
        answer.map(|row| row.state)
    }

    async fn end_it(&self) {
        self.end(EndStep::Request, A, NOW).await.unwrap();
        self.end(EndStep::Confirm, B, NOW + 1).await.unwrap();
    }

    async fn row(&self) -> entity::Model {
        operation::current(self.bench.db.conn()).await.unwrap().unwrap()
    }

    /// How many numbers of `rows` the remaining key file opens, or finds by their hash.
    fn readable(&self, rows: &[person::Model]) -> usize {
        let keys = KeyRing::open(&self.key_file, false).unwrap();
        let opened = rows.iter().filter(|r| people::phone_of(&keys, r, Purpose::Alert).is_ok()).count();
        let hashes: Vec<_> = self.phones.iter().map(|p| keys.phone_hash(p)).collect();
        opened + rows.iter().filter(|r| hashes.contains(&r.phone_hash)).count()
    }

    async fn people(&self) -> Vec<person::Model> {
        let all = person::Entity::find().all(self.bench.db.conn()).await.unwrap();
        all.into_iter().filter(|p| p.id != Uuid::from_u128(1)).collect()
    }
}

async fn the_end_takes_two(bench: &Bench) {
    let world = World::new(bench).await;
    assert_eq!(world.end(EndStep::Confirm, B, NOW).await, Err(EndRefused::NotRequested));
    assert_eq!(world.end(EndStep::Request, A, NOW).await, Ok(OperationState::EndRequested));
    assert_eq!(world.end(EndStep::Confirm, A, NOW).await, Err(EndRefused::SamePerson));
    assert_eq!(world.end(EndStep::Confirm, B, NOW + DAY).await, Err(EndRefused::NotRequested));
    assert_eq!(world.process().finish().await.unwrap(), None, "it still runs");
    assert_eq!(world.end(EndStep::Request, B, NOW + DAY).await, Ok(OperationState::EndRequested));
    assert_eq!(world.end(EndStep::Confirm, A, NOW + DAY + 1).await, Ok(OperationState::Ended));
    assert_eq!(world.end(EndStep::Request, A, NOW + DAY + 2).await, Err(EndRefused::Ended));
    let again = operation::ensure(&bench.db, "another", "x", NOW + 2 * DAY).await.unwrap();
    assert_eq!(again.state, OperationState::Ended, "a restart begins nothing new");
}

async fn after_the_end_nothing_is_readable(bench: &Bench) {
    let mut world = World::new(bench).await;
    let redis = TestRedis::start().await;
    if let Some(redis) = &redis {
        world.redis = Some(redis.pools());
        let mut connection = redis.pools().get().await.unwrap();
        for key in ["mashang-test:a", "{mashang-test:queue}:login", "somebody-else"] {
            let () = ::redis::cmd("SET").arg(key).arg(1).query_async(&mut connection).await.unwrap();
        }
    }
    let backup = world.people().await;
    let copy = bench.dir.path().join("backup.db");
    if !bench.db.is_postgres() {
        bench.run(&format!("VACUUM INTO '{}'", copy.display())).await;
    }
    assert_eq!(world.readable(&backup), 2 * PEOPLE as usize, "before: every number, by key and by hash");
    world.end_it().await;
    let signed = world.process().finish().await.unwrap().expect("a certificate");
    assert_eq!(world.readable(&backup), 0, "a restored backup and the remaining key file give nothing");
    for k in TABLE.iter().filter(|k| k.rule.emptied_at_the_end()) {
        assert_eq!(bench.count(k.table).await, 0, "{}", k.table);
    }
    if !bench.db.is_postgres() {
        assert!(copy.exists());
        nothing_is_left_in_the_files(bench, &backup);
    }
    if let Some(redis) = &redis {
        let mut connection = redis.pools().get().await.unwrap();
        let mut exists = ::redis::cmd("EXISTS");
        exists.arg("mashang-test:a").arg("{mashang-test:queue}:login");
        assert_eq!(exists.query_async::<u64>(&mut connection).await.unwrap(), 0);
        let other =
            ::redis::cmd("DEL").arg("somebody-else").query_async::<u64>(&mut connection).await.unwrap();
        assert_eq!((other, signed.certificate.redis_keys_deleted), (1, Some(2)));
    }
    let file = signed.to_file();
    let c = verify_certificate(file.as_bytes()).unwrap();
    assert_eq!((c.end_requested_by, c.end_confirmed_by), (A, B));
    let people = c.tables.iter().find(|t| t.table == "person").unwrap();
    assert_eq!((people.rows_before, people.rows_after), (i64::from(PEOPLE) + 1, 0));
    assert_eq!(c.keys_destroyed.len(), 3, "{:?}", c.keys_destroyed);
    let (seq, hash) = audit::head(bench.db.conn()).await.unwrap();
    assert_eq!((c.audit_head.seq, c.audit_head.hash), (seq, data_encoding::HEXLOWER.encode(&hash)));
    assert!(matches!(audit::verify(bench.db.conn()).await.unwrap(), Verdict::Intact { .. }));
    let bent = file.replace("\"rows_after\": 0", "\"rows_after\": 1");
    assert_eq!(verify_certificate(bent.as_bytes()), Err(CertificateError::BadSignature));
    assert_eq!(world.process().finish().await.unwrap(), Some(signed), "asked again, the same certificate");
}

fn nothing_is_left_in_the_files(bench: &Bench, people: &[person::Model]) {
    for name in ["mashang.db", "mashang.db-wal"] {
        let Ok(bytes) = std::fs::read(bench.dir.path().join(name)) else { continue };
        for p in people {
            for needle in [&p.phone_hash, &p.phone_sealed] {
                assert!(!bytes.windows(needle.len()).any(|w| w == needle.as_slice()), "{name}");
            }
        }
    }
}

/// Every step is done, its record is lost with the process, and a new process goes on.
async fn interrupted_at_every_step_it_is_finished(bench: &Bench) {
    let world = World::new(bench).await;
    let backup = world.people().await;
    let prints = world.process().keys.destructible_fingerprints();
    world.end_it().await;
    let mut steps = 0;
    loop {
        let before = world.row().await;
        if before.destruction_step == Some(DestructionStep::CachesCleared) {
            break;
        }
        assert!(world.process().step().await.unwrap());
        let mut lost = world.row().await.into_active_model();
        lost.destruction_step = sea_orm::Set(before.destruction_step);
        lost.destruction = sea_orm::Set(before.destruction);
        lost.update(bench.db.conn()).await.unwrap();
        assert!(world.process().step().await.unwrap(), "done again by another process");
        if world.row().await.destruction_step >= Some(DestructionStep::KeysDestroyed) {
            assert_eq!(world.readable(&backup), 0);
        }
        steps += 1;
    }
    assert_eq!(steps, 5);
    let signed = world.process().finish().await.unwrap().expect("a certificate");
    let c = verify_certificate(signed.to_file().as_bytes()).unwrap();
    assert_eq!(c.keys_destroyed, prints);
    let outbox_only = c.tables.iter().filter(|t| t.rows_before == 0).map(|t| t.table.as_str());
    assert_eq!(outbox_only.collect::<Vec<_>>(), ["outbox"], "emptied when the alerts were cancelled");
}

async fn many_processes_finish_it_once(bench: &Bench) {
    let world = World::new(bench).await;
    world.end_it().await;
    let processes: Vec<_> = (0..6).map(|_| world.process()).collect();
    let ended = futures_util::future::join_all(processes.iter().map(Destruction::finish)).await;
    let certificates: Vec<_> = ended.into_iter().map(|r| r.unwrap().expect("a certificate")).collect();
    assert!(certificates.windows(2).all(|w| w[0] == w[1]));
    assert_eq!(bench.number("SELECT count(*) FROM audit WHERE action = 'operation.destroyed'").await, 1);
}

async fn every_process_learns_of_the_end_within_a_second(bench: &Bench) {
    let world = World::new(bench).await;
    let other = world.process();
    let gate = Gate::new(bench.db.clone(), Arc::clone(&other.keys));
    assert!(!gate.is_ended().await);
    world.end_it().await;
    world.process().finish().await.unwrap();
    tokio::time::sleep(Duration::from_millis(900)).await;
    assert!(gate.is_ended().await);
    assert!(other.keys.is_destroyed());
}
