//! I10: no number is written down, wherever the product or its servers write (T-21).
//!
//! One more number, that nobody has, is put into every place first: a search that does not find it there is blind.

use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use mashang_tests::search::{Search, postgres_files};

use super::metrics::Metrics;
use super::outbreak::Outbreak;
use super::stage::Dispatch;
use crate::report::Report;
use crate::world::World;

/// A place by its name, and the files and folders that make it up.
type Place = (&'static str, Vec<PathBuf>);

impl Dispatch {
    pub(super) async fn nowhere(&self, world: &World, report: &mut Report) -> anyhow::Result<()> {
        let mark = Outbreak::mark();
        let places = self.places(world, &mark).await?;
        let numbers = [self.outbreak.numbers.as_slice(), std::slice::from_ref(&mark)].concat();
        let (search, mut found, mut blind) = (Search::new(&numbers), Vec::new(), Vec::new());
        for (name, files) in places {
            let (marks, others): (Vec<String>, Vec<String>) =
                files.iter().flat_map(|file| search.below(file)).partition(|hit| hit.ends_with(&mark));
            found.extend(others);
            if marks.is_empty() {
                blind.push(name);
            }
        }
        let figure = format!("{} places with one of {} numbers", found.len(), self.outbreak.numbers.len());
        report.line("I10", "no number is written down", figure, found.is_empty());
        found.iter().take(5).for_each(|hit| report.note(hit));
        let figure = if blind.is_empty() { "seen in every place".to_owned() } else { blind.join(", ") };
        report.line("I10", "one that was planted", figure, blind.is_empty());
        Ok(())
    }

    /// Where things are kept, with the mark in each. What is in memory only is written down first.
    async fn places(&self, world: &World, mark: &str) -> anyhow::Result<Vec<Place>> {
        let metrics = self.metrics(mark).await?;
        let aside = self.folder.join("tmp/mark");
        std::fs::write(aside, mark)?;
        self.run(&format!("DO $$ BEGIN RAISE LOG '{mark}'; END $$")).await?;
        self.run(&format!("CREATE TABLE planted AS SELECT '{mark}' AS t")).await?;
        self.run("CHECKPOINT").await?;
        world.redis.say(&["SET", "planted", mark])?;
        world.redis.say(&["SAVE"])?;
        world.redis.say(&["DEL", "planted"])?;
        let [tables, ahead] = postgres_files(self.db()).await?;
        let redis: Vec<PathBuf> = entries(world.redis.folder())?;
        let (dumps, told) = redis.into_iter().partition(|file| file.extension().is_some_and(|e| e == "rdb"));
        Ok(vec![
            ("logs, settings, temporary files", vec![self.folder.clone(), world.dir().join("outbreak.log")]),
            ("metrics", vec![metrics]),
            ("tables", vec![tables]),
            ("write-ahead log", self.written_since(&ahead)?),
            ("log of PostgreSQL", vec![world.postgres.log()]),
            ("dump of Redis", dumps),
            ("append-only files of Redis", told),
        ])
    }

    /// What all processes say of themselves, as a file.
    async fn metrics(&self, mark: &str) -> anyhow::Result<PathBuf> {
        let mut all = format!("# {mark}\n");
        let ports = self.apis.iter().map(|api| api.port).chain(self.notifiers.iter().map(|n| n.port));
        for port in ports {
            all.push_str(&Metrics::of(port).await?.0);
        }
        let file = self.folder.with_extension("metrics");
        std::fs::write(&file, all)?;
        Ok(file)
    }

    /// Files of a folder that were written to since this stage was set.
    fn written_since(&self, folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
        let mut files = Vec::new();
        for file in entries(folder)? {
            let at = file.metadata()?.modified()?.duration_since(UNIX_EPOCH)?.as_millis();
            if i64::try_from(at)? >= self.set_at.millis() {
                files.push(file);
            }
        }
        Ok(files)
    }
}

fn entries(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    Ok(std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>()?)
}
