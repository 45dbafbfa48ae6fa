//! The hourly check: once in all processes, from the head that was noted, and nothing hides from it for longer.

use std::sync::Arc;

use mashang_domain::time::{DAY, HOUR, Timestamp};
use mashang_infra::audit_check::{Standing, check_when_due, standing};
use mashang_infra::clock::Clock;
use mashang_infra::keys::{KeyFileSecrets, KeyRing};
use mashang_infra::store::audit::Verdict;

use crate::audit::{append, disarm};
use crate::bench::{Bench, on_both};

on_both!(the_log_is_checked_once_an_hour, what_was_cut_or_changed_is_found);

const NOON: Timestamp = Timestamp(1_581_480_000_000);

fn keys() -> Arc<KeyRing> {
    let dir = tempfile::tempdir().unwrap();
    Arc::new(KeyRing::from_secrets(&KeyFileSecrets::create(&dir.path().join("keys.toml")).unwrap()))
}

async fn check(bench: &Bench, keys: &KeyRing, at: Timestamp) -> Option<Verdict> {
    let clock = Clock::fixed(at);
    check_when_due(&bench.db, keys, &clock, || ()).await.unwrap()
}

async fn stands(bench: &Bench) -> Standing {
    standing(bench.db.conn()).await.unwrap()
}

async fn the_log_is_checked_once_an_hour(bench: &Bench) {
    let keys = keys();
    assert_eq!(stands(bench).await, Standing { newest_at: None, verified_at: None, intact: true });
    for n in 1..=5 {
        append(bench, n).await;
    }
    let first = check(bench, &keys, NOON).await;
    assert!(matches!(first, Some(Verdict::Intact { entries: 5, .. })), "{first:?}");
    assert_eq!(check(bench, &keys, NOON + HOUR - 1).await, None, "another process has this hour");
    for n in 6..=8 {
        append(bench, n).await;
    }
    let next = check(bench, &keys, NOON + HOUR).await;
    assert!(matches!(next, Some(Verdict::Intact { entries: 3, .. })), "from the noted head: {next:?}");
    let at = Some(NOON + HOUR);
    assert_eq!(
        stands(bench).await,
        Standing { newest_at: Some(Timestamp(8)), verified_at: at, intact: true }
    );
    let daily = check(bench, &keys, NOON + DAY).await;
    assert!(matches!(daily, Some(Verdict::Intact { entries: 8, .. })), "all of it once a day: {daily:?}");
}

async fn what_was_cut_or_changed_is_found(bench: &Bench) {
    let keys = keys();
    for n in 1..=8 {
        append(bench, n).await;
    }
    check(bench, &keys, NOON).await;
    disarm(bench).await;
    bench.run("CREATE TABLE good AS SELECT * FROM audit").await;
    bench.run("DELETE FROM audit WHERE seq > 6").await;
    append(bench, 9).await;
    append(bench, 10).await;
    for hour in 1..=2 {
        let found = check(bench, &keys, NOON + hour * HOUR).await;
        assert!(matches!(found, Some(Verdict::Broken { seq: 8, .. })), "rewritten, hour {hour}: {found:?}");
    }
    let standing = stands(bench).await;
    assert_eq!((standing.intact, standing.verified_at), (false, Some(NOON)));
    bench.run("DELETE FROM audit").await;
    bench.run("INSERT INTO audit SELECT * FROM good").await;
    assert!(matches!(check(bench, &keys, NOON + 3 * HOUR).await, Some(Verdict::Intact { .. })), "mended");
    assert!(stands(bench).await.intact);
    bench.run("UPDATE audit SET actor_id = 'x' WHERE seq = 2").await;
    let later = check(bench, &keys, NOON + 4 * HOUR).await;
    assert!(matches!(later, Some(Verdict::Intact { .. })), "an old entry waits for the day: {later:?}");
    let daily = check(bench, &keys, NOON + DAY).await;
    assert!(matches!(daily, Some(Verdict::Broken { seq: 2, .. })), "{daily:?}");
}
