//! The chain of the audit log holds, names its first bad row, and cannot be changed through the application.

use mashang_domain::person::Actor;
use mashang_domain::protection::audit::Purpose;
use mashang_domain::time::Timestamp;
use mashang_infra::store::audit::{self, Act, Verdict};
use sea_orm::ConnectionTrait;
use serde_json::json;

use crate::bench::{Bench, on_both};

on_both!(
    tampering_is_found_where_it_was_done,
    parallel_transactions_keep_the_chain_whole,
    the_database_refuses_changes
);

const ENTRIES: i64 = 40;

pub(crate) async fn append(bench: &Bench, n: i64) {
    let tx = bench.db.begin_write().await.unwrap();
    let act = Act {
        actor: &Actor::System("test"),
        action: "test.act",
        purpose: Purpose::Case,
        subject: Some(uuid::Uuid::from_u128(7)),
        object_kind: "case",
        object_id: n.to_string(),
        detail: json!({ "z": n, "a": ["甲", null, true], "m": { "y": 1, "b": 2 } }),
    };
    audit::append(&*tx, act, Timestamp(n)).await.unwrap();
    tx.commit().await.unwrap();
}

async fn verdict(bench: &Bench) -> Verdict {
    audit::verify(bench.db.conn()).await.unwrap()
}

pub(crate) async fn disarm(bench: &Bench) {
    if bench.db.is_postgres() {
        return bench.run("ALTER TABLE audit DISABLE TRIGGER ALL").await;
    }
    bench.run("DROP TRIGGER audit_no_update").await;
    bench.run("DROP TRIGGER audit_no_delete").await;
}

async fn tampering_is_found_where_it_was_done(bench: &Bench) {
    for n in 1..=ENTRIES {
        append(bench, n).await;
    }
    let Verdict::Intact { entries, head } = verdict(bench).await else { panic!("a fresh log is whole") };
    assert_eq!(entries, ENTRIES);
    disarm(bench).await;
    bench.run("CREATE TABLE good AS SELECT * FROM audit").await;
    let cases: &[(&[&str], i64)] = &[
        (&["UPDATE audit SET actor_id = 'somebody else' WHERE seq = 17"], 17),
        (&["UPDATE audit SET purpose = 'alert' WHERE seq = 1"], 1),
        (&["UPDATE audit SET at = at + 1 WHERE seq = 40"], 40),
        (&["UPDATE audit SET subject = NULL WHERE seq = 5"], 5),
        (&["UPDATE audit SET detail = '{}' WHERE seq = 9"], 9),
        (&["UPDATE audit SET hash = previous WHERE seq = 12"], 12),
        (&["DELETE FROM audit WHERE seq = 23"], 23),
        (&["DELETE FROM audit WHERE seq = 1"], 1),
        (&["DELETE FROM audit WHERE seq BETWEEN 20 AND 30"], 20),
        // Deleted and closed up again.
        (&["DELETE FROM audit WHERE seq = 39", "UPDATE audit SET seq = 39 WHERE seq = 40"], 39),
        // Two entries change places.
        (
            &[
                "UPDATE audit SET seq = 1000 WHERE seq = 10",
                "UPDATE audit SET seq = 10 WHERE seq = 11",
                "UPDATE audit SET seq = 11 WHERE seq = 1000",
            ],
            10,
        ),
    ];
    for (statements, first_bad) in cases {
        for statement in *statements {
            bench.run(statement).await;
        }
        let found = verdict(bench).await;
        assert!(
            matches!(found, Verdict::Broken { seq, .. } if seq == *first_bad),
            "{statements:?}: {found:?}"
        );
        bench.run("DELETE FROM audit").await;
        bench.run("INSERT INTO audit SELECT * FROM good").await;
        assert!(matches!(verdict(bench).await, Verdict::Intact { .. }));
    }
    // Cut at the newest end: whole by itself, not against a head that was noted before.
    bench.run("DELETE FROM audit WHERE seq > 35").await;
    assert!(matches!(verdict(bench).await, Verdict::Intact { entries: 35, .. }));
    let against = audit::verify_with_head(bench.db.conn(), ENTRIES, &head).await.unwrap();
    assert!(matches!(against, Verdict::Broken { seq: ENTRIES, .. }), "{against:?}");
    for n in 36..=ENTRIES {
        append(bench, n + 1).await;
    }
    let against = audit::verify_with_head(bench.db.conn(), ENTRIES, &head).await.unwrap();
    assert!(matches!(against, Verdict::Broken { seq: ENTRIES, .. }), "rewritten: {against:?}");
}

async fn parallel_transactions_keep_the_chain_whole(bench: &Bench) {
    let work = (0..32).map(|task| async move {
        for n in 0..4 {
            append(bench, task * 100 + n).await;
        }
    });
    futures_util::future::join_all(work).await;
    let found = verdict(bench).await;
    assert!(matches!(found, Verdict::Intact { entries: 128, .. }), "{found:?}");
}

async fn the_database_refuses_changes(bench: &Bench) {
    append(bench, 1).await;
    append(bench, 2).await;
    let mut forbidden =
        vec!["UPDATE audit SET actor_id = 'x' WHERE seq = 1", "DELETE FROM audit WHERE seq = 2"];
    if bench.db.is_postgres() {
        forbidden.push("TRUNCATE audit");
    }
    for statement in forbidden {
        let refused = bench.db.conn().execute_unprepared(statement).await.unwrap_err().to_string();
        assert!(refused.contains("append-only"), "{statement}: {refused}");
    }
    assert_eq!(bench.count("audit").await, 2);
}
