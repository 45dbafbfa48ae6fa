//! The faults campaign: real servers, the real api and the real notifier, one fault after the other, and a checker for each
//! of the two ways: of a scan, and of an alert (the scenarios `dispatch-..`).
//!
//! `tests/faults/run [--seed N] [--short] [SCENARIO..]`; what the promises are and how to read the output stands in
//! `docs/reliability.md`. A scenario is a file of `scenario/`.

mod api;
mod checker;
mod crowd;
mod dispatch;
mod figures;
mod journal;
mod load;
mod postgres;
mod proxy;
mod redis;
mod report;
mod scenario;
mod stage;
mod wire;
mod world;

use std::process::ExitCode;

use clap::Parser;
use scenario::{SCENARIOS, Scenario};
use stage::Name;
use uuid::Uuid;
use world::{World, word};

/// Puts scans and alerts through faults and says which promises held.
#[derive(Parser)]
struct Arguments {
    /// Replays the chances of a campaign.
    #[arg(long)]
    seed: Option<u64>,
    /// About three minutes: a few scenarios, each shorter.
    #[arg(long)]
    short: bool,
    /// Keeps the logs, journals and databases, and says where.
    #[arg(long)]
    keep: bool,
    /// Says what there is and does nothing.
    #[arg(long)]
    list: bool,
    /// Names such as `kill` or `kill/sqlite`; all when there are none.
    scenarios: Vec<String>,
}

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    let chosen = choose(&arguments)?;
    if arguments.list {
        for name in &chosen {
            report::say(&format!("{:<32} {}", name.1.to_string(), name.1.about));
        }
        return Ok(ExitCode::SUCCESS);
    }
    let seed = arguments.seed.unwrap_or_else(|| Uuid::new_v4().as_u64_pair().0 >> 32);
    report::say(&format!("the faults campaign, seed {seed}"));
    let mut world = World::make(seed, arguments.short).await?;
    let mut broken = Vec::new();
    for (scenario, name) in &chosen {
        match (scenario.run)(&mut world, *name).await {
            Ok(report) if report.broken == 0 => {}
            Ok(_) => broken.push(format!("{name}: tests/faults/run --seed {seed} {name}")),
            Err(error) => {
                report::say(&format!("   BROKEN {error:#}"));
                broken.push(format!("{name}: {error:#}"));
            }
        }
    }
    report::end(chosen.len(), &broken);
    if arguments.keep {
        report::say(&format!("kept: {}", world.keep().display()));
    }
    Ok(if broken.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The scenarios that were named, on the databases that they are for.
fn choose(arguments: &Arguments) -> anyhow::Result<Vec<(&'static Scenario, Name)>> {
    let mut chosen = Vec::new();
    let mut unknown = arguments.scenarios.clone();
    for scenario in SCENARIOS {
        for form in scenario.forms {
            let name = Name { scenario: scenario.name, form: *form, about: scenario.about };
            let asked = |text: &String| *text == scenario.name || *text == name.to_string();
            unknown.retain(|text| !asked(text));
            let wanted = if arguments.scenarios.is_empty() {
                !arguments.short || scenario.short.contains(form)
            } else {
                arguments.scenarios.iter().any(asked)
            };
            if wanted {
                chosen.push((scenario, name));
            }
        }
    }
    anyhow::ensure!(
        unknown.is_empty(),
        "no such scenario: {} (--list names them; {})",
        unknown.join(", "),
        word_list()
    );
    Ok(chosen)
}

fn word_list() -> String {
    use mashang_tests::Form;
    format!("databases: {}, {}", word(Form::Sqlite), word(Form::Service))
}
