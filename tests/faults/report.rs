//! What a scenario prints: one line an invariant, with its figure.
#![expect(clippy::print_stdout, reason = "the report is what the campaign is for")]

use crate::stage::Name;

/// The lines of one scenario.
pub struct Report {
    pub broken: usize,
}

impl Report {
    /// The head of a scenario, with what replays it.
    pub fn begin(name: &Name, seed: u64) -> Self {
        println!("\n== {name}: {}", name.about);
        println!("   seed {seed}; again: tests/faults/run --seed {seed} {name}");
        Self { broken: 0 }
    }

    /// For a run beside a scenario's own, whose figures are only compared with.
    pub const fn unheard() -> Self {
        Self { broken: 0 }
    }

    pub fn line(&mut self, id: &str, what: &str, figure: String, holds: bool) {
        let verdict = if holds { "ok" } else { "BROKEN" };
        println!("   {verdict:6} {id:<4} {what:<34} {figure}");
        self.broken += usize::from(!holds);
    }

    /// A figure with its bound: `value` must not be above.
    pub fn at_most(&mut self, id: &str, what: &str, value: f64, bound: f64, unit: &str) {
        self.line(id, what, format!("{value:.2} {unit} (at most {bound:.2})"), value <= bound);
    }

    /// A figure with its bound: `value` must not be below.
    pub fn at_least(&mut self, id: &str, what: &str, value: f64, bound: f64, unit: &str) {
        self.line(id, what, format!("{value:.2} {unit} (at least {bound:.2})"), value >= bound);
    }

    /// As [`Report::at_most`], for figures of speed: optimised binaries promise them. In the others a refusal costs as much
    /// as an answer, and the figure is told without a verdict.
    pub fn speed_at_most(&mut self, id: &str, what: &str, value: f64, bound: f64, unit: &str) {
        match cfg!(debug_assertions) {
            true => self.note(&format!("{what}: {value:.2} {unit} (optimised: at most {bound:.2})")),
            false => self.at_most(id, what, value, bound, unit),
        }
    }

    /// As [`Report::at_least`], for figures of speed.
    pub fn speed_at_least(&mut self, id: &str, what: &str, value: f64, bound: f64, unit: &str) {
        match cfg!(debug_assertions) {
            true => self.note(&format!("{what}: {value:.2} {unit} (optimised: at least {bound:.2})")),
            false => self.at_least(id, what, value, bound, unit),
        }
    }

    /// Something to know, without a bound.
    pub fn note(&self, text: &str) {
        println!("          {text}");
    }
}

/// The last line of a campaign.
pub fn end(scenarios: usize, broken: &[String]) {
    println!("\n{scenarios} scenarios, {} with a broken invariant", broken.len());
    for name in broken {
        println!("   {name}");
    }
}

/// What is done before the first scenario.
pub fn say(text: &str) {
    println!("{text}");
}
