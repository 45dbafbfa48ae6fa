//! Documents: sections one below the other, broken into A4 pages between rows and paragraphs, never inside one.

use super::super::choice::Size;
use super::super::document::{Document, Part, Section, Table};
use super::super::drawing::{Area, Color, Drawing, Weight};
use super::super::error::RenderError;
use super::super::text::{Block, Measure, Room};
use super::sheet::{Sheet, Spot, Style};
use super::{GREY, INK, PALE, WHITE};

const MARGIN: f32 = 48.0;
const BODY: f32 = 9.5;
const ACCENT: Color = Color(0x0F, 0x4C, 0x9E);
const ALARM: Color = Color(0xB4, 0x23, 0x18);
/// Above and below the text of a row.
const PAD: f32 = 2.8;
const GUTTER: f32 = 8.0;
/// Share of the width that the question of a fact has.
const ASKED: f32 = 0.38;

/// The pages of `document`.
pub(crate) fn lay_out(document: &Document, measure: &dyn Measure) -> Result<Vec<Drawing>, RenderError> {
    let mut flow = Flow { title: &document.title, measure, pages: Vec::new(), top: 0.0 };
    flow.new_page();
    flow.head(document)?;
    for section in &document.sections {
        flow.section(section)?;
    }
    flow.feet(&document.footer)?;
    Ok(flow.pages.into_iter().map(|sheet| sheet.page).collect())
}

struct Flow<'a> {
    title: &'a str,
    measure: &'a dyn Measure,
    pages: Vec<Sheet<'a>>,
    /// Where the next thing begins on the last page.
    top: f32,
}

/// Texts beside each other, and what lies under them.
struct Row {
    cells: Vec<(f32, Block, Weight, Color)>,
    ground: Option<Color>,
}

impl Row {
    fn height(&self) -> f32 {
        self.cells.iter().map(|(_, block, ..)| block.height()).fold(0.0, f32::max) + 2.0 * PAD
    }
}

impl<'a> Flow<'a> {
    fn width(&self) -> f32 {
        Size::A4.points().0 - 2.0 * MARGIN
    }

    fn new_page(&mut self) {
        let (width, height) = Size::A4.points();
        let page = Drawing { width, height, scale: 1.0, title: self.title.to_owned(), items: Vec::new() };
        self.pages.push(Sheet::new(page, self.measure));
        self.top = MARGIN;
    }

    /// The last page; there is always one.
    fn sheet(&mut self) -> &mut Sheet<'a> {
        let last = self.pages.len() - 1;
        &mut self.pages[last]
    }

    /// Begins a page unless `height` is still free on this one. Answers whether it did.
    fn need(&mut self, height: f32) -> bool {
        let full = self.top + height > Size::A4.points().1 - MARGIN - 18.0;
        if full {
            self.new_page();
        }
        full
    }

    /// Issuer, title, stamp.
    fn head(&mut self, document: &Document) -> Result<(), RenderError> {
        let (width, top) = (self.width(), self.top);
        let sheet = self.sheet();
        sheet.line(Spot::start(MARGIN, width), top + 10.0, Style::regular(10.0, GREY), &document.issuer)?;
        let mut room = width;
        if let Some(stamp) = &document.stamp {
            let style = Style::bold(12.0, WHITE);
            let plate = sheet.length(style, stamp)?.min(width * 0.4) + 20.0;
            let area = Area::new(MARGIN + width - plate, top + 18.0, plate, 24.0);
            sheet.shape(area, 4.0, ALARM);
            sheet.line_on(Spot::middle(area.center().0, plate - 16.0), area.center().1, style, stamp)?;
            room -= plate + GUTTER;
        }
        sheet.line(Spot::start(MARGIN, room), top + 38.0, Style::bold(20.0, INK), &document.title)?;
        sheet.shape(Area::new(MARGIN, top + 50.0, width, 1.5), 0.0, ACCENT);
        self.top = top + 58.0;
        Ok(())
    }

    fn section(&mut self, section: &Section) -> Result<(), RenderError> {
        // A heading at the foot of a page would introduce nothing.
        self.need(70.0);
        self.top += 8.0;
        let (width, top) = (self.width(), self.top);
        let heading = Style::bold(12.0, ACCENT);
        self.sheet().line(Spot::start(MARGIN, width), top + 11.0, heading, &section.heading)?;
        self.top = top + 17.0;
        for part in &section.parts {
            match part {
                Part::Facts(facts) => facts.iter().try_for_each(|(asked, said)| self.fact(asked, said))?,
                Part::Table(table) => self.table(table)?,
                Part::Text(text) => self.paragraph(text)?,
            }
        }
        Ok(())
    }

    fn fact(&mut self, asked: &str, said: &str) -> Result<(), RenderError> {
        let left = self.width() * ASKED;
        let asked = self.set(asked, Weight::Regular, left - GUTTER)?;
        let said = self.set(said, Weight::Regular, self.width() - left)?;
        let cells = vec![(0.0, asked, Weight::Regular, GREY), (left, said, Weight::Regular, INK)];
        self.row(&Row { cells, ground: None });
        Ok(())
    }

    fn paragraph(&mut self, text: &str) -> Result<(), RenderError> {
        let block = self.set(text, Weight::Regular, self.width())?;
        self.row(&Row { cells: vec![(0.0, block, Weight::Regular, INK)], ground: None });
        Ok(())
    }

    fn table(&mut self, table: &Table) -> Result<(), RenderError> {
        let head = self.cells(table, &table.head, Weight::Bold, Some(PALE))?;
        let rows = table.rows.iter().map(|row| self.cells(table, row, Weight::Regular, None));
        let rows: Vec<Row> = rows.collect::<Result<_, _>>()?;
        self.need(head.height() + rows.first().map_or(0.0, Row::height));
        self.row(&head);
        for row in &rows {
            if self.need(row.height()) {
                self.row(&head);
            }
            self.row(row);
        }
        self.top += PAD;
        Ok(())
    }

    fn cells(
        &self,
        table: &Table,
        texts: &[String],
        weight: Weight,
        ground: Option<Color>,
    ) -> Result<Row, RenderError> {
        let whole: f32 = table.shares.iter().sum();
        let mut x = 0.0;
        let mut cells = Vec::with_capacity(texts.len());
        for (text, share) in texts.iter().zip(&table.shares) {
            let width = self.width() * share / whole;
            cells.push((x + GUTTER / 2.0, self.set(text, weight, width - GUTTER)?, weight, INK));
            x += width;
        }
        Ok(Row { cells, ground })
    }

    /// Lines of body text as wide as `width`, as many as it takes.
    fn set(&self, text: &str, weight: Weight, width: f32) -> Result<Block, RenderError> {
        let room = Room { width, height: 4_000.0, lines: 200, size: BODY, floor: BODY, wrap_below: 1.0 };
        super::super::text::fit(text, weight, room, self.measure)
    }

    fn row(&mut self, row: &Row) {
        let (width, height) = (self.width(), row.height());
        self.need(height);
        let top = self.top;
        let sheet = self.sheet();
        let under = Area::new(MARGIN, top + height - 0.5, width, 0.5);
        match row.ground {
            Some(color) => sheet.shape(Area::new(MARGIN, top, width, height), 0.0, color),
            None => sheet.shape(under, 0.0, PALE),
        }
        for (x, block, weight, color) in &row.cells {
            sheet.block(Spot::start(MARGIN + x, width - x), top + PAD, block, *weight, *color);
        }
        self.top = top + height;
    }

    /// Footer and number, once it is known how many pages there are.
    fn feet(&mut self, footer: &str) -> Result<(), RenderError> {
        let (width, total) = (self.width(), self.pages.len());
        let baseline = Size::A4.points().1 - MARGIN + 12.0;
        let style = Style::regular(8.0, GREY);
        for (n, sheet) in self.pages.iter_mut().enumerate() {
            let number = format!("{}/{total}", n + 1);
            let length = sheet.length(style, &number)?;
            sheet.line(Spot::start(MARGIN, width - length - GUTTER), baseline, style, footer)?;
            sheet.line(Spot::start(MARGIN + width - length, length), baseline, style, &number)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::drawing::Item;
    use super::super::super::estimate::Estimate;
    use super::*;

    fn table(rows: usize) -> Document {
        let row = |n: usize| vec![format!("第 {n} 行"), "北京东路派出所，北门，".repeat(1 + n % 5)];
        let table = Table {
            head: vec!["序号".into(), "说明".into()],
            rows: (0..rows).map(row).collect(),
            shares: vec![1.0, 3.0],
        };
        Document {
            title: "报告 Report".into(),
            issuer: "指挥部".into(),
            stamp: Some("演练 Drill".into()),
            sections: vec![Section { heading: "表 Table".into(), parts: vec![Part::Table(table)] }],
            footer: "不含手机号".into(),
            printed_on: chrono::NaiveDate::default(),
        }
    }

    fn texts(page: &Drawing) -> Vec<String> {
        let text = |item: &Item| match item {
            Item::Text(text) => Some(text.content.clone()),
            Item::Shape { .. } | Item::Polygon { .. } | Item::Qr { .. } | Item::Picture { .. } => None,
        };
        page.items.iter().filter_map(text).collect()
    }

    #[test]
    fn a_long_table_goes_on_under_its_head_and_loses_no_row() {
        let pages = lay_out(&table(200), &Estimate).unwrap();
        assert!(pages.len() > 3, "{}", pages.len());
        for (n, page) in pages.iter().enumerate() {
            let texts = texts(page);
            assert!(texts.contains(&"序号".to_owned()), "page {n} lacks the head");
            assert!(texts.contains(&format!("{}/{}", n + 1, pages.len())), "page {n} lacks its number");
        }
        let all: Vec<String> = pages.iter().flat_map(texts).collect();
        assert!((0..200).all(|n| all.iter().filter(|t| **t == format!("第 {n} 行")).count() == 1));
    }

    #[test]
    fn nothing_stands_outside_the_margins() {
        for page in lay_out(&table(90), &Estimate).unwrap() {
            for item in &page.items {
                if let Item::Text(text) = item {
                    let area = text.area();
                    assert!(area.x >= MARGIN - 0.1 && area.right() <= page.width - MARGIN + 0.1, "{text:?}");
                    assert!(area.bottom() <= page.height - MARGIN + 16.0, "{text:?}");
                }
            }
        }
    }
}
