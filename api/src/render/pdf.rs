//! PDF: exact paper size, embedded subset of the font, text that can be selected and searched, vector QR.

use chrono::{Datelike, NaiveDate};
use krilla::color::rgb;
use krilla::geom::{Path, PathBuilder, Point, Size, Transform};
use krilla::image::Image;
use krilla::metadata::{DateTime, Metadata};
use krilla::num::NormalizedF32;
use krilla::page::PageSettings;
use krilla::paint::{Fill, FillRule, Stroke};
use krilla::surface::Surface;
use krilla::text::{Font, GlyphId, KrillaGlyph, Tag};
use krilla::{Document, SerializeSettings};

use super::drawing::{Area, Color, Drawing, Item, Step, Text, Weight, polygon, rounded};
use super::error::RenderError;
use super::face::{Face, Glyph};
use super::fonts::Fonts;
use super::picture::Picture;
use super::qr::Modules;

/// Thickness of the line around letters that stand for a bold face, in ems.
pub(crate) const EMBOLDEN: f32 = 0.028;

const BLACK: Color = Color(0, 0, 0);

/// The document, a page for each drawing. The same drawings and day give the same bytes.
pub(crate) fn write(pages: &[Drawing], fonts: &Fonts, day: NaiveDate) -> Result<Vec<u8>, RenderError> {
    let mut document = Document::new_with(SerializeSettings { enable_tagging: false, ..Default::default() });
    let title = pages.first().map(|page| page.title.as_str()).unwrap_or_default();
    document.set_metadata(metadata(title, day));
    let mut loaded = Vec::new();
    for drawing in pages {
        draw_page(&mut document, drawing, fonts, &mut loaded)?;
    }
    document.finish().map_err(RenderError::pdf)
}

fn draw_page(
    document: &mut Document,
    drawing: &Drawing,
    fonts: &Fonts,
    loaded: &mut Vec<(Face, Font)>,
) -> Result<(), RenderError> {
    let (width, height) = (drawing.width * drawing.scale, drawing.height * drawing.scale);
    let settings = PageSettings::from_wh(width, height).ok_or_else(|| RenderError::pdf("page size"))?;
    let mut page = document.start_page_with(settings);
    let mut surface = page.surface();
    surface.push_transform(&Transform::from_scale(drawing.scale, drawing.scale));
    let mut pen = Pen { surface, fonts, loaded };
    // The surface insists on being closed, so an error waits until it is.
    let drawn = drawing.items.iter().try_for_each(|item| pen.draw(item));
    pen.surface.pop();
    drop(pen);
    page.finish();
    drawn
}

fn metadata(title: &str, day: NaiveDate) -> Metadata {
    let year = u16::try_from(day.year()).unwrap_or_default();
    let (month, date) = (u8::try_from(day.month()), u8::try_from(day.day()));
    let made = DateTime::new(year).month(month.unwrap_or(1)).day(date.unwrap_or(1));
    Metadata::new()
        .title(title.to_owned())
        .language("zh-CN".to_owned())
        .creator("Mashang".to_owned())
        .creation_date(made)
}

struct Pen<'a> {
    surface: Surface<'a>,
    fonts: &'a Fonts,
    /// Faces of this document: one embedded subset each.
    loaded: &'a mut Vec<(Face, Font)>,
}

impl Pen<'_> {
    fn draw(&mut self, item: &Item) -> Result<(), RenderError> {
        match item {
            Item::Shape { area, radius, color } => self.fill(path(&rounded(area, *radius)), *color),
            Item::Polygon { points, color } => self.fill(path(&polygon(points)), *color),
            Item::Qr { area, modules } => self.fill(qr_path(area, modules), BLACK),
            Item::Picture { area, picture } => self.picture(area, picture),
            Item::Text(text) => return self.text(text),
        }
        Ok(())
    }

    fn fill(&mut self, path: Option<Path>, color: Color) {
        let Some(path) = path else { return };
        self.surface.set_stroke(None);
        self.surface.set_fill(Some(fill(color)));
        self.surface.draw_path(&path);
    }

    fn picture(&mut self, area: &Area, picture: &Picture) {
        let (width, height) = picture.size();
        let Some(size) = Size::from_wh(area.width, area.height) else { return };
        self.surface.push_transform(&Transform::from_translate(area.x, area.y));
        self.surface.draw_image(Image::from_rgba8(picture.rgba().to_vec(), width, height), size);
        self.surface.pop();
    }

    /// Draws a line as runs of one face each.
    fn text(&mut self, text: &Text) -> Result<(), RenderError> {
        let mut x = text.left();
        let mut rest = text.content.as_str();
        while let Some(first) = rest.chars().next() {
            let face = self.fonts.glyph(first, text.weight)?.face;
            let (run, tail) = rest.split_at(self.same_face(rest, &face, text.weight)?);
            let glyphs = run.char_indices().map(|(at, c)| Ok((at, c, self.fonts.glyph(c, text.weight)?)));
            let glyphs: Vec<KrillaGlyph> = glyphs
                .map(|g| g.map(|(at, c, glyph)| placed(at, c, &glyph)))
                .collect::<Result<_, RenderError>>()?;
            self.run(text, x, run, &glyphs, &face)?;
            x += glyphs.iter().map(|g| g.x_advance * text.size).sum::<f32>();
            rest = tail;
        }
        Ok(())
    }

    /// Length in bytes of the beginning of `text` that `face` draws.
    fn same_face(&self, text: &str, face: &Face, weight: Weight) -> Result<usize, RenderError> {
        for (at, c) in text.char_indices() {
            if !self.fonts.glyph(c, weight)?.face.is(face) {
                return Ok(at);
            }
        }
        Ok(text.len())
    }

    fn run(
        &mut self,
        text: &Text,
        x: f32,
        run: &str,
        glyphs: &[KrillaGlyph],
        face: &Face,
    ) -> Result<(), RenderError> {
        let font = self.font(face)?;
        let thick = text.weight == Weight::Bold && !face.is_bold;
        self.surface.set_fill(Some(fill(text.color)));
        self.surface.set_stroke(thick.then(|| Stroke {
            paint: rgb(text.color).into(),
            width: EMBOLDEN * text.size,
            ..Stroke::default()
        }));
        self.surface.draw_glyphs(Point::from_xy(x, text.baseline), glyphs, font, run, text.size, false);
        Ok(())
    }

    fn font(&mut self, face: &Face) -> Result<Font, RenderError> {
        if let Some((_, font)) = self.loaded.iter().find(|(f, _)| f.is(face)) {
            return Ok(font.clone());
        }
        let axes: Vec<(Tag, f32)> = face.wght().map(|w| (Tag::new(b"wght"), w)).into_iter().collect();
        let font = Font::new_variable(face.data().into(), face.index(), &axes)
            .ok_or_else(|| RenderError::pdf("unreadable font"))?;
        self.loaded.push((face.clone(), font.clone()));
        Ok(font)
    }
}

fn placed(at: usize, c: char, glyph: &Glyph) -> KrillaGlyph {
    KrillaGlyph::new(GlyphId::new(glyph.id), glyph.advance, 0.0, 0.0, 0.0, at..at + c.len_utf8(), None)
}

fn rgb(color: Color) -> rgb::Color {
    rgb::Color::new(color.0, color.1, color.2)
}

fn fill(color: Color) -> Fill {
    Fill { paint: rgb(color).into(), opacity: NormalizedF32::ONE, rule: FillRule::NonZero }
}

fn path(steps: &[Step]) -> Option<Path> {
    let mut builder = PathBuilder::new();
    for step in steps {
        match *step {
            Step::Move(x, y) => builder.move_to(x, y),
            Step::Line(x, y) => builder.line_to(x, y),
            Step::Cubic([a, b, c, d, x, y]) => builder.cubic_to(a, b, c, d, x, y),
            Step::Close => builder.close(),
        }
    }
    builder.finish()
}

fn qr_path(area: &Area, modules: &Modules) -> Option<Path> {
    let unit = area.width / modules.side() as f32;
    let steps: Vec<Step> = modules
        .runs()
        .iter()
        .flat_map(|run| {
            let (x, y) = (area.x + run.column as f32 * unit, area.y + run.row as f32 * unit);
            rounded(&Area::new(x, y, run.length as f32 * unit, unit), 0.0)
        })
        .collect();
    path(&steps)
}
