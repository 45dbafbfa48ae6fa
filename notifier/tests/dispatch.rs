//! From the approval to the last receipt, with gateways, workers, queues and answers lost on the way.
//!
//! Each test runs embedded (SQLite, queue in the process) and as a service (PostgreSQL, Redis). The gateways keep a
//! journal of what reached people: that is what counts, whatever our tables say.
#![expect(clippy::unwrap_used, reason = "tests")]

mod support;

use std::sync::atomic::Ordering;
use std::time::Duration;

use mashang_domain::alert::AlertKind;
use mashang_domain::delivery::{Channel, DeliveryState, ErrorClass, Outcome, RungKind};
use mashang_domain::person::login;
use mashang_domain::time::{DAY, HOUR, MINUTE, SECOND, Timestamp};
use mashang_infra::queue::{Priority, Task};
use mashang_infra::store;
use mashang_notifier::gateway::ReceiptMatch;
use mashang_notifier::receipt::Receipt;
use mashang_notifier::sweep::Swept;
use sea_orm::ConnectionTrait;
use serde_json::json;
use support::gateway::{Act, Fake, Reached, shared};
use support::{Bench, Running, Somebody, each};
use uuid::Uuid;

use DeliveryState::{
    Accepted, Cancelled, Delivered, Expired, Failed, Pending, Sending, Skipped, Undelivered, Unknown,
    Unreachable,
};

fn receipt(of: &Reached, delivered: bool) -> Receipt {
    Receipt {
        gateway: "fake".into(),
        phone: Some(of.phone.clone()),
        provider_id: of.provider_id.clone(),
        reference: None,
        delivered,
        code: if delivered { "DELIVERED" } else { "NOT_DELIVERED" }.into(),
        at: None,
        duration_s: None,
    }
}

/// Everybody was reached, nobody twice, nobody else.
fn assert_once(bench: &Bench, fake: &Fake, people: &[Somebody]) {
    let times = fake.times();
    assert!(times.values().all(|n| *n == 1), "{}: somebody was warned twice", bench.name);
    assert_eq!(times.len(), people.len(), "{}", bench.name);
    assert!(people.iter().all(|p| times.contains_key(p.phone.reveal())), "{}", bench.name);
}

async fn sweep(running: &Running) -> Swept {
    let swept = running.notifier.sweep().await;
    assert_eq!(swept.failed, 0, "{swept:?}");
    swept
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_thousand_people_are_warned_exactly_once() {
    each(&[], async |bench| {
        let people = bench.people(2_000).await;
        let (fake, gateway) = shared(Fake::sms());
        let alert = bench.warn(&people, 1).await;
        let running = bench.start(vec![gateway]).await;
        bench.until_done(alert).await;
        assert_once(&bench, &fake, &people);
        let progress = bench.progress(alert).await;
        assert_eq!((progress.count(Accepted), progress.counts.len()), (2_000, 1));
        assert_eq!((progress.seconds_to_last_accepted, progress.seconds_to_last_receipt), (Some(0.0), None));
        let said = &fake.reached()[0];
        assert_eq!(
            (said.template.as_str(), said.variables.clone()),
            ("alert_1", vec![("date".into(), "2月10日".into()), ("hotline".into(), "12345".into())])
        );
        assert!(said.text.starts_with("【云南抗疫情】您于2月10日"), "{}", said.text);
        running.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_worker_killed_between_claim_and_call_costs_delay_only() {
    each(&[], async |bench| {
        let people = bench.people(300).await;
        let (fake, gateway) = shared(Fake::sms().script(|_, _| Act::HangBefore));
        let alert = bench.warn(&people, 1).await;
        let first = bench.start(vec![gateway.clone()]).await;
        bench.until_count(alert, Sending, 300).await;
        first.kill().await;
        fake.now(|_, _| Act::Take);
        bench.hand.advance(5 * SECOND);
        let second = bench.start(vec![gateway]).await;
        bench.until_count(alert, Unknown, 300).await;
        bench.hand.advance(599 * SECOND);
        sweep(&second).await;
        assert_eq!(fake.reached().len(), 0, "nothing is resent before the window has passed");
        bench.hand.advance(2 * SECOND);
        bench.until_done(alert).await;
        assert_once(&bench, &fake, &people);
        assert_eq!(bench.progress(alert).await.possible_duplicates, 300);
        second.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_answer_that_was_not_recorded_is_settled_by_its_receipt() {
    each(&[], async |bench| {
        let people = bench.people(300).await;
        let (fake, gateway) = shared(Fake::sms().script(|_, _| Act::HangAfter));
        let alert = bench.warn(&people, 1).await;
        let first = bench.start(vec![gateway.clone()]).await;
        bench.until("all were reached", async || fake.reached().len() == 300).await;
        first.kill().await;
        fake.now(|_, _| Act::Take);
        bench.hand.advance(5 * SECOND);
        let second = bench.start(vec![gateway]).await;
        bench.until_count(alert, Unknown, 300).await;
        // The receipts name the reference that the provider was told: that of the first of each call.
        let attempts =
            bench.db.conn().query_all_raw(raw(&bench, "SELECT reference, batch FROM attempt")).await.unwrap();
        let batch_of = |reference: &str| {
            let row = attempts.iter().find(|r| r.try_get::<String>("", "reference").unwrap() == reference);
            row.unwrap().try_get::<String>("", "batch").unwrap()
        };
        let known: Vec<Receipt> = fake.reached()[..200]
            .iter()
            .map(|r| Receipt { reference: Some(batch_of(&r.reference)), ..receipt(r, true) })
            .collect();
        let received = second.notifier.receive(&known).await.unwrap();
        assert_eq!((received.applied, received.strangers), (200, 0));
        bench.hand.advance(601 * SECOND);
        bench.until_done(alert).await;
        let times = fake.times();
        assert_eq!(times.len(), 300);
        assert_eq!(times.values().filter(|n| **n == 2).count(), 100, "only what nobody could know");
        assert_eq!(bench.progress(alert).await.possible_duplicates, 100);
        second.stop().await;
    })
    .await;
}

fn raw(bench: &Bench, sql: &str) -> sea_orm::Statement {
    sea_orm::Statement::from_string(bench.db.conn().get_database_backend(), sql)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_notifiers_do_each_thing_once() {
    each(&[], async |bench| {
        let people = bench.people(1_000).await;
        let (fake, gateway) = shared(Fake::sms());
        let running = [
            bench.start(vec![gateway.clone()]).await,
            bench.start(vec![gateway.clone()]).await,
            bench.start(vec![gateway]).await,
        ];
        let alert = bench.warn(&people, 1).await;
        // The same task many times over.
        let again = vec![Task::FanOut { alert }; 10];
        bench.queue.push(Priority::Alert, &again).await.unwrap();
        bench.until_done(alert).await;
        assert_once(&bench, &fake, &people);
        for one in running {
            one.stop().await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn redis_may_be_wiped_at_any_time() {
    each(&[], async |bench| {
        let Some(redis) = &bench.redis else { return };
        let people = bench.people(1_500).await;
        let (fake, gateway) = shared(Fake::sms());
        let alert = bench.warn(&people, 1).await;
        let idle = bench.assemble(vec![gateway.clone()]);
        mashang_notifier::fan_out::fan_out(idle.notifier.core(), alert).await.unwrap();
        redis.wipe().await;
        let running = bench.start(vec![gateway]).await;
        bench.until("some were reached", async || fake.reached().len() > 100).await;
        redis.wipe().await;
        bench.until_done(alert).await;
        assert_once(&bench, &fake, &people);
        running.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn receipts_move_forward_only() {
    each(&[], async |bench| {
        let people = bench.people(4).await;
        let (fake, gateway) = shared(Fake::sms().script(|r, _| match r.to.reveal().ends_with('0') {
            true => Act::TakeAndLose,
            false => Act::Take,
        }));
        let alert = bench.warn(&people, 1).await;
        let running = bench.start(vec![gateway]).await;
        bench.until_count(alert, Accepted, 3).await;
        bench.until_count(alert, Unknown, 1).await;
        bench.hand.advance(7 * SECOND);
        let reached = fake.reached();
        let of = |n: usize| reached.iter().find(|r| r.phone == people[n].phone).unwrap();
        let receive = async |list: &[Receipt]| {
            let r = running.notifier.receive(list).await.unwrap();
            (r.applied, r.repeated, r.strangers)
        };
        // The answer of the first was lost: no id is known, and its number alone is not enough.
        assert_eq!(receive(&[receipt(of(0), true)]).await, (0, 0, 1));
        let known = bench.db.conn().query_all_raw(raw(&bench, "SELECT batch FROM attempt")).await.unwrap();
        let batch: String = known[0].try_get("", "batch").unwrap();
        let lost = Receipt { reference: Some(batch), ..receipt(of(0), true) };
        assert_eq!(receive(&[lost.clone(), receipt(of(1), true), receipt(of(2), false)]).await, (3, 0, 0));
        assert_eq!(receive(&[lost, receipt(of(1), true), receipt(of(1), false)]).await, (0, 3, 0));
        assert_eq!(
            receive(&[receipt(of(2), true)]).await,
            (1, 0, 0),
            "undelivered, then delivered after all"
        );
        let stranger = Receipt { provider_id: "nobody's".into(), ..receipt(of(3), true) };
        let wrong_number = Receipt { phone: Some(people[0].phone.clone()), ..receipt(of(3), true) };
        let no_number = Receipt { phone: None, ..receipt(of(3), true) };
        assert_eq!(receive(&[stranger, wrong_number, no_number]).await, (0, 0, 3));
        let progress = bench.progress(alert).await;
        assert_eq!((progress.count(Delivered), progress.count(Accepted)), (3, 1));
        assert_eq!(progress.seconds_to_last_receipt, Some(7.0));
        running.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_receipt_may_name_nothing_but_the_providers_id() {
    each(&[], async |bench| {
        let people = bench.people(3).await;
        let mut fake = Fake::sms();
        fake.terms.receipt_match = ReceiptMatch::Reference;
        let (fake, gateway) = shared(fake);
        let alert = bench.warn(&people, 1).await;
        let running = bench.start(vec![gateway]).await;
        bench.until_count(alert, Accepted, 3).await;
        let reached = fake.reached();
        let bare = |n: usize| Receipt { phone: None, ..receipt(&reached[n], true) };
        let named =
            Receipt { provider_id: String::new(), reference: Some(reached[1].reference.clone()), ..bare(1) };
        let wrong_number = Receipt { phone: Some(reached[0].phone.clone()), ..bare(2) };
        let received = running.notifier.receive(&[bare(0), named, wrong_number]).await.unwrap();
        assert_eq!((received.applied, received.repeated, received.strangers), (2, 0, 1), "{}", bench.name);
        bench.until_count(alert, Delivered, 2).await;
        running.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn refusals_are_tried_again_by_the_schedule() {
    each(&[("DISPATCH__JITTER", "0.0")], async |bench| {
        let people = bench.people(3).await;
        let (fake, gateway) = shared(Fake::sms().script(|r, nth| {
            let retry_after_ms = None;
            match (r.to.reveal().as_bytes().last().unwrap(), nth) {
                (b'0', 0 | 1) => Act::Answer(Outcome::rejected(ErrorClass::Retry, "busy")),
                (b'1', 0..9) => {
                    let (class, code) = (ErrorClass::Throttled, "slow".into());
                    Act::Answer(Outcome::Rejected { class, code, retry_after_ms: Some(20) })
                }
                (b'2', _) => {
                    let (class, code) = (ErrorClass::NumberInvalid, "isv.MOBILE_NUMBER_ILLEGAL".into());
                    Act::Answer(Outcome::Rejected { class, code, retry_after_ms })
                }
                _ => Act::Take,
            }
        }));
        let alert = bench.warn(&people, 1).await;
        let running = bench.start(vec![gateway]).await;
        bench.until_count(alert, Failed, 1).await;
        let dead = bench.of(alert, &people[2], RungKind::Sms).await;
        assert_eq!(dead.code.as_deref(), Some("number_invalid: isv.MOBILE_NUMBER_ILLEGAL"));
        bench
            .until("a first try", async || bench.of(alert, &people[0], RungKind::Sms).await.tries == 1)
            .await;
        let waiting = bench.of(alert, &people[0], RungKind::Sms).await;
        assert_eq!((waiting.state, waiting.due_at - waiting.created_at), (Pending, 5 * SECOND));
        bench.until_done_in_time(alert).await;
        assert_eq!(bench.of(alert, &people[0], RungKind::Sms).await.tries, 3);
        assert_eq!(bench.of(alert, &people[1], RungKind::Sms).await.tries, 1, "throttled is no try");
        assert_eq!(fake.times().len(), 2);
        // An operator has the number corrected by then.
        fake.now(|_, _| Act::Take);
        let letters = store::delivery::dead_letters(bench.db.conn(), None, 10).await.unwrap();
        assert_eq!(letters.iter().map(|d| d.id).collect::<Vec<_>>(), [dead.id]);
        let tx = bench.db.begin_write().await.unwrap();
        let now = bench.now();
        assert!(store::delivery::resend(&*tx, dead.id, now + HOUR, now).await.unwrap());
        assert!(!store::delivery::resend(&*tx, dead.id, now + HOUR, now).await.unwrap());
        tx.commit().await.unwrap();
        bench.until_count(alert, Accepted, 3).await;
        running.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn tries_are_spent_and_the_reason_stays() {
    each(&[("DISPATCH__MAX_TRIES", "3"), ("DISPATCH__RETRY_SECONDS", "1,1")], async |bench| {
        let people = bench.people(1).await;
        let busy = |_: &_, _| Act::Answer(Outcome::rejected(ErrorClass::Retry, "busy"));
        let (fake, gateway) = shared(Fake::sms().script(busy));
        let alert = bench.warn(&people, 1).await;
        let running = bench.start(vec![gateway]).await;
        bench.until_done_in_time(alert).await;
        let row = bench.of(alert, &people[0], RungKind::Sms).await;
        assert_eq!((row.state, row.tries, row.code.as_deref()), (Failed, 3, Some("tries_spent: busy")));
        assert_eq!(fake.calls.load(Ordering::SeqCst), 3);
        running.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_definite_refusal_goes_to_the_next_gateway_at_once() {
    each(&[], async |bench| {
        let people = bench.people(50).await;
        let (first, one) = shared(Fake::sms().script(|r, _| match r.to.reveal().ends_with('7') {
            true => Act::TakeAndLose,
            false => Act::Answer(Outcome::rejected(ErrorClass::Account, "isv.AMOUNT_NOT_ENOUGH")),
        }));
        let (second, two) = shared(Fake::new("fake-b", Channel::Sms));
        let alert = bench.warn(&people, 1).await;
        let running = bench.start(vec![one, two]).await;
        bench.until_count(alert, Accepted, 45).await;
        assert_eq!((first.reached().len(), second.reached().len()), (5, 45));
        assert_eq!(bench.count(alert, Unknown).await, 5, "a lost answer goes nowhere else");
        let row = bench.of(alert, &people[0], RungKind::Sms).await;
        assert_eq!((row.gateway.as_deref(), row.tries, row.epoch), (Some("fake-b"), 1, 1));
        let later = bench.people_from(50, 10).await;
        let again = bench.warn(&later, 1).await;
        bench.until_count(again, Accepted, 10).await;
        assert_eq!(first.calls.load(Ordering::SeqCst), 1, "the refused account is left alone");
        running.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_bad_item_stops_nobody() {
    each(&[], async |bench| {
        let people = bench.people(64).await;
        let (fake, gateway) = shared(Fake::sms());
        let alert = bench.warn(&people, 1).await;
        let idle = bench.assemble(vec![gateway.clone()]);
        mashang_notifier::fan_out::fan_out(idle.notifier.core(), alert).await.unwrap();
        let run = async |sql: String| bench.db.conn().execute_unprepared(&sql).await.unwrap();
        let id = |n: usize| match bench.db.is_postgres() {
            true => format!("'{}'", people[n].id),
            false => format!("x'{}'", people[n].id.simple()),
        };
        run(format!("UPDATE delivery SET rung_kind = 'pigeon' WHERE person_id = {}", id(0))).await;
        run(format!("UPDATE person SET phone_sealed = phone_hash WHERE id = {}", id(1))).await;
        run(format!("DELETE FROM person WHERE id = {}", id(2))).await;
        run(format!("UPDATE delivery SET template_key = 'poem' WHERE person_id = {}", id(3))).await;
        let own = if bench.db.is_postgres() { "gen_random_uuid()" } else { "randomblob(16)" };
        for n in 0..3 {
            let task = json!({ "task": "dance", "n": n });
            run(format!("INSERT INTO outbox (id, task, created_at) VALUES ({own}, '{task}', 0)")).await;
        }
        bench.queue.push(Priority::Alert, &[Task::FanOut { alert: Uuid::from_u128(9) }]).await.unwrap();
        let nobody = Task::Send { deliveries: vec![Uuid::from_u128(9)] };
        bench.queue.push(Priority::Alert, &[nobody]).await.unwrap();
        let running = bench.start(vec![gateway]).await;
        bench.until_done(alert).await;
        assert_once(&bench, &fake, &people[4..]);
        let states = |state: &str| format!("SELECT code FROM delivery WHERE state = '{state}' ORDER BY code");
        let codes = async |state: &str| -> Vec<String> {
            let rows = bench.db.conn().query_all_raw(raw(&bench, &states(state))).await.unwrap();
            rows.iter().map(|r| r.try_get("", "code").unwrap()).collect()
        };
        assert_eq!(codes("failed").await, ["number_does_not_open", "template", "unreadable"]);
        assert_eq!(codes("unreachable").await, ["no_person"]);
        let left = store::outbox::oldest(bench.db.conn(), 10).await.unwrap();
        assert!(left.is_empty(), "{left:?}");
        running.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_stale_warning_is_not_sent() {
    each(&[], async |bench| {
        let people = bench.people(5).await;
        let (fake, gateway) = shared(Fake::sms());
        let alert = bench.warn(&people, 3).await;
        let idle = bench.assemble(vec![gateway.clone()]);
        mashang_notifier::fan_out::fan_out(idle.notifier.core(), alert).await.unwrap();
        bench.hand.advance(24 * HOUR);
        let running = bench.start(vec![gateway]).await;
        bench.until_done(alert).await;
        assert_eq!((bench.count(alert, Expired).await, fake.reached().len()), (10, 0));
        running.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_cancelled_alert_stops_what_is_not_sent() {
    each(&[("NOTIFIER__BATCH", "10"), ("NOTIFIER__CONCURRENCY", "2")], async |bench| {
        let people = bench.people(400).await;
        let (fake, gateway) = shared(Fake::sms());
        let alert = bench.warn(&people, 1).await;
        let running = bench.start(vec![gateway]).await;
        bench.until("some were reached", async || fake.reached().len() >= 30).await;
        let stopped = bench.cancel(alert).await;
        let reached_then = fake.reached().len();
        bench
            .until("nothing is open", async || {
                let progress = bench.progress(alert).await;
                progress.count(Pending) + progress.count(Sending) == 0
            })
            .await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        let progress = bench.progress(alert).await;
        assert!(stopped > 0 && fake.reached().len() <= reached_then + 40, "{stopped} {reached_then}");
        assert_eq!(progress.count(Cancelled) as u64, stopped);
        assert_eq!(progress.count(Accepted) as usize, fake.reached().len());
        assert!(fake.times().values().all(|n| *n == 1));
        running.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nobody_is_warned_twice_in_a_day_at_the_same_level() {
    each(&[], async |bench| {
        let people = bench.people(6).await;
        let (fake, gateway) = shared(Fake::sms());
        let running = bench.start(vec![gateway]).await;
        let first = bench.warn(&people[..3], 1).await;
        bench.until_done(first).await;
        bench.hand.advance(DAY - SECOND);
        let second = bench.warn(&people[..4], 1).await;
        bench.until_done(second).await;
        let progress = bench.progress(second).await;
        assert_eq!((progress.merged, progress.count(Accepted)), (3, 1));
        // A higher level is news, and so is the same level a day later.
        let higher = bench.warn(&people[..1], 3).await;
        bench.until("it is sent", async || bench.count(higher, Accepted).await == 1).await;
        bench.hand.advance(2 * SECOND);
        let later = bench.warn(&people[1..3], 1).await;
        bench.until_done(later).await;
        assert_eq!((bench.progress(later).await.merged, bench.count(later, Accepted).await), (0, 2));
        let lower = bench.warn(&people[..1], 2).await;
        bench.until_done(lower).await;
        assert_eq!(bench.progress(lower).await.merged, 1);
        assert_eq!(fake.times().values().sum::<usize>(), 3 + 1 + 1 + 2);
        running.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn who_was_merged_into_a_cancelled_alert_is_warned_after_all() {
    each(&[], async |bench| {
        let people = bench.people(3).await;
        let (fake, gateway) = shared(Fake::sms());
        let idle = bench.assemble(vec![gateway.clone()]);
        let first = bench.warn(&people, 1).await;
        mashang_notifier::fan_out::fan_out(idle.notifier.core(), first).await.unwrap();
        let second = bench.warn(&people, 1).await;
        mashang_notifier::fan_out::fan_out(idle.notifier.core(), second).await.unwrap();
        assert_eq!(bench.progress(second).await.merged, 3);
        assert_eq!(bench.cancel(first).await, 3);
        let running = bench.start(vec![gateway]).await;
        bench.until_count(second, Accepted, 3).await;
        bench.until_done(second).await;
        assert_once(&bench, &fake, &people);
        running.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn calls_ring_by_day_and_urgent_ones_at_night() {
    each(&[], async |bench| {
        bench.hand.set(Timestamp::parse("2020-02-12T22:30:00+08:00").unwrap());
        let people = bench.people(4).await;
        let ((sms, one), (voice, two)) = (shared(Fake::sms()), shared(Fake::voice()));
        let running = bench.start(vec![one, two]).await;
        let quiet = bench.warn(&people[..2], 3).await;
        let contacts: Vec<_> = people[2..].iter().map(|p| (p.id, 3)).collect();
        let trace = bench.trace(&contacts).await;
        let urgent = bench.alert(trace, |a| a.urgent = true).await;
        bench.until_done(urgent).await;
        bench.until_count(quiet, Accepted, 2).await;
        assert_eq!((sms.reached().len(), voice.reached().len()), (4, 2));
        let call = bench.of(quiet, &people[0], RungKind::Call).await;
        assert_eq!(call.due_at, Timestamp::parse("2020-02-13T08:00:00+08:00").unwrap());
        bench.hand.set(call.due_at - SECOND);
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert_eq!(voice.reached().len(), 2);
        bench.hand.set(call.due_at);
        bench.until_done(quiet).await;
        assert_eq!(voice.reached().len(), 4);
        assert!(!voice.reached()[0].text.contains('【'), "nobody reads brackets aloud");
        running.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_call_follows_an_sms_without_receipt() {
    each(&[], async |bench| {
        let people = bench.people(3).await;
        let ((sms, one), (voice, two)) = (shared(Fake::sms()), shared(Fake::voice()));
        sms.now(|r, nth| match (r.to.reveal().ends_with('2'), nth) {
            (true, 0) => Act::Answer(Outcome::rejected(ErrorClass::NumberInvalid, "landline")),
            _ => Act::Take,
        });
        let running = bench.start(vec![one, two]).await;
        let alert = bench.warn(&people, 2).await;
        bench.until_count(alert, Accepted, 3).await;
        assert_eq!(
            voice.times().keys().collect::<Vec<_>>(),
            [&people[2].number()],
            "no SMS: the call comes at once"
        );
        bench.hand.advance(9 * MINUTE);
        let reached = sms.reached();
        let of = |n: usize| reached.iter().find(|r| r.phone == people[n].phone).unwrap();
        running.notifier.receive(&[receipt(of(0), true)]).await.unwrap();
        assert_eq!(bench.of(alert, &people[0], RungKind::CallWithoutReceipt).await.state, Skipped);
        tokio::time::sleep(Duration::from_millis(150)).await;
        assert_eq!(voice.reached().len(), 1);
        bench.hand.advance(MINUTE);
        bench.until_done(alert).await;
        assert_eq!(voice.times().get(&people[1].number()), Some(&1));
        assert_eq!(voice.times().get(&people[0].number()), None);
        running.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_correction_goes_to_exactly_those_who_were_warned() {
    each(&[("NOTIFIER__CHUNK", "7")], async |bench| {
        let people = bench.people(40).await;
        let (fake, gateway) =
            shared(Fake::sms().script(|r, nth| match r.to.reveal().as_bytes().last().unwrap() {
                b'3' if nth == 0 => Act::Answer(Outcome::rejected(ErrorClass::NumberInvalid, "no")),
                b'4' if nth == 0 => Act::Lose,
                _ => Act::Take,
            }));
        let running = bench.start(vec![gateway]).await;
        let wrong = bench.warn(&people, 1).await;
        bench
            .until("all were tried", async || {
                let progress = bench.progress(wrong).await;
                (progress.count(Accepted), progress.count(Failed), progress.count(Unknown)) == (32, 4, 4)
            })
            .await;
        bench.cancel(wrong).await;
        let trace_id = bench.alert_row(wrong).await.trace_id;
        let correction = bench
            .alert(trace_id, |a| {
                a.kind = AlertKind::Correction;
                a.corrects = Some(wrong);
            })
            .await;
        bench.until_done(correction).await;
        let told: Vec<_> = fake.reached().into_iter().filter(|r| r.template == "correction").collect();
        assert_eq!(told.len(), 36, "the accepted and the unknown, nobody else");
        assert!(told.iter().all(|r| !r.phone.reveal().ends_with('3')));
        assert_eq!(told[0].variables, [("hotline".to_owned(), "12345".to_owned())]);
        // The people are not kept from a true warning by the corrected one.
        let right = bench.warn(&people, 1).await;
        bench.until_done(right).await;
        assert_eq!(bench.progress(right).await.merged, 0);
        running.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_drill_walks_the_whole_way_and_sends_nothing() {
    each(&[], async |bench| {
        let people = bench.people(20).await;
        let ((sms, one), (voice, two)) = (shared(Fake::sms()), shared(Fake::voice()));
        let running = bench.start(vec![one, two]).await;
        let contacts: Vec<_> = people.iter().map(|p| (p.id, 3)).collect();
        let trace = bench.trace(&contacts).await;
        let drill = bench.alert(trace, |a| a.drill = true).await;
        bench.until_done(drill).await;
        assert_eq!(bench.count(drill, Accepted).await, 40);
        assert_eq!(sms.calls.load(Ordering::SeqCst) + voice.calls.load(Ordering::SeqCst), 0);
        assert!(
            bench
                .deliveries(drill)
                .await
                .iter()
                .all(|d| d.drill && d.gateway.as_ref().unwrap().starts_with("drill-"))
        );
        let real = bench.warn(&people, 1).await;
        bench.until_done(real).await;
        assert_eq!((bench.progress(real).await.merged, sms.reached().len()), (0, 20), "a drill warns nobody");
        running.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn login_codes_travel_the_same_road_and_never_twice() {
    each(&[], async |bench| {
        let people = bench.people(3).await;
        let (fake, gateway) = shared(Fake::sms());
        let (request, delivery) = bench.login(&people[0].phone, false).await;
        let running = bench.start(vec![gateway]).await;
        bench.until("the code is there", async || bench.delivery(delivery).await.state == Accepted).await;
        let said = fake.reached().remove(0);
        let code = login::code_of(&bench.keys.login_key(), request);
        assert_eq!((said.template.as_str(), said.variables), ("login", vec![("code".to_owned(), code)]));
        let (_, burnt) = bench.login(&people[1].phone, true).await;
        bench.until("it is not wanted", async || bench.delivery(burnt).await.state == Cancelled).await;
        fake.now(|_, _| Act::TakeAndLose);
        let (_, lost) = bench.login(&people[2].phone, false).await;
        bench.until("it is unknown", async || bench.delivery(lost).await.state == Unknown).await;
        bench.hand.advance(HOUR);
        bench.until("it is given up", async || bench.delivery(lost).await.state == Failed).await;
        assert_eq!(fake.reached().len(), 2);
        assert_eq!(bench.delivery(lost).await.code.as_deref(), Some("answer_lost"));
        running.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_idempotent_gateway_gets_the_same_reference_again_at_once() {
    each(&[], async |bench| {
        let people = bench.people(20).await;
        let lossy = |_: &_, nth| if nth < 2 { Act::TakeAndLose } else { Act::Take };
        let (fake, gateway) = shared(Fake::sms().idempotent().script(lossy));
        let alert = bench.warn(&people, 1).await;
        let running = bench.start(vec![gateway]).await;
        bench.until_done(alert).await;
        assert_once(&bench, &fake, &people);
        assert_eq!(fake.repeated.load(Ordering::SeqCst), 40);
        let progress = bench.progress(alert).await;
        assert_eq!((progress.count(Accepted), progress.possible_duplicates), (20, 0));
        running.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn who_has_no_number_is_on_the_work_list() {
    each(&[], async |bench| {
        let people = bench.people(2).await;
        let (fake, gateway) = shared(Fake::sms());
        let trace = bench.trace(&[(people[0].id, 1), (people[1].id, 2), (Uuid::new_v4(), 3)]).await;
        let alert = bench.alert(trace, |a| a.levels = json!([1, 3])).await;
        let running = bench.start(vec![gateway]).await;
        bench.until_done(alert).await;
        let progress = bench.progress(alert).await;
        assert_eq!((progress.count(Unreachable), progress.count(Accepted)), (1, 1));
        assert_eq!(fake.times().keys().collect::<Vec<_>>(), [&people[0].number()], "level 2 was not warned");
        running.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_soft_stop_leaves_nothing_half_done() {
    each(&[], async |bench| {
        let people = bench.people(500).await;
        let (fake, gateway) = shared(Fake::sms());
        let alert = bench.warn(&people, 1).await;
        let first = bench.start(vec![gateway.clone()]).await;
        bench.until("some were reached", async || !fake.reached().is_empty()).await;
        first.stop().await;
        assert_eq!(bench.count(alert, Sending).await, 0);
        assert_eq!(bench.count(alert, Accepted).await as usize, fake.reached().len());
        let second = bench.start(vec![gateway]).await;
        bench.until_done(alert).await;
        assert_once(&bench, &fake, &people);
        second.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_listener_takes_receipts_and_tells_its_health() {
    each(&[], async |bench| {
        let people = bench.people(2).await;
        let (fake, gateway) = shared(Fake::sms());
        let alert = bench.warn(&people, 1).await;
        let running = bench.start(vec![gateway]).await;
        bench.until_done(alert).await;
        let at = running.notifier.listen(None).unwrap();
        mashang_notifier::gateway::http::install_tls();
        let http = reqwest::Client::new();
        let url = |path: &str| format!("http://{at}{path}");
        let status = async |path: &str| http.get(url(path)).send().await.unwrap().status().as_u16();
        assert_eq!((status("/healthz").await, status("/readyz").await, status("/metrics").await), (200, 200, 200));
        assert_eq!(status("/receipts/fake/open-sesame").await, 200);
        assert_eq!((status("/receipts/fake/open-barley").await, status("/receipts/none/open-sesame").await), (404, 404));
        let told: Vec<_> = fake
            .reached()
            .iter()
            .map(|r| json!({ "phone_number": &r.phone.reveal()[3..], "success": true, "biz_id": r.provider_id, "err_code": "DELIVERED" }))
            .collect();
        let push = async |secret: &str, body: String| {
            let sent = http.post(url(&format!("/receipts/fake/{secret}"))).body(body).send().await.unwrap();
            (sent.status().as_u16(), sent.text().await.unwrap())
        };
        assert_eq!(push("wrong", json!(told).to_string()).await.0, 404);
        assert_eq!(bench.count(alert, Delivered).await, 0);
        let (status, body) = push("open-sesame", json!(told).to_string()).await;
        assert_eq!((status, body.contains("\"code\":0")), (200, true));
        assert_eq!(bench.count(alert, Delivered).await, 2);
        assert_eq!(push("open-sesame", "{}".into()).await.0, 400);
        let unsigned = http.post(url("/receipts/fake")).body("[]").send().await.unwrap();
        assert_eq!(unsigned.status().as_u16(), 404, "an unsigned provider has no door without a secret");
        assert_eq!(bench.count(alert, Undelivered).await, 0);
        running.stop().await;
    })
    .await;
}
