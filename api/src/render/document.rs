//! A document of sections on as many A4 pages as it takes: facts, tables, paragraphs. Reports and certificates say
//! what; where it stands is decided in [`super::layout`].

use chrono::NaiveDate;

use super::drawing::Weight;
use super::error::RenderError;
use super::fonts::Fonts;
use super::{layout, pdf};

/// Something to print and to file.
#[derive(Debug, Clone)]
pub struct Document {
    pub title: String,
    /// Above the title: whose document it is.
    pub issuer: String,
    /// Set apart beside the title, so that nobody takes a drill for the real thing.
    pub stamp: Option<String>,
    pub sections: Vec<Section>,
    /// At the foot of every page, before its number.
    pub footer: String,
    pub printed_on: NaiveDate,
}

#[derive(Debug, Clone)]
pub struct Section {
    pub heading: String,
    pub parts: Vec<Part>,
}

#[derive(Debug, Clone)]
pub enum Part {
    /// What is asked, and the answer.
    Facts(Vec<(String, String)>),
    Table(Table),
    Text(String),
}

/// Rows under a head that is repeated on every page.
#[derive(Debug, Clone)]
pub struct Table {
    pub head: Vec<String>,
    pub rows: Vec<Vec<String>>,
    /// How the columns share the width.
    pub shares: Vec<f32>,
}

/// Makes a PDF. A character that no font of the server has is printed as `?`: a name in a report may not keep the
/// report from being made.
///
/// # Errors
/// [`RenderError::FontMissing`] when the server has no Chinese font.
pub fn print(document: &Document, fonts: &Fonts) -> Result<Vec<u8>, RenderError> {
    fonts.check()?;
    let document = document.with_texts(|text| printable(text, fonts));
    pdf::write(&layout::flow::lay_out(&document, fonts)?, fonts, document.printed_on)
}

fn printable(text: &str, fonts: &Fonts) -> String {
    let drawn = |c: char| if fonts.glyph(c, Weight::Regular).is_ok() { c } else { '?' };
    text.chars().map(|c| if c.is_whitespace() { ' ' } else { drawn(c) }).collect()
}

impl Document {
    fn with_texts(&self, change: impl Fn(&str) -> String) -> Document {
        let all = |texts: &[String]| texts.iter().map(|t| change(t)).collect::<Vec<_>>();
        let part = |part: &Part| match part {
            Part::Facts(facts) => Part::Facts(facts.iter().map(|(k, v)| (change(k), change(v))).collect()),
            Part::Text(text) => Part::Text(change(text)),
            Part::Table(table) => Part::Table(Table {
                head: all(&table.head),
                rows: table.rows.iter().map(|row| all(row)).collect(),
                shares: table.shares.clone(),
            }),
        };
        let section =
            |s: &Section| Section { heading: change(&s.heading), parts: s.parts.iter().map(part).collect() };
        Document {
            title: change(&self.title),
            issuer: change(&self.issuer),
            stamp: self.stamp.as_deref().map(&change),
            sections: self.sections.iter().map(section).collect(),
            footer: change(&self.footer),
            printed_on: self.printed_on,
        }
    }
}
