use tokio::time::advance;

use super::*;

const QUICK: Duration = Duration::from_millis(50);
const SLOW: Duration = Duration::from_secs(3);

fn health() -> Health {
    Health::new(Duration::from_secs(2))
}

fn good() -> [Outcome; 1] {
    [Outcome::Accepted { provider_id: "p".into() }]
}

fn lost() -> [Outcome; 1] {
    [Outcome::unknown("timeout")]
}

fn see(health: &mut Health, outcomes: &[Outcome], took: Duration) -> Turn {
    health.observe("alert_1", outcomes, took, Instant::now())
}

fn admission(health: &Health) -> Admission {
    health.admission("alert_1", Instant::now())
}

fn shut_for(health: &Health) -> u64 {
    match admission(health) {
        Admission::Shut(until) => until.saturating_duration_since(Instant::now()).as_secs(),
        Admission::Open(_) | Admission::Probe => 0,
    }
}

#[tokio::test(start_paused = true)]
async fn failures_in_a_row_shut_it_and_one_probe_opens_it() {
    let mut health = health();
    for _ in 0..FAILURES {
        assert_eq!(admission(&health), Admission::Open(1.0));
        see(&mut health, &lost(), QUICK);
    }
    assert_eq!(shut_for(&health), 10);
    assert!(!health.take_probe(Instant::now()), "not before its time");
    advance(FAILURE_PAUSE).await;
    assert_eq!(admission(&health), Admission::Probe);
    assert!(health.take_probe(Instant::now()));
    assert!(!health.take_probe(Instant::now()), "one probe at a time");
    assert_eq!(shut_for(&health), 10, "for all others it is shut while the probe is under way");
    assert_eq!(see(&mut health, &good(), QUICK), Turn::Returned);
    assert!(matches!(admission(&health), Admission::Open(share) if share < 0.11));
}

#[tokio::test(start_paused = true)]
async fn the_return_is_gradual() {
    let mut health = health();
    for _ in 0..FAILURES {
        see(&mut health, &lost(), QUICK);
    }
    advance(FAILURE_PAUSE).await;
    assert!(health.take_probe(Instant::now()));
    see(&mut health, &good(), QUICK);
    let mut before = 0.0;
    for _ in 0..6 {
        let share = health.share(Instant::now());
        assert!(share > before && share < 1.0, "{share} after {before}");
        before = share;
        advance(RETURN / 6).await;
    }
    see(&mut health, &good(), QUICK);
    assert_eq!(admission(&health), Admission::Open(1.0));
}

#[tokio::test(start_paused = true)]
async fn each_failed_probe_doubles_the_pause() {
    let mut health = health();
    for _ in 0..FAILURES {
        see(&mut health, &lost(), QUICK);
    }
    for seconds in [10, 20, 40, 80, 120, 120] {
        assert_eq!(shut_for(&health), seconds);
        advance(Duration::from_secs(seconds)).await;
        assert!(health.take_probe(Instant::now()));
        see(&mut health, &lost(), QUICK);
    }
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_never_comes_back_does_not_shut_it_for_ever() {
    let mut health = health();
    for _ in 0..FAILURES {
        see(&mut health, &lost(), QUICK);
    }
    advance(FAILURE_PAUSE).await;
    assert!(health.take_probe(Instant::now()));
    advance(PROBE).await;
    assert!(health.take_probe(Instant::now()));
}

#[tokio::test(start_paused = true)]
async fn every_second_failure_is_too_many_and_old_ones_are_forgotten() {
    let mut health = health();
    for n in 0..ENOUGH / 2 {
        assert_eq!(shut_for(&health), 0, "after {n}");
        see(&mut health, &good(), QUICK);
        see(&mut health, &lost(), QUICK);
    }
    assert_eq!(shut_for(&health), 10, "half of twenty failed");
    let mut health = self::health();
    for _ in 0..ENOUGH {
        see(&mut health, &good(), QUICK);
        see(&mut health, &good(), QUICK);
        see(&mut health, &lost(), QUICK);
    }
    assert_eq!(shut_for(&health), 0, "a third does not");
    advance(WINDOW + QUICK).await;
    see(&mut health, &good(), QUICK);
    for _ in 0..FAILURES - 1 {
        see(&mut health, &lost(), QUICK);
    }
    assert_eq!(
        shut_for(&health),
        0,
        "the old ones are forgotten, and five calls are too few to judge by shares"
    );
}

#[tokio::test(start_paused = true)]
async fn a_slow_one_keeps_a_small_share_until_it_is_quick_again() {
    let mut health = health();
    for _ in 0..ENOUGH {
        see(&mut health, &good(), SLOW);
    }
    assert_eq!(admission(&health), Admission::Open(SMALL_SHARE));
    advance(WINDOW + QUICK).await;
    assert_eq!(admission(&health), Admission::Open(1.0), "it gets another chance");
}

#[tokio::test(start_paused = true)]
async fn accounts_shut_the_gateway_and_templates_themselves() {
    let mut health = health();
    see(&mut health, &[Outcome::rejected(ErrorClass::Configuration, "x")], QUICK);
    assert_eq!(shut_for(&health), 60);
    assert_eq!(health.admission("alert_2", Instant::now()), Admission::Open(1.0));
    see(&mut health, &[Outcome::rejected(ErrorClass::Account, "x")], QUICK);
    assert!(matches!(health.admission("alert_2", Instant::now()), Admission::Shut(_)));
    see(&mut health, &good(), SLOW);
    assert_eq!(shut_for(&health), 60, "a call that began before does not open it");
    advance(REFUSED_PAUSE).await;
    assert_eq!(admission(&health), Admission::Probe);
}

#[test]
fn what_a_call_says() {
    use ErrorClass::{Account, FrequencyLimited, NumberInvalid, Retry, Throttled};
    let of = |class| Outcome::rejected(class, "x");
    assert_eq!(sign(&[]), Sign::None);
    assert_eq!(sign(&[Outcome::unknown("x"), of(Retry)]), Sign::Failed);
    assert_eq!(sign(&[Outcome::unknown("x"), of(NumberInvalid)]), Sign::Good);
    assert_eq!(sign(&[of(FrequencyLimited)]), Sign::Good);
    assert_eq!((sign(&[of(Throttled)]), sign(&[of(Account)])), (Sign::None, Sign::None));
}
