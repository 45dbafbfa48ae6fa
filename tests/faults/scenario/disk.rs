//! F-16: the disk of the database is full, and then it is not.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use mashang_tests::Form;
use tokio::time::sleep;

use super::capacity::half;
use crate::checker::Excused;
use crate::postgres::{Postgres, is_root, run};
use crate::report::Report;
use crate::stage::{Name, Stage, Wanted, first_2xx_after};
use crate::world::{World, settle_postgres};

/// A file system of its own in memory; gone when dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(at: PathBuf, megabytes: u32) -> anyhow::Result<Self> {
        std::fs::create_dir(&at)?;
        let size = format!("size={megabytes}m,mode=777");
        run(Command::new("mount").args(["-t", "tmpfs", "-o", &size, "mashang-faults"]).arg(&at))?;
        Ok(Self(at))
    }

    /// Fills what is left.
    fn fill(&self) -> PathBuf {
        let file = self.0.join("ballast");
        let target = format!("of={}", file.display());
        let filling = Command::new("dd").args(["if=/dev/zero", &target, "bs=64k", "status=none"]).output();
        drop(filling);
        file
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

pub async fn full(world: &mut World, name: Name) -> anyhow::Result<Report> {
    if !is_root() {
        let report = Report::begin(&name, world.seed);
        report.note("not run: only root may mount a small disk");
        return Ok(report);
    }
    let rate = half(world, name.form).await?;
    let at = world.keys().with_file_name(format!("disk-{}", name.form as u8));
    match name.form {
        Form::Service => full_postgres(world, name, rate, at).await,
        Form::Sqlite => full_sqlite(world, name, rate, at).await,
    }
}

async fn full_postgres(world: &mut World, name: Name, rate: f64, at: PathBuf) -> anyhow::Result<Report> {
    let disk = SmallDisk::mount(at, 400)?;
    // In the place of the campaign's own server, so that everything goes to it.
    let own = std::mem::replace(&mut world.postgres, Postgres::create_small(&disk.0.join("pg"))?);
    let result = fill_and_free(world, name, rate, &disk).await;
    world.postgres = own;
    result
}

async fn fill_and_free(world: &mut World, name: Name, rate: f64, disk: &SmallDisk) -> anyhow::Result<Report> {
    let folder = world.folder()?;
    // The same keys, another crowd: this server has numbers of its own.
    std::fs::copy(world.keys(), folder.join("keys.toml"))?;
    let crowd = Arc::new(settle_postgres(&world.postgres, &folder, world.seed).await?);
    let database = world.database(name.form, &folder)?;
    let wanted = Wanted { database: Some((database, crowd)), ..Wanted::default() };
    let mut stage = Stage::set(world, name, wanted).await?;
    let load = stage.honest(rate);
    sleep(Duration::from_secs(2)).await;
    let ballast = disk.fill();
    sleep(Duration::from_secs(10)).await;
    let died = world.postgres.has_ended();
    free(&ballast)?;
    if died {
        // As its supervisor would.
        tokio::task::block_in_place(|| world.postgres.start())?;
    }
    finish(stage, load, if died { "PostgreSQL ended and was started again" } else { "PostgreSQL stayed" })
        .await
}

async fn full_sqlite(world: &mut World, name: Name, rate: f64, at: PathBuf) -> anyhow::Result<Report> {
    let disk = SmallDisk::mount(at, 60)?;
    let crowd = world.crowd(name.form).await?;
    let database = world.database(name.form, &disk.0)?;
    let wanted = Wanted { database: Some((database, crowd)), ..Wanted::default() };
    let mut stage = Stage::set(world, name, wanted).await?;
    let load = stage.honest(rate);
    sleep(Duration::from_secs(2)).await;
    let ballast = disk.fill();
    sleep(Duration::from_secs(10)).await;
    free(&ballast)?;
    finish(stage, load, "the file stayed").await
}

fn free(ballast: &Path) -> anyhow::Result<()> {
    Ok(std::fs::remove_file(ballast)?)
}

async fn finish(mut stage: Stage, load: crate::load::Load, what: &str) -> anyhow::Result<Report> {
    let at = stage.now();
    let ready = stage.api().ready(Duration::from_secs(30)).await?;
    sleep(Duration::from_secs(3)).await;
    load.end().await?;
    stage.report.note(what);
    stage.report.at_most("I11", "ready after there is room", ready.as_secs_f64(), 5.0, "s");
    let (mut report, entries) = stage.check(Excused::default()).await?;
    let refused = entries.iter().filter(|e| e.end == crate::journal::End::Status(503)).count();
    report.line("", "the disk was full for the clients", format!("{refused} times 503"), refused > 0);
    report.at_most("I11", "first 2xx after there is room", first_2xx_after(&entries, at), 5.0, "s");
    Ok(report)
}
