//! The ladder's end and the road between gateways: the work list, caps of numbers, pauses, dead letters, slow gateways.
#![expect(clippy::unwrap_used, reason = "tests")]

mod support;

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use mashang_domain::alert::work::{WorkReason, WorkResult, WorkState};
use mashang_domain::delivery::{Channel, DeliveryState, ErrorClass, Outcome, RungKind};
use mashang_domain::time::{HOUR, MINUTE, SECOND};
use mashang_entity::{delivery, work_item};
use mashang_infra::store;
use mashang_notifier::receipt::Receipt;
use sea_orm::ActiveValue::Set;
use sea_orm::{ActiveModelTrait, EntityTrait};
use serde_json::json;
use support::gateway::{Act, Fake, shared};
use support::{Bench, GATEWAY_LINES, each};
use uuid::Uuid;

use DeliveryState::{Accepted, Delivered, Failed, Pending, Skipped, Unreachable};

fn refuse_all(class: ErrorClass) -> impl Fn(&mashang_notifier::gateway::Recipient, usize) -> Act {
    move |_, _| Act::Answer(Outcome::rejected(class, "no"))
}

async fn list(bench: &Bench) -> Vec<work_item::Model> {
    work_item::Entity::find().all(bench.db.conn()).await.unwrap()
}

async fn pause(bench: &Bench, names: &[&str]) {
    for name in names {
        let changed =
            store::gateway::pause(bench.db.conn(), name, Uuid::from_u128(9), bench.now()).await.unwrap();
        assert!(changed, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whom_no_rung_reaches_is_on_the_work_list() {
    each(&[], async |bench| {
        let people = bench.people(4).await;
        // The first is reached by nothing, the second by the call, the others by SMS.
        let (fake, sms) = shared(Fake::sms().script(|r, _| match r.to.reveal().as_bytes().last() {
            Some(b'0' | b'1') => Act::Answer(Outcome::rejected(ErrorClass::NumberInvalid, "no")),
            _ => Act::Take,
        }));
        let (_, voice) = shared(Fake::voice().script(|r, _| match r.to.reveal().as_bytes().last() {
            Some(b'0') => Act::Answer(Outcome::rejected(ErrorClass::NumberInvalid, "no")),
            _ => Act::Take,
        }));
        let gone = Uuid::new_v4();
        let mut contacts: Vec<_> = people.iter().map(|p| (p.id, 3)).collect();
        contacts.push((gone, 2));
        let trace = bench.trace(&contacts).await;
        let alert = bench.alert(trace, |_| {}).await;
        let running = bench.start(vec![sms, voice]).await;
        bench.until_done(alert).await;
        bench.until("two are on the list", async || list(&bench).await.len() == 2).await;
        let reasons: Vec<_> = list(&bench).await.iter().map(|w| (w.person_id, w.reason, w.level, w.state)).collect();
        assert!(reasons.contains(&(people[0].id, WorkReason::NotReached, 3, WorkState::Open)), "{reasons:?}");
        assert!(reasons.contains(&(gone, WorkReason::NoNumber, 2, WorkState::Open)), "{reasons:?}");
        // Every rung says why it stands where it does.
        let of_gone = bench.deliveries(alert).await.into_iter().find(|d| d.person_id == Some(gone)).unwrap();
        assert_eq!((of_gone.state, of_gone.code.as_deref()), (Unreachable, Some("no_number")));
        let call = bench.of(alert, &people[0], RungKind::Call).await;
        assert_eq!((call.state, call.code.as_deref()), (Failed, Some("number_invalid: no")));
        // Passes find nobody twice; a receipt after all takes people off.
        bench.hand.advance(2 * MINUTE);
        running.notifier.sweep().await;
        assert_eq!(list(&bench).await.len(), 2);
        let late = Receipt {
            gateway: "fake-voice".into(),
            phone: Some(people[0].phone.clone()),
            provider_id: "x".into(),
            reference: None,
            delivered: true,
            code: "DELIVERED".into(),
            at: None,
            duration_s: None,
        };
        let sql = "SELECT t.batch FROM attempt t JOIN delivery d ON d.id = t.delivery_id WHERE d.channel = 'voice' AND d.code LIKE 'number%'";
        let backend = sea_orm::ConnectionTrait::get_database_backend(bench.db.conn());
        let row = sea_orm::ConnectionTrait::query_one_raw(bench.db.conn(), sea_orm::Statement::from_string(backend, sql));
        let batch: String = row.await.unwrap().unwrap().try_get("", "batch").unwrap();
        let received = running.notifier.receive(&[Receipt { reference: Some(batch), ..late }]).await.unwrap();
        assert_eq!(received.applied, 1);
        running.notifier.sweep().await;
        let withdrawn: Vec<_> =
            list(&bench).await.into_iter().filter(|w| w.state == WorkState::Withdrawn).map(|w| w.person_id).collect();
        assert_eq!(withdrawn, [people[0].id]);
        assert_eq!(fake.reached().len(), 2);
        running.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_of_two_takes_an_item_and_only_they_report_it() {
    each(&[], async |bench| {
        let trace = bench.trace(&[(Uuid::new_v4(), 1)]).await;
        bench.alert(trace, |_| {}).await;
        let running = bench.start(vec![]).await;
        bench.until("one is on the list", async || list(&bench).await.len() == 1).await;
        let (id, conn, now) = (list(&bench).await[0].id, bench.db.conn(), bench.now());
        let (one, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let take = async |by, at| store::work_list::take(conn, id, by, at).await.unwrap();
        let report = async |by, result| store::work_list::report(conn, id, by, result, now).await.unwrap();
        assert!(!report(one, WorkResult::Reached).await, "nobody has taken it");
        assert!(take(one, now).await && take(one, now).await && !take(other, now).await);
        assert!(!report(other, WorkResult::Reached).await);
        assert!(report(one, WorkResult::NoAnswer).await, "and it is open again");
        assert!(take(other, now).await);
        assert!(!take(one, now + 2 * HOUR - 1).await && take(one, now + 2 * HOUR).await, "it lapses");
        assert!(!report(other, WorkResult::Visited).await && report(one, WorkResult::Visited).await);
        assert!(!take(one, now).await, "done is done");
        let done = &list(&bench).await[0];
        assert_eq!((done.state, done.calls, done.result), (WorkState::Done, 1, Some(WorkResult::Visited)));
        running.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_full_day_of_a_number_goes_to_another_gateway_or_to_the_next_rung() {
    each(&[(GATEWAY_LINES, "per_number_day = 1")], async |bench| {
        let people = bench.people(2).await;
        let ((fake, sms), (other, sms_b)) = (shared(Fake::sms()), shared(Fake::new("fake-b", Channel::Sms)));
        let (voice, call) = (shared(Fake::voice()).0, shared(Fake::voice()).1);
        drop(voice);
        let first = bench.warn(&people, 1).await;
        let running = bench.start(vec![sms.clone(), call.clone()]).await;
        bench.until_done(first).await;
        assert_eq!(fake.reached().len(), 2);
        // A higher level is warned again; this gateway would refuse it.
        let second = bench.warn(&people[..1], 2).await;
        bench
            .until("given up", async || {
                bench
                    .deliveries(second)
                    .await
                    .iter()
                    .any(|d| d.rung_kind == RungKind::Sms && d.state == Failed)
            })
            .await;
        let given_up = bench.of(second, &people[0], RungKind::Sms).await;
        assert_eq!((given_up.code.as_deref(), given_up.tries), (Some("number_capped"), 0));
        bench.hand.advance(11 * MINUTE);
        bench
            .until("called", async || {
                bench.of(second, &people[0], RungKind::CallWithoutReceipt).await.state == Accepted
            })
            .await;
        running.stop().await;
        let running = bench.start(vec![sms, sms_b, call]).await;
        let third = bench.warn(&people[1..], 2).await;
        bench
            .until("sent elsewhere", async || {
                bench
                    .deliveries(third)
                    .await
                    .iter()
                    .any(|d| d.rung_kind == RungKind::Sms && d.state == Accepted)
            })
            .await;
        assert_eq!(
            (fake.reached().len(), other.reached().len()),
            (2, 1),
            "the full gateway was not even asked"
        );
        running.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_full_minute_of_a_number_is_waited_for() {
    each(&[(GATEWAY_LINES, "per_number_minute = 1")], async |bench| {
        let people = bench.people(1).await;
        let (fake, sms) = shared(Fake::sms());
        let (login, delivery) = bench.login(&people[0].phone, false).await;
        let running = bench.start(vec![sms]).await;
        bench.until("the code is sent", async || bench.delivery(delivery).await.state == Accepted).await;
        bench.hand.advance(10 * SECOND);
        let alert = bench.warn(&people, 1).await;
        bench
            .until("it waits", async || {
                bench.deliveries(alert).await.iter().any(|d| d.code.as_deref() == Some("number_capped"))
            })
            .await;
        let waiting = bench.of(alert, &people[0], RungKind::Sms).await;
        assert_eq!((waiting.state, waiting.due_at), (Pending, bench.now() + 50 * SECOND), "{login}");
        assert_eq!(fake.reached().len(), 1);
        bench.hand.advance(50 * SECOND);
        bench.until_done(alert).await;
        assert_eq!(fake.reached().len(), 2);
        running.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_pause_holds_for_every_notifier_and_over_restarts() {
    each(&[], async |bench| {
        let people = bench.people(300).await;
        let ((a, sms), (b, sms_b)) = (shared(Fake::sms()), shared(Fake::new("fake-b", Channel::Sms)));
        let both = || vec![sms.clone(), sms_b.clone()];
        let running = [bench.start(both()).await, bench.start(both()).await];
        pause(&bench, &["fake"]).await;
        for one in &running {
            one.notifier.sweep().await;
        }
        let first = bench.warn(&people[..100], 1).await;
        bench.until_done(first).await;
        assert_eq!((a.reached().len(), b.reached().len()), (0, 100), "the other one takes everything");
        pause(&bench, &["fake-b"]).await;
        for one in running {
            one.notifier.sweep().await;
            one.stop().await;
        }
        let second = bench.warn(&people[100..], 1).await;
        let again = bench.start(both()).await;
        bench
            .until("all wait", async || {
                let all = bench.deliveries(second).await;
                all.len() == 200 && all.iter().all(|d| d.code.as_deref() == Some("gateways_paused"))
            })
            .await;
        assert_eq!((a.reached().len(), b.reached().len()), (0, 100), "a restart does not end a pause");
        // A login code does not pass either.
        let (_, code) = bench.login(&people[0].phone, false).await;
        bench.until("the code waits", async || bench.delivery(code).await.code.is_some()).await;
        assert!(store::gateway::resume(bench.db.conn(), "fake").await.unwrap());
        assert!(store::delivery::wake(bench.db.conn(), bench.now()).await.unwrap() >= 200);
        bench.until_done(second).await;
        assert_eq!((a.reached().len(), b.reached().len()), (201, 100));
        again.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn dead_letters_go_out_again_all_at_once_or_by_reason() {
    each(&[("DISPATCH__MAX_TRIES", "1")], async |bench| {
        let people = bench.people(60).await;
        let (fake, sms) = shared(Fake::sms().script(|r, _| {
            let class = match r.to.reveal().as_bytes().last() {
                Some(b'0'..=b'4') => ErrorClass::NumberInvalid,
                _ => ErrorClass::Retry,
            };
            Act::Answer(Outcome::rejected(class, "no"))
        }));
        let alert = bench.warn(&people, 1).await;
        let running = bench.start(vec![sms]).await;
        bench.until_count(alert, Failed, 60).await;
        fake.now(|_, _| Act::Take);
        let resend = async |alert, reason| {
            let wanted = store::delivery::Wanted { alert, reason, limit: 1_000 };
            let tx = bench.db.begin_write().await.unwrap();
            let now = bench.now();
            let sent = store::delivery::resend_all(&*tx, &wanted, now + 24 * HOUR, now).await.unwrap();
            tx.commit().await.unwrap();
            sent
        };
        assert_eq!(resend(Some(Uuid::new_v4()), None).await, 0, "of another alert");
        assert_eq!(resend(None, Some("number_invalid")).await, 30);
        bench.until_count(alert, Accepted, 30).await;
        assert_eq!(bench.count(alert, Failed).await, 30, "the other reason stays");
        assert_eq!(resend(Some(alert), None).await, 30);
        bench
            .until("all are accepted", async || {
                bench.hand.advance(SECOND);
                bench.count(alert, Accepted).await == 60
            })
            .await;
        assert_eq!(resend(None, None).await, 0);
        running.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_slow_gateway_does_not_hold_the_messages_of_another() {
    let env = [("NOTIFIER__CONCURRENCY", "4"), ("ALERTS__LADDER_3", "call"), ("NOTIFIER__BATCH", "20")];
    each(&env, async |bench| {
        let (called, texted) = (bench.people(200).await, bench.people_from(200, 100).await);
        let (voice, call) = shared(Fake::voice().script(|_, _| Act::HangBefore));
        let (_, sms) = shared(Fake::sms());
        let slow = bench.warn(&called, 3).await;
        let running = bench.start(vec![sms, call]).await;
        bench.until("calls hang", async || voice.calls.load(std::sync::atomic::Ordering::Relaxed) >= 1).await;
        let begun = Instant::now();
        let quick = bench.warn(&texted, 1).await;
        bench.until_count(quick, Accepted, 100).await;
        assert!(begun.elapsed() < Duration::from_secs(3), "{:?} for 100 messages", begun.elapsed());
        assert_eq!(bench.count(slow, Accepted).await, 0);
        running.kill().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn equal_texts_travel_in_the_largest_batch() {
    each(&[], async |bench| {
        let people = bench.people(400).await;
        // Two levels in turn: two texts, which are mixed in the order of the people.
        let contacts: Vec<_> =
            people.iter().enumerate().map(|(n, p)| (p.id, if n % 2 == 0 { 1 } else { 2 })).collect();
        let (fake, sms) = shared(Fake::sms());
        let (_, call) = shared(Fake::voice());
        let trace = bench.trace(&contacts).await;
        let alert = bench.alert(trace, |_| {}).await;
        let running = bench.start(vec![sms, call]).await;
        bench.until_count(alert, Accepted, 400).await;
        let calls = fake.calls.load(std::sync::atomic::Ordering::Relaxed);
        assert!(calls <= 5, "{calls} calls for 400 people, two texts and batches of a hundred");
        running.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_receipt_that_came_is_why_a_call_was_skipped() {
    each(&[], async |bench| {
        let people = bench.people(1).await;
        let (fake, sms) = shared(Fake::sms());
        let (_, call) = shared(Fake::voice());
        let alert = bench.warn(&people, 2).await;
        let running = bench.start(vec![sms, call]).await;
        bench.until_count(alert, Accepted, 1).await;
        let reached = &fake.reached()[0];
        let receipt = Receipt {
            gateway: "fake".into(),
            phone: Some(reached.phone.clone()),
            provider_id: reached.provider_id.clone(),
            reference: None,
            delivered: true,
            code: "DELIVERED".into(),
            at: None,
            duration_s: None,
        };
        running.notifier.receive(&[receipt]).await.unwrap();
        let call = bench.of(alert, &people[0], RungKind::CallWithoutReceipt).await;
        assert_eq!((call.state, call.code.as_deref()), (Skipped, Some("receipt_came")));
        assert_eq!(bench.count(alert, Delivered).await, 1);
        running.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_failing_gateway_is_left_and_comes_back_by_a_probe() {
    each(&[], async |bench| {
        let ((a, sms), (b, sms_b)) = (
            shared(Fake::sms().script(refuse_all(ErrorClass::Retry))),
            shared(Fake::new("fake-b", Channel::Sms)),
        );
        let running = bench.start(vec![sms, sms_b]).await;
        let calls = |fake: &Fake| fake.calls.load(std::sync::atomic::Ordering::Relaxed);
        let mut first = 0;
        for n in 0..10 {
            let people = bench.people_from(first, 20).await;
            first += 20;
            let alert = bench.warn(&people, 1).await;
            bench.until_done(alert).await;
            assert_eq!(
                bench.count(alert, Accepted).await,
                20,
                "alert {n}: refused messages go to the other one at once"
            );
        }
        assert!(calls(&a) <= 8, "{} calls at a gateway that refuses all", calls(&a));
        assert_eq!((a.reached().len(), b.reached().len()), (0, 200));
        running.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_cancelled_alert_is_not_tried_again() {
    each(&[], async |bench| {
        let people = bench.people(20).await;
        let (fake, sms) = shared(Fake::sms().script(refuse_all(ErrorClass::Retry)));
        let alert = bench.warn(&people, 1).await;
        let running = bench.start(vec![sms]).await;
        bench
            .until("all were refused once", async || {
                bench.deliveries(alert).await.iter().filter(|d| d.state == Pending && d.tries == 1).count()
                    == 20
            })
            .await;
        // As of the moment in which a call is under way: what comes back from it is pending again.
        bench.cancel_alone(alert).await;
        fake.now(|_, _| Act::Take);
        bench.hand.advance(MINUTE);
        bench.until_count(alert, DeliveryState::Cancelled, 20).await;
        assert_eq!(fake.reached().len(), 0);
        running.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_cancellation_reaches_what_waits_for_its_turn() {
    each(&[], async |bench| {
        let people = bench.people(40).await;
        let mut slow = Fake::sms();
        (slow.terms.max_batch, slow.terms.rate_per_second) = (1, 10);
        let (fake, sms) = shared(slow);
        let alert = bench.warn(&people, 1).await;
        let running = bench.start(vec![sms]).await;
        bench.until("some were reached", async || fake.reached().len() >= 3).await;
        let before = fake.reached().len();
        bench.cancel(alert).await;
        bench
            .until("nothing is on its way", async || {
                bench.hand.advance(SECOND);
                bench
                    .deliveries(alert)
                    .await
                    .iter()
                    .all(|d| matches!(d.state, Accepted | DeliveryState::Cancelled))
            })
            .await;
        let after = fake.reached().len();
        assert!(after <= before + 3, "{before} before, {after} in the end");
        running.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn rare_texts_share_a_call_where_each_may_have_its_own() {
    for (different, calls) in [(true, 1), (false, 20)] {
        each(&[], async |bench| {
            let mut fake = Fake::sms();
            fake.terms.per_recipient_variables = different;
            let (fake, gateway) = shared(fake);
            let people = bench.people(40).await;
            let alert = bench.warn(&people, 1).await;
            let idle = bench.assemble(vec![gateway.clone()]);
            mashang_notifier::fan_out::fan_out(idle.notifier.core(), alert).await.unwrap();
            // Twenty days, two people each.
            for delivery in store::delivery::of_alert(bench.db.conn(), alert, None, 100).await.unwrap() {
                let n = people.iter().position(|p| Some(p.id) == delivery.person_id).unwrap();
                let variables = json!({ "date": format!("2月{}日", n / 2 + 1), "hotline": "12345" });
                let changed = delivery::ActiveModel {
                    id: Set(delivery.id),
                    variables: Set(variables),
                    ..Default::default()
                };
                changed.update(bench.db.conn()).await.unwrap();
            }
            let running = bench.start(vec![gateway]).await;
            bench.until_done(alert).await;
            running.stop().await;
            assert_eq!(fake.calls.load(Ordering::Relaxed), calls, "texts may differ in a call: {different}");
            for (n, person) in people.iter().enumerate() {
                let texts: Vec<_> =
                    fake.reached().into_iter().filter(|r| r.phone == person.phone).map(|r| r.text).collect();
                assert_eq!(texts.len(), 1);
                assert!(texts[0].contains(&format!("2月{}日", n / 2 + 1)), "{texts:?}");
            }
        })
        .await;
    }
}
