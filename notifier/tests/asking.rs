//! Receipts that did not come are asked for, at a bounded rate, and go the way of pushed ones.
#![expect(clippy::unwrap_used, reason = "tests")]
#![allow(dead_code, reason = "the support of several tests")]

mod support;

use std::sync::atomic::Ordering;
use std::sync::{Arc, Once};

use mashang_domain::delivery::DeliveryState::{Accepted, Delivered, Undelivered, Unknown};
use mashang_domain::time::SECOND;
use mashang_entity::{attempt, delivery};
use mashang_notifier::asking::Passed;
use mashang_notifier::gateway::{Answer, NoAnswer, Question};
use mashang_notifier::receipt::Receipt;
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter};
use support::each;
use support::gateway::{Act, Fake, shared};
use tokio::sync::Notify;

fn receipt(question: &Question, delivered: bool) -> Answer {
    Answer::Receipt(Receipt {
        gateway: "fake".into(),
        phone: Some(question.phone.clone()),
        provider_id: question.provider_id.clone().unwrap_or_default(),
        reference: Some(question.told.clone()),
        delivered,
        code: "X".into(),
        at: None,
        duration_s: None,
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_was_not_reported_is_asked_for() {
    let settings = [("DISPATCH__ASK_PER_SECOND", "1000")];
    each(&settings, async |bench| {
        let people = bench.people(10).await;
        // Of the last digit 0 and 1 the answer is lost; 1 never arrived there.
        let (fake, gateway) =
            shared(Fake::sms().script(|r, _| match r.to.reveal().as_bytes().last().unwrap() {
                b'0' => Act::TakeAndLose,
                b'1' => Act::Lose,
                _ => Act::Take,
            }));
        let alert = bench.warn(&people, 1).await;
        let running = bench.start(vec![gateway]).await;
        bench
            .until("all were called", async || {
                bench.count(alert, Accepted).await + bench.count(alert, Unknown).await == 10
            })
            .await;
        // From here on: the loop has found nobody to ask and has ended, so that the passes are ours.
        fake.answer(|question| match question.phone.reveal().as_bytes().last().unwrap() {
            b'0' => Ok(Answer::OnItsWay),
            b'2' => Ok(receipt(question, true)),
            b'3' => Ok(receipt(question, false)),
            _ => Ok(Answer::NotKnown),
        });
        assert_eq!(running.notifier.ask().await.unwrap(), Passed::default(), "nothing is asked too early");
        bench.hand.advance(130 * SECOND);
        let passed = running.notifier.ask().await.unwrap();
        assert_eq!(passed, Passed { asked: 10, receipts: 2, acknowledged: 1, failed: 0 }, "{}", bench.name);
        for (state, count) in [(Unknown, 1), (Delivered, 1), (Undelivered, 1), (Accepted, 7)] {
            assert_eq!(bench.count(alert, state).await, count, "{} {state}", bench.name);
        }
        {
            let questions = fake.questions.lock().unwrap();
            let lost = |q: &&Question| q.phone.reveal().ends_with(['0', '1']);
            assert!(questions.iter().take(2).all(|q| lost(&q)), "lost answers come first");
            assert!(questions.iter().all(|q| q.provider_id.is_none() == lost(&q)));
        }
        // Asked again only after as long; whoever is known to be on the way is not sent again when the wait is over.
        assert_eq!(running.notifier.ask().await.unwrap(), Passed::default());
        let calls = fake.calls.load(Ordering::SeqCst);
        bench.hand.advance(700 * SECOND);
        running.notifier.wake();
        running.notifier.sweep().await;
        assert_eq!(fake.calls.load(Ordering::SeqCst), calls, "asked once more before it is sent again");
        running.notifier.ask().await.unwrap();
        running.notifier.wake();
        bench.until("a lost one was sent again", async || fake.calls.load(Ordering::SeqCst) > calls).await;
        let times = fake.times();
        assert!(times.len() == 9 && times.values().all(|n| *n == 1), "{}: {times:?}", bench.name);
        running.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_rate_is_bounded_and_a_silent_provider_left_alone() {
    let settings = [("DISPATCH__ASK_PER_SECOND", "1")];
    each(&settings, async |bench| {
        let people = bench.people(20).await;
        let (fake, gateway) = shared(Fake::sms());
        let alert = bench.warn(&people, 1).await;
        let running = bench.start(vec![gateway]).await;
        bench.until("all were called", async || bench.count(alert, Accepted).await == 20).await;
        fake.answer(|_| Err(NoAnswer::Throttled));
        bench.hand.advance(130 * SECOND);
        let passed = running.notifier.ask().await.unwrap();
        assert_eq!(passed, Passed { asked: 1, failed: 1, ..Passed::default() }, "{}", bench.name);
        fake.answer(|question| Ok(receipt(question, true)));
        let passed = running.notifier.ask().await.unwrap();
        // One a second for the five seconds of a pass; that of the first pass was taken and waits its time.
        assert_eq!((passed.asked, passed.receipts), (5, 5), "{}", bench.name);
        assert_eq!(fake.questions.lock().unwrap().len(), 6);
        running.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_lost_answer_does_not_wait_behind_receipts_that_did_not_come() {
    let settings = [("DISPATCH__ASK_PER_SECOND", "4")];
    each(&settings, async |bench| {
        let people = bench.people(16).await;
        let (fake, gateway) = shared(Fake::sms());
        let alert = bench.warn(&people, 1).await;
        let running = bench.start(vec![gateway]).await;
        bench.until_count(alert, Accepted, 16).await;
        bench.hand.advance(130 * SECOND);
        // While the first are asked about, the answer for one of the others turns out to be lost.
        let (db, hurry) = (bench.db.clone(), Arc::new(Notify::new()));
        let (once, first, due) = (Once::new(), Arc::clone(&hurry), bench.now() + 600 * SECOND);
        fake.answer(move |_| {
            once.call_once(|| first.notify_one());
            Ok(Answer::NotKnown)
        });
        let losing = tokio::spawn(async move {
            hurry.notified().await;
            let unasked = attempt::Entity::find().filter(attempt::Column::AskedAt.is_null());
            let mut unasked = unasked.one(db.conn()).await.unwrap().unwrap().into_active_model();
            let id = unasked.delivery_id.clone();
            unasked.outcome = Set(Some("unknown".to_owned()));
            attempt::Entity::update(unasked).exec(&db.unbounded()).await.unwrap();
            let lost =
                delivery::ActiveModel { id, state: Set(Unknown), due_at: Set(due), ..Default::default() };
            delivery::Entity::update(lost).exec(&db.unbounded()).await.unwrap().person_id
        });
        running.notifier.ask().await.unwrap();
        let person = losing.await.unwrap();
        let lost = people.iter().find(|p| Some(p.id) == person).unwrap().number();
        let asked: Vec<String> =
            fake.questions.lock().unwrap().iter().map(|q| q.phone.reveal().to_owned()).collect();
        let place = asked.iter().position(|phone| *phone == lost);
        assert!(place.is_some_and(|n| (4..8).contains(&n)), "{}: {place:?} of {}", bench.name, asked.len());
        running.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_can_be_asked_about_is_not_sent_again_unasked() {
    let settings = [("DISPATCH__ASK_PER_SECOND", "1000")];
    each(&settings, async |bench| {
        let people = bench.people(30).await;
        let script = |_: &_, n| if n == 0 { Act::TakeAndLose } else { Act::Take };
        let (fake, gateway) = shared(Fake::sms().script(script));
        let alert = bench.warn(&people, 1).await;
        let running = bench.start(vec![gateway]).await;
        bench.until_count(alert, Unknown, 30).await;
        // The provider can be asked, and is away when it is.
        fake.answer(|_| Err(NoAnswer::Lost("timeout".into())));
        bench.hand.advance(130 * SECOND);
        running.notifier.ask().await.unwrap();
        bench.hand.advance(600 * SECOND);
        running.notifier.ask().await.unwrap();
        for _ in 0..3 {
            running.notifier.sweep().await;
        }
        assert_eq!(
            bench.count(alert, Unknown).await,
            30,
            "{}: nobody has said that they were not told",
            bench.name
        );
        // It is back, and knows all but three.
        fake.answer(|question| match question.phone.reveal().ends_with('7') {
            true => Ok(Answer::NotKnown),
            false => Ok(Answer::OnItsWay),
        });
        bench.hand.advance(130 * SECOND);
        running.notifier.ask().await.unwrap();
        running.notifier.wake();
        bench.until_count(alert, Accepted, 30).await;
        assert_eq!(fake.times().values().filter(|n| **n == 2).count(), 3, "{}", bench.name);
        assert_eq!(bench.progress(alert).await.possible_duplicates, 3);
        running.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_provider_that_never_answers_delays_a_warning_by_one_more_wait() {
    let settings = [("DISPATCH__ASK_PER_SECOND", "1000")];
    each(&settings, async |bench| {
        let people = bench.people(5).await;
        let script = |_: &_, n| if n == 0 { Act::Lose } else { Act::Take };
        let (fake, gateway) = shared(Fake::sms().script(script));
        let alert = bench.warn(&people, 1).await;
        let running = bench.start(vec![gateway]).await;
        bench.until_count(alert, Unknown, 5).await;
        fake.answer(|_| Err(NoAnswer::Lost("timeout".into())));
        bench.hand.advance(1_190 * SECOND);
        running.notifier.sweep().await;
        assert_eq!(bench.count(alert, Unknown).await, 5, "{}", bench.name);
        bench.hand.advance(20 * SECOND);
        running.notifier.wake();
        bench.until_count(alert, Accepted, 5).await;
        running.stop().await;
    })
    .await;
}
