//! What nobody can read, in the stream, in the outbox and among the deliveries.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::{USUAL_PACE, drained};
use crate::dispatch::{Dispatch, Expected, Wanted};
use crate::report::Report;
use crate::stage::Name;
use crate::world::World;

/// How many of each kind.
const EACH: usize = 3;

/// F-28: others do not wait for what cannot be done.
pub async fn poison(world: &mut World, name: Name) -> anyhow::Result<Report> {
    let mut healthy = Dispatch::set(world, name, Wanted { control: true, ..Wanted::default() }).await?;
    healthy.approve().await?;
    healthy.drained().await?;
    let usual = healthy.took();
    drop(healthy);
    let mut stage = Dispatch::set(world, name, Wanted { notifiers: 0, ..Wanted::default() }).await?;
    in_stream(world, &stage)?;
    in_outbox(&stage).await?;
    people(&stage).await?;
    for _ in 0..2 {
        stage.add_notifier().await?;
    }
    stage.approve().await?;
    deliveries(&stage).await?;
    drained(&mut stage, USUAL_PACE).await?;
    let slower = (stage.took() / usual - 1.0) * 100.0;
    stage.report.note(&format!("{:.2} s, {usual:.2} s without poison", stage.took()));
    stage.report.at_most("", "the others take longer by", slower, 5.0, "%");
    // It is the tests' own reading that wants it so.
    stage.run("UPDATE delivery SET channel = 'sms' WHERE channel = 'pigeon'").await?;
    let listed = stage.count("SELECT count(*) FROM work_item").await?;
    let figure = format!("{listed} of {}", 3 * EACH);
    stage.report.line("I4", "whom it befell is on the list", figure, usize::try_from(listed)? == 3 * EACH);
    stage.check(world, Expected { spoilt: EACH, ..Expected::default() }).await
}

fn in_stream(world: &World, stage: &Dispatch) -> anyhow::Result<()> {
    let stream = format!("{{{}:queue}}:alert", stage.prefix);
    let nobody = "00000000-0000-0000-0000-000000000007";
    for (field, text) in [
        ("task", "{".to_owned()),
        ("task", r#"{"task":"dance"}"#.to_owned()),
        ("task", r#"{"task":"fan_out","alert":"7"}"#.to_owned()),
        ("dance", "task".to_owned()),
        ("task", format!(r#"{{"task":"fan_out","alert":"{nobody}"}}"#)),
        ("task", format!(r#"{{"task":"send","deliveries":["{nobody}"]}}"#)),
    ] {
        world.redis.say(&["XADD", &stream, "*", field, &text])?;
    }
    Ok(())
}

async fn in_outbox(stage: &Dispatch) -> anyhow::Result<()> {
    for n in 0..EACH {
        let id = format!("00000000-0000-0000-0000-00000000000{n}");
        let sql =
            format!(r#"INSERT INTO outbox (id, task, created_at) VALUES ('{id}', '{{"task":"dance"}}', 0)"#);
        stage.run(&sql).await?;
    }
    Ok(())
}

/// Some are gone, of some the number cannot be opened any more.
async fn people(stage: &Dispatch) -> anyhow::Result<()> {
    let of_trace = "SELECT person_id FROM trace_contact ORDER BY person_id LIMIT";
    let spoilt =
        format!("UPDATE person SET phone_sealed = '\\x00' WHERE id IN ({of_trace} {EACH} OFFSET 600)");
    stage.run(&spoilt).await?;
    stage.run(&format!("DELETE FROM person WHERE id IN ({of_trace} {EACH} OFFSET 100)")).await?;
    Ok(())
}

/// Rows that no version of ours has written, as soon as there are any that nobody works on.
async fn deliveries(stage: &Dispatch) -> anyhow::Result<()> {
    let spoil = format!(
        "UPDATE delivery SET channel = 'pigeon' WHERE id IN (SELECT id FROM delivery WHERE state = 'pending' \
         AND person_id IN (SELECT id FROM person WHERE length(phone_sealed) > 1) ORDER BY person_id DESC LIMIT {EACH} FOR UPDATE)"
    );
    let begun = Instant::now();
    while stage.run(&spoil).await? < EACH as u64 {
        anyhow::ensure!(begun.elapsed() < Duration::from_secs(20), "there are no deliveries to spoil");
        sleep(Duration::from_millis(5)).await;
    }
    Ok(())
}
