//! PNG: the drawing in pixels, with the resolution noted in the file so that it prints at the size of the paper.
//!
//! A QR module is a whole number of pixels and starts on one: no scanner sees a blurred edge.

use png::{BitDepth, ColorType, Compression, Encoder, PixelDimensions, Unit};
use skrifa::outline::OutlinePen;
use tiny_skia::{
    FillRule, FilterQuality, IntSize, LineJoin, Paint, Path, PathBuilder, Pixmap, PixmapPaint, Rect, Stroke,
    Transform,
};

use super::drawing::{Area, Color, Drawing, Item, Step, Text, Weight, polygon, rounded};
use super::error::RenderError;
use super::fonts::Fonts;
use super::pdf::EMBOLDEN;
use super::picture::Picture;
use super::qr::Modules;

/// The picture at `dpi` pixels per inch.
pub(crate) fn write(drawing: &Drawing, fonts: &Fonts, dpi: u32) -> Result<Vec<u8>, RenderError> {
    let scale = drawing.scale * dpi as f32 / 72.0;
    let pixels = |length: f32| (length * scale).round() as u32;
    let pixmap = Pixmap::new(pixels(drawing.width), pixels(drawing.height));
    let mut canvas = Canvas { pixmap: pixmap.ok_or_else(|| RenderError::png("page size"))?, scale, fonts };
    canvas.pixmap.fill(tiny_skia::Color::WHITE);
    for item in &drawing.items {
        canvas.draw(item)?;
    }
    encode(&canvas.pixmap, dpi)
}

fn encode(pixmap: &Pixmap, dpi: u32) -> Result<Vec<u8>, RenderError> {
    // The page is opaque, so the alpha channel says nothing.
    let opaque: Vec<u8> = pixmap.pixels().iter().flat_map(|p| [p.red(), p.green(), p.blue()]).collect();
    let per_metre = (f64::from(dpi) / 0.0254).round() as u32;
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, pixmap.width(), pixmap.height());
    encoder.set_color(ColorType::Rgb);
    encoder.set_depth(BitDepth::Eight);
    encoder.set_compression(Compression::Balanced);
    encoder.set_pixel_dims(Some(PixelDimensions { xppu: per_metre, yppu: per_metre, unit: Unit::Meter }));
    let mut writer = encoder.write_header().map_err(RenderError::png)?;
    writer.write_image_data(&opaque).map_err(RenderError::png)?;
    writer.finish().map_err(RenderError::png)?;
    Ok(file)
}

struct Canvas<'a> {
    pixmap: Pixmap,
    /// Pixels per drawing unit.
    scale: f32,
    fonts: &'a Fonts,
}

impl Canvas<'_> {
    fn draw(&mut self, item: &Item) -> Result<(), RenderError> {
        match item {
            Item::Shape { area, radius, color } => self.fill(path(&rounded(area, *radius)), *color),
            Item::Polygon { points, color } => self.fill(path(&polygon(points)), *color),
            Item::Qr { area, modules } => self.qr(area, modules),
            Item::Picture { area, picture } => self.picture(area, picture),
            Item::Text(text) => return self.text(text),
        }
        Ok(())
    }

    fn fill(&mut self, path: Option<Path>, color: Color) {
        let Some(path) = path else { return };
        let zoom = Transform::from_scale(self.scale, self.scale);
        self.pixmap.fill_path(&path, &paint(color), FillRule::Winding, zoom, None);
    }

    /// The largest symbol of whole-pixel modules inside `area`, in its middle.
    fn qr(&mut self, area: &Area, modules: &Modules) {
        let side = modules.side() as f32;
        let unit = (area.width * self.scale / side).floor().max(1.0);
        let (x, y) = area.center();
        let corner = |middle: f32| (middle * self.scale - unit * side / 2.0).round();
        let (left, top) = (corner(x), corner(y));
        let mut black = paint(Color(0, 0, 0));
        black.anti_alias = false;
        for run in modules.runs() {
            let (x, y) = (left + run.column as f32 * unit, top + run.row as f32 * unit);
            if let Some(rect) = Rect::from_xywh(x, y, run.length as f32 * unit, unit) {
                self.pixmap.fill_rect(rect, &black, Transform::identity(), None);
            }
        }
    }

    fn picture(&mut self, area: &Area, picture: &Picture) {
        let (width, height) = picture.size();
        let source =
            IntSize::from_wh(width, height).and_then(|s| Pixmap::from_vec(picture.rgba().to_vec(), s));
        let Some(source) = source else { return };
        let zoom = area.width * self.scale / width as f32;
        let place = Transform::from_row(zoom, 0.0, 0.0, zoom, area.x * self.scale, area.y * self.scale);
        let smooth = PixmapPaint { quality: FilterQuality::Bilinear, ..PixmapPaint::default() };
        self.pixmap.draw_pixmap(0, 0, source.as_ref(), &smooth, place, None);
    }

    fn text(&mut self, text: &Text) -> Result<(), RenderError> {
        let size = text.size * self.scale;
        let mut x = text.left() * self.scale;
        let y = text.baseline * self.scale;
        for c in text.content.chars() {
            let glyph = self.fonts.glyph(c, text.weight)?;
            let mut pen = GlyphPen { path: PathBuilder::new(), x, y };
            glyph.face.outline(glyph.id, size, &mut pen).ok_or(RenderError::GlyphMissing { character: c })?;
            if let Some(path) = pen.path.finish() {
                let thick = text.weight == Weight::Bold && !glyph.face.is_bold;
                self.letter(&path, text.color, thick.then_some(EMBOLDEN * size));
            }
            x += glyph.advance * size;
        }
        Ok(())
    }

    fn letter(&mut self, path: &Path, color: Color, thicken: Option<f32>) {
        let (paint, here) = (paint(color), Transform::identity());
        self.pixmap.fill_path(path, &paint, FillRule::Winding, here, None);
        if let Some(width) = thicken {
            let stroke = Stroke { width, line_join: LineJoin::Miter, ..Stroke::default() };
            self.pixmap.stroke_path(path, &paint, &stroke, here, None);
        }
    }
}

/// Collects an outline at its place on the page; fonts count y upwards.
struct GlyphPen {
    path: PathBuilder,
    x: f32,
    y: f32,
}

impl OutlinePen for GlyphPen {
    fn move_to(&mut self, x: f32, y: f32) {
        self.path.move_to(self.x + x, self.y - y);
    }

    fn line_to(&mut self, x: f32, y: f32) {
        self.path.line_to(self.x + x, self.y - y);
    }

    fn quad_to(&mut self, cx: f32, cy: f32, x: f32, y: f32) {
        self.path.quad_to(self.x + cx, self.y - cy, self.x + x, self.y - y);
    }

    fn curve_to(&mut self, ax: f32, ay: f32, bx: f32, by: f32, x: f32, y: f32) {
        self.path.cubic_to(self.x + ax, self.y - ay, self.x + bx, self.y - by, self.x + x, self.y - y);
    }

    fn close(&mut self) {
        self.path.close();
    }
}

fn paint(color: Color) -> Paint<'static> {
    let mut paint = Paint::default();
    paint.set_color_rgba8(color.0, color.1, color.2, 255);
    paint
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
