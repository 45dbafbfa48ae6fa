//! Sessions that many ask for at once, on both databases.

mod database;

use database::Database;
use futures_util::future::join_all;
use mashang_domain::time::Timestamp;
use mashang_entity::person;
use mashang_infra::store::gather::GatherError;
use mashang_infra::store::session::{self, NewSession};
use mashang_infra::store::session_reader::SessionReader;
use sea_orm::{EntityTrait, IntoActiveModel};
use uuid::Uuid;

const NOW: Timestamp = Timestamp(1_581_480_000_000);

fn hash_of(n: u128) -> Vec<u8> {
    [Uuid::from_u128(n).into_bytes(), [7; 16]].concat()
}

async fn open(database: &Database, count: u128) {
    let tx = database.db.begin_write().await.expect("begins");
    for n in 0..count {
        let id = Uuid::from_u128(n);
        let row = person::Model {
            id,
            phone_hash: hash_of(n),
            phone_sealed: vec![1],
            key_version: 1,
            created_at: NOW,
        };
        person::Entity::insert(row.into_active_model()).exec_without_returning(&*tx).await.expect("a person");
        let new =
            NewSession { token_hash: hash_of(n), person_id: Some(id), staff_id: None, expires_at: NOW + 1 };
        session::insert(&*tx, new, NOW).await.expect("a session");
    }
    tx.commit().await.expect("commits");
}

#[tokio::test]
async fn everybody_who_asks_at_once_gets_their_own_session() {
    for database in Database::all().await {
        open(&database, 700).await;
        let reader = SessionReader::start(&database.db);
        // Known and unknown ones mixed, each asked for twice.
        let asked: Vec<u128> = (0..1_400).chain(0..1_400).collect();
        let hashes: Vec<Vec<u8>> = asked.iter().map(|n| hash_of(*n)).collect();
        let found = join_all(hashes.iter().map(|hash| reader.by_token(hash))).await;
        for (n, found) in asked.into_iter().zip(found) {
            let person = found.expect("an answer").and_then(|session| session.person_id);
            assert_eq!(person, (n < 700).then(|| Uuid::from_u128(n)), "{}: {n}", database.name);
        }
        database.close().await;
    }
}

#[tokio::test]
async fn a_failing_query_is_told_to_all_who_asked_and_costs_nobody_else() {
    for database in Database::all().await {
        open(&database, 3).await;
        let reader = SessionReader::start(&database.db);
        database.run("ALTER TABLE session RENAME TO elsewhere").await;
        let hashes = [hash_of(0), hash_of(1)];
        for failed in join_all(hashes.iter().map(|hash| reader.by_token(hash))).await {
            assert!(matches!(failed, Err(GatherError::Failed(_))), "{}: {failed:?}", database.name);
        }
        database.run("ALTER TABLE elsewhere RENAME TO session").await;
        let found = reader.by_token(&hash_of(2)).await.expect("an answer").expect("a session");
        assert_eq!(found.person_id, Some(Uuid::from_u128(2)), "{}", database.name);
        database.close().await;
    }
}
