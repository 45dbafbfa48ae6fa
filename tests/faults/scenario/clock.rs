//! F-23: the wall clock is moved while scans come in; what measures time-outs goes on as before.

use std::path::Path;
use std::time::Duration;

use mashang_tests::Form;
use sea_orm::{ConnectionTrait, Statement};
use tokio::time::sleep;

use super::capacity::half;
use crate::checker::Excused;
use crate::report::Report;
use crate::stage::{Name, Stage, Wanted};
use crate::world::World;

/// Where Debian's `faketime` puts it.
const LIBRARY: &str = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1";
const STEPS: [&str; 6] = ["+1h", "+0", "-1h", "+1d", "-1d", "+9d"];

/// For all processes at once.
pub async fn all(world: &mut World, name: Name) -> anyhow::Result<Report> {
    moved(world, name, &[true, true]).await
}

/// For one of two.
pub async fn one(world: &mut World, name: Name) -> anyhow::Result<Report> {
    moved(world, name, &[false, true]).await
}

async fn moved(world: &mut World, name: Name, faked: &[bool]) -> anyhow::Result<Report> {
    let rate = half(world, name.form).await? / 2.0;
    let file = world.keys().with_file_name(format!("clock-{}-{}", name.scenario, name.form as u8));
    std::fs::write(&file, "+0\n")?;
    let env: Vec<_> =
        faked.iter().map(|faked| if *faked { environment(&file) } else { Vec::new() }).collect();
    let apis = if name.form == Form::Sqlite { 1 } else { env.len() };
    let wanted = Wanted { apis, env: &env, ..Wanted::default() };
    let mut stage = Stage::set(world, name, wanted).await?;
    let load = stage.honest(rate);
    for step in STEPS {
        sleep(Duration::from_secs(3)).await;
        std::fs::write(&file, format!("{step}\n"))?;
    }
    sleep(Duration::from_secs(3)).await;
    std::fs::write(&file, "+0\n")?;
    sleep(Duration::from_secs(2)).await;
    load.end().await?;
    let days = seen(&mut stage).await?;
    // Scans bear the time of the process that took them: today, the days around it, and nine days ahead.
    stage.report.line("", "days that have scans", format!("{days}"), days >= 3);
    Ok(stage.check(Excused::default()).await?.0)
}

fn environment(file: &Path) -> Vec<(String, String)> {
    [
        ("LD_PRELOAD", LIBRARY.to_owned()),
        ("FAKETIME_TIMESTAMP_FILE", file.display().to_string()),
        ("FAKETIME_NO_CACHE", "1".to_owned()),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
    ]
    .map(|(key, value)| (key.to_owned(), value))
    .to_vec()
}

/// How many days have scans; checks on the way that no job of a tick ran twice or was left.
async fn seen(stage: &mut Stage) -> anyhow::Result<i64> {
    let db = stage.database().await?;
    let count = async |sql: &str| -> anyhow::Result<i64> {
        let row = db.query_one_raw(Statement::from_string(db.get_database_backend(), sql)).await?;
        Ok(row.map(|r| r.try_get_by_index(0)).transpose()?.unwrap_or(-1))
    };
    let days = count("SELECT count(DISTINCT (at + 28800000) / 86400000) FROM scan").await?;
    let ticks = count("SELECT count(*) FROM job_tick").await?;
    let open = count("SELECT count(*) FROM job_tick WHERE finished_at IS NULL").await?;
    let figure = format!("{ticks} ticks claimed, each once; {open} not finished");
    stage.report.line("", "jobs run on, each tick once", figure, ticks >= 1 && open == 0);
    db.close().await?;
    Ok(days)
}
