//! `import visits FILE`: brings millions of scans in, with a bar, and can be continued after a stop.

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, bail};
use clap::{Args, Subcommand, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use mashang_config::Settings;
use mashang_domain::person::Actor;

use super::say;
use crate::app::import::{
    BadLine, ImportContext, ImportFormat, ImportOptions, ImportProgress, import_visits,
};

#[derive(Subcommand)]
pub(super) enum ImportCommand {
    /// Import visits from a CSV file, plain or gzip. The same file again continues where it stopped.
    Visits(Visits),
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    /// phone, venue_ref, direction, scanned_at
    Visits,
    /// venue_id, venue_name_or_category, lat, lon, user_id, checked_in_at (and direction)
    Checkins,
}

#[derive(Args)]
pub(super) struct Visits {
    file: PathBuf,
    #[arg(long, value_enum, default_value = "visits")]
    format: Format,
    /// Make venues that do not exist (check-ins only); they are approved.
    #[arg(long)]
    create_venues: bool,
    /// Division code of venues that are made.
    #[arg(long, default_value = "530102")]
    division: String,
    /// Folder for people.csv and venues.csv, which say what the file's references became (check-ins only).
    #[arg(long)]
    map: Option<PathBuf>,
}

pub(super) async fn run(settings: Settings, command: ImportCommand) -> anyhow::Result<()> {
    let ImportCommand::Visits(args) = command;
    crate::start::check_settings(&settings)?;
    let keys = crate::start::keys(&settings)?;
    let db = crate::start::database(&settings).await?;
    let clock = crate::start::clock(&settings);
    let format = match args.format {
        Format::Visits => ImportFormat::Visits,
        Format::Checkins => ImportFormat::Checkins,
    };
    if args.create_venues && format == ImportFormat::Visits {
        bail!("--create-venues needs a file that describes its venues: --format checkins");
    }
    let file = File::open(&args.file).with_context(|| format!("{}", args.file.display()))?;
    let length = file.metadata().map_or(0, |m| m.len());
    let context = ImportContext { db, keys, settings: Arc::new(settings), clock };
    let mut options = ImportOptions::new(format, Actor::System("command line"));
    options.create_venues = args.create_venues;
    options.division_code = args.division;
    options.map_dir = args.map;
    let mut bar = Bar::new(length);
    let report = import_visits(&context, file, options, &mut bar).await?;
    bar.0.finish_and_clear();
    say(&serde_json::to_string_pretty(&report)?);
    Ok(())
}

/// A bar over the bytes of the file; bad lines are printed above it.
struct Bar(ProgressBar);

impl Bar {
    fn new(length: u64) -> Self {
        let bar = ProgressBar::new(length);
        if let Ok(style) = ProgressStyle::with_template("{bar:32} {bytes}/{total_bytes}  {msg}  {elapsed}") {
            bar.set_style(style);
        }
        Self(bar)
    }
}

impl ImportProgress for Bar {
    fn advanced(&mut self, lines: u64, bytes: u64) {
        self.0.set_position(bytes);
        self.0.set_message(format!("{lines} 行 lines"));
    }

    fn rejected(&mut self, line: &BadLine) {
        self.0.println(format!("第 {} 行 line {}: {}", line.line, line.line, line.detail));
    }

    fn settled(&mut self, people: u64) {
        self.0.set_message(format!("整理 {people} 人的记录 settled"));
    }
}
