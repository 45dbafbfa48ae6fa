//! One alert through the product, and what it took.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use mashang_domain::time::{HOUR, MINUTE, Timestamp};
use mashang_infra::clock::Clock;
use mashang_tests::figures::Figures;
use mashang_tests::place::Form;
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, Statement};
use serde_json::json;
use uuid::Uuid;

use super::provider::Provider;
use crate::context::{Ctx, progress};
use crate::cpu;
use crate::product::{Product, Wanted};
use crate::servers::connect;
use crate::{population, staff};

/// Longest wait for the last message.
const PATIENCE: Duration = Duration::from_secs(300);

#[derive(Default)]
pub struct Sent {
    pub rate: Figures,
    pub statements: Figures,
    pub first: Figures,
    /// CPU microseconds of an alert: api and notifier.
    pub cpu: Figures,
    /// The same of PostgreSQL.
    pub cpu_of_database: Figures,
}

/// One message a person: what is measured is the way, not the ladder.
pub const ONE_MESSAGE: [(&str, &str); 2] = [("alerts.ladder_2", "sms"), ("alerts.ladder_3", "sms")];

/// The settings of a gateway at the provider that takes `batch` messages a call.
pub fn gateway(provider: &Provider, batch: u32, calls_per_second: u32) -> String {
    format!(
        "[[gateways]]\nname = \"sms\"\nkind = \"aliyun_sms\"\nendpoint = \"{}\"\naccess_key_id = \"key\"\n\
         access_key_secret = \"secret\"\nsign_name = \"码上\"\nrate_per_second = {calls_per_second}\n\
         max_batch = {batch}\n\
         templates = {{ login = \"L\", alert_1 = \"A\", alert_2 = \"B\", alert_3 = \"C\", correction = \"D\" }}\n",
        provider.url
    )
}

/// One alert to so many people through a gateway that takes `batch` messages a call.
pub async fn of_alert(
    ctx: &Ctx,
    provider: &Provider,
    batch: u32,
    people: u32,
    sent: &mut Sent,
) -> anyhow::Result<()> {
    let gateway = gateway(provider, batch, 1_000_000);
    let wanted = Wanted {
        form: Form::Service,
        name: "dispatch",
        sections: &gateway,
        changes: &ONE_MESSAGE,
        notifier: true,
    };
    let product = Product::start(&ctx.servers, &wanted).await?;
    let db = connect(&product.database_url, 2).await?;
    let (alert, hash) = alert(&product, &db, people).await?;
    let approver = staff::signed_in(&product, "approver").await?;
    db.execute_unprepared("CREATE EXTENSION IF NOT EXISTS pg_stat_statements").await?;
    ctx.servers.checkpoint().await?;
    let statements = "SELECT coalesce(sum(calls), 0)::int8 FROM pg_stat_statements s JOIN pg_database d \
        ON d.oid = s.dbid WHERE d.datname = current_database()";
    let (before, calls) = (one(&db, statements).await?, provider.calls());
    let (cpu, theirs) = (product.cpu_seconds(), cpu::seconds(ctx.servers.pg_pid));

    let begun = Instant::now();
    approver.post(&format!("/alerts/{alert}/approval"), json!({ "trace_sha256": hash })).await.ok(200);
    while provider.calls() == calls {
        ensure!(begun.elapsed() < PATIENCE, "nothing is sent");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    sent.first.push(begun.elapsed().as_secs_f64() * 1_000.0);
    // Counting is dear; it begins when all calls have been made.
    let all = calls + u64::from(people.div_ceil(batch));
    while provider.calls() < all {
        ensure!(begun.elapsed() < PATIENCE, "not everything is called");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let accepted = format!("SELECT count(*) FROM delivery WHERE alert_id = '{alert}' AND state = 'accepted'");
    let mut looks = 0;
    while one(&db, &accepted).await? < i64::from(people) {
        ensure!(begun.elapsed() < PATIENCE, "not everything is sent");
        looks += 1;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    sent.rate.push(f64::from(people) / begun.elapsed().as_secs_f64());
    sent.cpu.push((product.cpu_seconds() - cpu) * 1e6 / f64::from(people));
    sent.cpu_of_database.push((cpu::seconds(ctx.servers.pg_pid) - theirs) * 1e6 / f64::from(people));
    let ours = one(&db, statements).await? - before - looks - 2;
    sent.statements.push(ours as f64 / f64::from(people));
    let fan_out = format!("SELECT fanned_out_at - decided_at FROM alert WHERE id = '{alert}'");
    progress(format!("fanned out after {} ms", one(&db, &fan_out).await?));
    tell_statements(&db).await?;
    db.close().await?;
    product.stop(&ctx.servers).await
}

/// Says where the database's time went.
async fn tell_statements(db: &DatabaseConnection) -> anyhow::Result<()> {
    let sql = "SELECT format('%s ms in %s calls, %s rows: %s', round(total_exec_time)::text, calls, rows, \
        left(regexp_replace(query, '\\s+', ' ', 'g'), 90)) \
        FROM pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid WHERE d.datname = current_database() \
        ORDER BY total_exec_time DESC LIMIT 14";
    for row in db.query_all_raw(Statement::from_string(DbBackend::Postgres, sql)).await? {
        progress(row.try_get_by_index::<String>(0)?);
    }
    Ok(())
}

/// People who were at one venue, traced, and an alert to them that waits for its approver. Its id and the trace's hash.
pub async fn alert(
    product: &Product,
    db: &DatabaseConnection,
    people: u32,
) -> anyhow::Result<(String, String)> {
    let keys = population::keys(&product.keys_file())?;
    let now = Clock::system().now();
    let persons = population::people(db, &keys, 0..people, now).await?;
    let venue = population::places(db, &keys, 1, now).await?.pop().context("a venue")?.id;
    let at = (now - 3 * HOUR).floor_to_second();
    let ids: Vec<Uuid> = persons.iter().map(|p| p.id).collect();
    let sql = "INSERT INTO scan (id, person_id, venue_id, direction, at, received_at, source) \
        SELECT gen_random_uuid(), p, $2, 'in', $3, $3, 'app' FROM unnest($1::uuid[]) AS p";
    let values = [ids.into(), venue.into(), at.millis().into()];
    db.execute_raw(Statement::from_sql_and_values(DbBackend::Postgres, sql, values)).await?;
    db.execute_unprepared("ANALYZE").await?;
    let official = staff::signed_in(product, "official").await?;
    let span = |from: Timestamp, to: Timestamp| json!({ "venue_id": venue, "start": from, "end": to });
    let body = json!({ "spans": [span(at - MINUTE, at + HOUR)] });
    let trace = official.post("/traces", body).await.ok(201);
    ensure!(trace["counts"]["people"] == people, "{trace}");
    let draft = official.post("/alerts", json!({ "trace_id": trace["id"], "urgent": true })).await.ok(201);
    let id = draft["id"].as_str().context("an alert")?.to_owned();
    official.post(&format!("/alerts/{id}/submission"), json!({})).await.ok(200);
    Ok((id, trace["sha256"].as_str().context("a hash")?.to_owned()))
}

pub async fn one(db: &DatabaseConnection, sql: &str) -> anyhow::Result<i64> {
    let row = db.query_one_raw(Statement::from_string(DbBackend::Postgres, sql)).await?;
    Ok(row.context("a row")?.try_get_by_index(0)?)
}
