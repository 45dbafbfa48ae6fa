//! What the processes cost before anybody asks them anything.

use std::time::Duration;

use mashang_tests::figures::Figures;
use mashang_tests::place::Form;
use mashang_tests::process::binary;

use crate::context::{Ctx, progress};
use crate::cpu;
use crate::product::{Product, Wanted};
use crate::report::{Goal, Row, Section};

/// After the start, until memory is read: threads that were only wanted for the start have ended.
const SETTLE: Duration = Duration::from_secs(15);

const START_GOAL: Goal = Goal::AtMost(0.5);
const MEMORY_GOAL: Goal = Goal::AtMost(40.0);

pub async fn run(ctx: &Ctx) -> anyhow::Result<Section> {
    let mut section = Section::new("Footprint");
    for (form, name) in [(Form::Service, "PostgreSQL and Redis"), (Form::Sqlite, "SQLite, one process")] {
        let measured = of_form(ctx, form, name).await?;
        section.push(Row::new(format!("first start to first answer, {name}"), "s", measured.first));
        section
            .push(Row::new(format!("start to first answer, {name}"), "s", measured.again).goal(START_GOAL));
        section.push(Row::new(format!("api at rest, {name}"), "MB", measured.api).goal(MEMORY_GOAL));
        section.push(Row::new(format!("api at rest, {name}, less pages of files"), "MB", measured.own));
        if form == Form::Service {
            section.push(Row::new("notifier at rest", "MB", measured.notifier).goal(MEMORY_GOAL));
        }
    }
    for name in ["mashang-api", "mashang-notifier"] {
        let bytes = std::fs::metadata(binary(name)?)?.len();
        section.push(Row::new(format!("binary {name}"), "MB", Figures(vec![bytes as f64 / 1e6])));
    }
    section.note(
        "The first start makes the key ring, the schema and the first administrator. Memory is VmRSS, and RssAnon \
         without pages of files, fifteen seconds after the start, before any request but the one for health.",
    );
    Ok(section)
}

#[derive(Default)]
struct Measured {
    first: Figures,
    again: Figures,
    api: Figures,
    /// Of the api's, what is not the program's own file, which the kernel drops and reads again as it likes.
    own: Figures,
    notifier: Figures,
}

async fn of_form(ctx: &Ctx, form: Form, name: &str) -> anyhow::Result<Measured> {
    let mut measured = Measured::default();
    for round in 0..ctx.rounds {
        progress(format!("footprint: {name}, round {}", round + 1));
        let wanted = Wanted { form, name: "footprint", sections: "", changes: &[], notifier: true };
        let mut product = Product::start(&ctx.servers, &wanted).await?;
        measured.first.push(product.started_in.as_secs_f64());
        measured.again.push(product.restart_api().await?.as_secs_f64());
        tokio::time::sleep(SETTLE).await;
        measured.api.push(cpu::resident_mb(product.api.id()));
        measured.own.push(cpu::anonymous_mb(product.api.id()));
        if let Some(notifier) = &product.notifier {
            measured.notifier.push(cpu::resident_mb(notifier.id()));
        }
        product.stop(&ctx.servers).await?;
    }
    Ok(measured)
}
