//! An alert to many people, from its approval to the last accepted message: api, notifier, PostgreSQL and Redis as in
//! production, the provider a fast fake on this host.

mod peer;
mod provider;

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use mashang_domain::time::{HOUR, MINUTE, Timestamp};
use mashang_infra::clock::Clock;
use mashang_infra::queue::{Priority, Queue, QueueOptions, RedisQueue, Task};
use mashang_infra::redis::{RedisOptions, RedisPools};
use mashang_tests::figures::Figures;
use mashang_tests::place::Form;
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, Statement};
use serde_json::json;
use uuid::Uuid;

use self::provider::Provider;
use crate::context::{Ctx, progress};
use crate::product::{Product, Wanted};
use crate::report::{Goal, Row, Section, number};
use crate::servers::connect;
use crate::{population, staff};

/// People of one alert.
const PEOPLE: u32 = 50_000;
/// Jobs of the peer, and people where every message is a call of its own.
const SINGLE: u32 = 20_000;

/// Longest wait for the last message.
const PATIENCE: Duration = Duration::from_secs(300);

pub async fn run(ctx: &Ctx) -> anyhow::Result<Section> {
    let mut section = Section::new("Dispatch");
    let provider = Provider::start()?;
    let (mut peer, mut single, mut batched) = (Figures::default(), Sent::default(), Sent::default());
    let mut memory = Figures::default();
    for round in 1..=ctx.rounds {
        if ctx.peers {
            peer.push(peer::alerts_per_second(ctx, &provider, u64::from(SINGLE)).await?);
        }
        of_alert(ctx, &provider, 1, SINGLE, &mut single).await?;
        of_alert(ctx, &provider, 100, PEOPLE, &mut batched).await?;
        memory.push(waiting(ctx).await?);
        progress(format!(
            "dispatch: round {round}: BullMQ {:?}, single {:?}, batched {:?} alerts/s",
            peer.0, single.rate.0, batched.rate.0
        ));
    }
    section.push(Row::new("BullMQ, one call an alert", "alerts/s", peer.clone()));
    let row = Row::new("one call an alert", "alerts/s", single.rate);
    section.push(if ctx.peers { row.against("BullMQ", &peer).goal(Goal::AtLeast(5.0)) } else { row });
    section.push(Row::new("100 alerts a call", "alerts/s", batched.rate).goal(Goal::AtLeast(30_000.0)));
    for (name, statements) in
        [("one call an alert", single.statements), ("100 alerts a call", batched.statements)]
    {
        section.push(
            Row::new(format!("{name}: statements of an alert"), "", statements).goal(Goal::AtMost(0.05)),
        );
    }
    for (name, first) in [("one call an alert", single.first), ("100 alerts a call", batched.first)] {
        section.push(Row::new(format!("{name}: approval to the first message"), "ms", first));
    }
    section.push(Row::new("CPU of api and notifier, 1,000 alerts in batches", "ms", batched.cpu));
    section.push(Row::new("1 million waiting alerts in Redis", "MB", memory).goal(Goal::AtMost(200.0)));
    section.note(format!(
        "{} people ({} where each is a call of its own) from POST /alerts/{{id}}/approval to the last accepted message: \
         notices and deliveries are written, numbers opened, texts filled, claims, attempts and outcomes recorded, each \
         durably. The rate is people by seconds. Statements are those that PostgreSQL counted meanwhile (BEGIN and COMMIT \
         among them), all processes together. BullMQ makes the same calls, {} of them, 64 at a time, and records nothing; \
         its time begins with the first job, when all are queued.",
        number(f64::from(PEOPLE)),
        number(f64::from(SINGLE)),
        number(f64::from(SINGLE)),
    ));
    Ok(section)
}

#[derive(Default)]
struct Sent {
    rate: Figures,
    statements: Figures,
    first: Figures,
    cpu: Figures,
}

/// One alert to so many people through a gateway that takes `batch` messages a call.
async fn of_alert(
    ctx: &Ctx,
    provider: &Provider,
    batch: u32,
    people: u32,
    sent: &mut Sent,
) -> anyhow::Result<()> {
    let gateway = format!(
        "[[gateways]]\nname = \"sms\"\nkind = \"aliyun_sms\"\nendpoint = \"{}\"\naccess_key_id = \"key\"\n\
         access_key_secret = \"secret\"\nsign_name = \"码上\"\nrate_per_second = 1000000\nmax_batch = {batch}\n\
         templates = {{ login = \"L\", alert_1 = \"A\", alert_2 = \"B\", alert_3 = \"C\", correction = \"D\" }}\n",
        provider.url
    );
    // One message a person: what is measured is the way, not the ladder.
    let changes = [("alerts.ladder_2", "sms"), ("alerts.ladder_3", "sms")];
    let wanted = Wanted {
        form: Form::Service,
        name: "dispatch",
        sections: &gateway,
        changes: &changes,
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
    let (before, cpu, calls) = (one(&db, statements).await?, product.cpu_seconds(), provider.calls());

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
async fn alert(product: &Product, db: &DatabaseConnection, people: u32) -> anyhow::Result<(String, String)> {
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

/// Megabytes that a million waiting alerts take in Redis, in tasks as the fan-out makes them.
async fn waiting(ctx: &Ctx) -> anyhow::Result<f64> {
    /// Deliveries of one task: `notifier.batch`.
    const CHUNK: usize = 256;
    let namespace = format!("waiting-{}", Uuid::new_v4().simple());
    let pools = RedisPools::connect(&ctx.servers.redis_url, RedisOptions::default())?;
    let queue = RedisQueue::new(pools.clone(), QueueOptions { namespace, ..QueueOptions::default() });
    let before = used_memory(&pools).await?;
    let tasks: Vec<Task> = (0..1_000_000 / CHUNK)
        .map(|_| Task::Send { deliveries: (0..CHUNK).map(|_| Uuid::now_v7()).collect() })
        .collect();
    for some in tasks.chunks(100) {
        queue.push(Priority::Alert, some).await?;
    }
    let bytes = used_memory(&pools).await? - before;
    redis::cmd("DEL").arg(queue.stream(Priority::Alert)).query_async::<()>(&mut pools.get().await?).await?;
    Ok(bytes / 1e6)
}

/// Bytes.
async fn used_memory(pools: &RedisPools) -> anyhow::Result<f64> {
    let info: String = redis::cmd("INFO").arg("memory").query_async(&mut pools.get().await?).await?;
    let used = info.lines().find_map(|line| line.strip_prefix("used_memory:")).context("used_memory")?;
    Ok(used.trim().parse()?)
}

async fn one(db: &DatabaseConnection, sql: &str) -> anyhow::Result<i64> {
    let row = db.query_one_raw(Statement::from_string(DbBackend::Postgres, sql)).await?;
    Ok(row.context("a row")?.try_get_by_index(0)?)
}
