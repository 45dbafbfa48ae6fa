//! The figures of Mashang: what it does a second, how long it takes, and what it costs, beside peers and limits that are
//! measured in the same run. `tests/load/run` builds what is needed and starts the servers.

mod context;
mod cpu;
mod generator;
mod machine;
mod peers;
mod population;
mod product;
mod report;
mod servers;
mod staff;
mod subjects;

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Parser;

use context::Ctx;
use peers::Peer;
use servers::Servers;
use subjects::Subject;

#[derive(Parser)]
#[command(about = "Measures Mashang beside its peers and limits; see tests/load/run")]
struct Arguments {
    /// What to measure; everything when nothing is named.
    #[arg(value_enum)]
    subjects: Vec<Subject>,
    /// Rounds; the median counts. Less than 3 are for trying out.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Seconds that one measurement under load lasts, after its warm-up.
    #[arg(long, default_value_t = 8)]
    seconds: u64,
    /// Also writes the tables into this file, as Markdown.
    #[arg(long)]
    markdown: Option<PathBuf>,
    /// Leaves the peers out: only ours and the limits.
    #[arg(long)]
    no_peers: bool,
    /// A setting of the product that differs from its default, such as `scans.writers=2`; to try something out.
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = setting)]
    settings: Vec<(String, String)>,
    /// Serves as a peer; for this program itself.
    #[arg(long, hide = true)]
    serve_as: Option<Peer>,
}

fn setting(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("KEY=VALUE is wanted")?;
    Ok((key.to_owned(), value.to_owned()))
}

#[tokio::main]
#[expect(clippy::print_stdout, reason = "the tables are what this program is for")]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    if let Some(peer) = arguments.serve_as {
        return peer.serve().await;
    }
    let ctx = Ctx {
        rounds: arguments.rounds.max(1),
        seconds: arguments.seconds.max(1),
        peers: !arguments.no_peers,
        settings: arguments.settings,
        servers: Servers::from_environment()?,
    };
    let machine = machine::line(&ctx).await?;
    println!("{machine}");
    let mut markdown = format!("{machine}\n");
    let mut missed = 0;
    let chosen = if arguments.subjects.is_empty() { Subject::all() } else { arguments.subjects };
    for subject in chosen {
        let section = subject.run(&ctx).await.with_context(|| format!("{subject:?}"))?;
        println!("{}", section.render(false));
        markdown += &format!("\n{}", section.render(true));
        missed += section.missed();
        // After each subject: a long run that is cut short leaves what it found.
        if let Some(file) = &arguments.markdown {
            std::fs::write(file, &markdown).with_context(|| file.display().to_string())?;
        }
    }
    println!("\n{missed} goals missed");
    Ok(())
}
