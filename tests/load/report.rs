//! What a subject found, as a table: for people on a terminal and as Markdown for the documentation.

use std::fmt::Write;

use mashang_tests::figures::Figures;

/// One subject's findings.
pub struct Section {
    pub title: String,
    /// How it was measured, in sentences.
    pub notes: Vec<String>,
    pub rows: Vec<Row>,
}

/// One thing that was measured several times.
pub struct Row {
    what: String,
    unit: &'static str,
    values: Figures,
    ratio: Option<(String, Figures)>,
    goal: Option<Goal>,
}

/// What is wanted of the ratio where there is one, otherwise of the value. The median has to reach it.
#[derive(Debug, Clone, Copy)]
pub enum Goal {
    AtLeast(f64),
    AtMost(f64),
}

impl Section {
    pub fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), notes: Vec::new(), rows: Vec::new() }
    }

    pub fn note(&mut self, sentence: impl Into<String>) {
        self.notes.push(sentence.into());
    }

    pub fn push(&mut self, row: Row) {
        self.rows.push(row);
    }

    /// Goals that were missed.
    pub fn missed(&self) -> usize {
        self.rows.iter().filter(|r| r.met() == Some(false)).count()
    }

    /// As aligned text, or as Markdown.
    pub fn render(&self, markdown: bool) -> String {
        let mut text =
            if markdown { format!("## {}\n\n", self.title) } else { format!("\n== {}\n", self.title) };
        let lines: Vec<[String; 6]> =
            std::iter::once(HEAD.map(str::to_owned)).chain(self.rows.iter().map(Row::cells)).collect();
        if markdown {
            for (i, line) in lines.iter().enumerate() {
                let _ = writeln!(text, "| {} |", line.join(" | "));
                if i == 0 {
                    text.push_str("|---|--:|--:|--:|--:|---|\n");
                }
            }
        } else {
            aligned(&mut text, &lines);
        }
        for note in &self.notes {
            let _ = if markdown { writeln!(text, "\n{note}") } else { writeln!(text, "   {note}") };
        }
        text
    }
}

const HEAD: [&str; 6] = ["what", "median", "range", "ratio", "goal", ""];

fn aligned(text: &mut String, lines: &[[String; 6]]) {
    let width = |column: usize| lines.iter().map(|l| l[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..HEAD.len()).map(width).collect();
    for line in lines {
        let mut row = String::new();
        for (column, (cell, width)) in line.iter().zip(&widths).enumerate() {
            let _ =
                if column == 0 { write!(row, "   {cell:<width$}") } else { write!(row, "  {cell:>width$}") };
        }
        let _ = writeln!(text, "{}", row.trim_end());
    }
}

impl Row {
    pub fn new(what: impl Into<String>, unit: &'static str, values: Figures) -> Self {
        Self { what: what.into(), unit, values, ratio: None, goal: None }
    }

    /// Puts the values beside a peer's, or a limit's, of the same rounds.
    pub fn against(self, whom: impl Into<String>, theirs: &Figures) -> Self {
        let ratio = self.values.by(theirs);
        Self { ratio: Some((whom.into(), ratio)), ..self }
    }

    pub fn goal(self, goal: Goal) -> Self {
        Self { goal: Some(goal), ..self }
    }

    fn met(&self) -> Option<bool> {
        let judged = self.ratio.as_ref().map_or(&self.values, |(_, ratio)| ratio).median();
        self.goal.map(|goal| match goal {
            Goal::AtLeast(least) => judged >= least,
            Goal::AtMost(most) => judged <= most,
        })
    }

    fn cells(&self) -> [String; 6] {
        let (low, high) = self.values.range();
        let ratio = self.ratio.as_ref().map(|(whom, ratio)| format!("{} x {whom}", number(ratio.median())));
        let goal = self.goal.map(|goal| match goal {
            Goal::AtLeast(least) => format!(">= {}", number(least)),
            Goal::AtMost(most) => format!("<= {}", number(most)),
        });
        let met = self.met().map_or("", |met| if met { "met" } else { "MISSED" });
        [
            self.what.clone(),
            format!("{} {}", number(self.values.median()), self.unit),
            format!("{} .. {}", number(low), number(high)),
            ratio.unwrap_or_default(),
            goal.unwrap_or_default(),
            met.to_owned(),
        ]
    }
}

/// Three digits that matter, thousands with commas.
pub fn number(value: f64) -> String {
    let size = value.abs();
    if !value.is_finite() {
        return "-".to_owned();
    }
    if size < 1000.0 {
        let decimals = if size >= 100.0 || size.fract() == 0.0 {
            0
        } else if size >= 10.0 {
            1
        } else {
            2
        };
        return format!("{value:.decimals$}");
    }
    let digits = format!("{:.0}", value.round());
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i) % 3 == 0 && digit.is_ascii_digit() && !text.ends_with('-') {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
