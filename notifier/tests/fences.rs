//! Who may say what became of a delivery, and when a lost answer may be tried again.
#![expect(clippy::unwrap_used, reason = "tests")]

mod support;

use mashang_domain::delivery::{Channel, DeliveryState, RungKind};
use mashang_domain::time::SECOND;
use mashang_entity::delivery;
use mashang_infra::store;
use mashang_infra::store::delivery::{Claim, NewAttempt, Settled};
use sea_orm::ActiveValue::Set;
use sea_orm::{EntityTrait, IntoActiveModel};
use support::gateway::{Act, Fake, shared};
use support::{Bench, each};
use uuid::Uuid;

use DeliveryState::{Accepted, Failed, Pending, Sending, Unknown};

/// Claims a delivery and writes its attempt, as a worker does before its call.
async fn hold(bench: &Bench, id: Uuid, owner: Uuid, reference: &str) -> delivery::Model {
    let tx = bench.db.begin_write().await.unwrap();
    let now = bench.now();
    let terms = Claim { owner, until: now + 4 * SECOND, now, voice_open: true };
    let row = store::delivery::claim(&*tx, &[id], &terms).await.unwrap().pop().unwrap();
    let attempt = NewAttempt {
        reference: reference.to_owned(),
        delivery_id: id,
        epoch: row.epoch,
        gateway: "fake".to_owned(),
        batch: reference.to_owned(),
    };
    store::delivery::open_attempts(&*tx, &[attempt], now).await.unwrap();
    tx.commit().await.unwrap();
    row
}

/// Writes what a holder has to say; whether anything changed.
async fn say(
    bench: &Bench,
    row: &delivery::Model,
    owner: Uuid,
    reference: &str,
    state: DeliveryState,
) -> bool {
    let settled = Settled {
        id: row.id,
        epoch: row.epoch,
        reference: Some(reference.to_owned()),
        gateway: Some("fake".to_owned()),
        state,
        due_at: bench.now(),
        tries: 1,
        provider_id: None,
        found_by_id: false,
        code: None,
        outcome: state.as_str().to_owned(),
    };
    let tx = bench.db.begin_write().await.unwrap();
    let changed = store::delivery::record(&*tx, owner, &[settled], bench.now()).await.unwrap();
    tx.commit().await.unwrap();
    !changed.is_empty()
}

/// The lease passes, the wait for an answer too: the delivery is pending again.
async fn lose(bench: &Bench, wait: i64) {
    let reconcile = store::delivery::Reconcile { wait, idempotent: Vec::new(), answering: Vec::new() };
    bench.hand.advance(5 * SECOND);
    let tx = bench.db.begin_write().await.unwrap();
    store::delivery::end_lost_leases(&*tx, &reconcile, bench.now(), 10).await.unwrap();
    bench.hand.advance(wait);
    store::delivery::resolve_unknown(&*tx, &reconcile, bench.now(), 10).await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_holder_that_wakes_writes_over_nobody() {
    each(&[], async |bench| {
        let people = bench.people(1).await;
        let (_, gateway) = shared(Fake::sms());
        let alert = bench.warn(&people, 1).await;
        let idle = bench.assemble(vec![gateway]);
        mashang_notifier::fan_out::fan_out(idle.notifier.core(), alert).await.unwrap();
        let id = bench.deliveries(alert).await[0].id;
        let (sleeper, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let first = hold(&bench, id, sleeper, "first").await;
        lose(&bench, SECOND).await;
        assert_eq!(bench.delivery(id).await.state, Pending);

        let second = hold(&bench, id, other, "second").await;
        assert!(second.epoch > first.epoch);
        for stale in [Failed, Pending, Unknown, Accepted] {
            assert!(!say(&bench, &first, sleeper, "first", stale).await, "{stale}: of an earlier claim");
            assert!(
                !say(&bench, &second, sleeper, "first", stale).await,
                "{stale}: of somebody else's claim"
            );
        }
        let held = bench.delivery(id).await;
        assert_eq!((held.state, held.lease_owner), (Sending, Some(other)));
        assert!(say(&bench, &second, other, "second", Accepted).await);
        assert!(!say(&bench, &second, other, "second", Failed).await, "what was said stands");
        assert_eq!(bench.delivery(id).await.state, Accepted);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_lost_answer_is_not_sent_again_before_its_time() {
    each(&[], async |bench| {
        let people = bench.people(100).await;
        let (fake, gateway) =
            shared(Fake::sms().script(|_, n| if n == 0 { Act::TakeAndLose } else { Act::Take }));
        let alert = bench.warn(&people, 1).await;
        let running = bench.start(vec![gateway]).await;
        bench.until_count(alert, Unknown, 100).await;
        bench.hand.advance(599 * SECOND);
        running.notifier.sweep().await;
        assert_eq!(fake.reached().len(), 100, "the answer may still come by receipt");
        assert_eq!(bench.count(alert, Unknown).await, 100);
        bench.hand.advance(2 * SECOND);
        bench.until_done(alert).await;
        assert!(fake.times().values().all(|n| *n == 2), "once more, and not again");
        assert_eq!(bench.progress(alert).await.possible_duplicates, 100);
        running.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_subscribe_message_is_never_sent_twice() {
    each(&[], async |bench| {
        let people = bench.people(1).await;
        let (_, gateway) = shared(Fake::sms());
        let alert = bench.warn(&people, 1).await;
        let idle = bench.assemble(vec![gateway]);
        mashang_notifier::fan_out::fan_out(idle.notifier.core(), alert).await.unwrap();
        let mut row = bench.deliveries(alert).await.remove(0).into_active_model();
        (row.channel, row.rung_kind) = (Set(Channel::Subscribe), Set(RungKind::Subscribe));
        let id = delivery::Entity::update(row).exec(bench.db.conn()).await.unwrap().id;
        hold(&bench, id, Uuid::from_u128(1), "only").await;
        lose(&bench, SECOND).await;
        let lost = bench.delivery(id).await;
        assert_eq!((lost.state, lost.code.as_deref()), (Failed, Some("answer_lost")));
        lose(&bench, SECOND).await;
        assert_eq!(bench.delivery(id).await.state, Failed);
    })
    .await;
}
