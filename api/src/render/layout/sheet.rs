//! A page in the making: the few moves the layouts are written in.

use super::super::Poster;
use super::super::drawing::{ASCENT, Anchor, Area, Color, DESCENT, Drawing, Item, MIDDLE, Text, Weight};
use super::super::error::RenderError;
use super::super::qr::Modules;
use super::super::text::{self, Block, LEADING, Measure, Room};

pub(crate) struct Sheet<'a> {
    pub(crate) page: Drawing,
    measure: &'a dyn Measure,
}

/// How a line looks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Style {
    pub(crate) size: f32,
    pub(crate) weight: Weight,
    pub(crate) color: Color,
}

/// Where a line stands, and the room to either side that it must keep to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spot {
    pub(crate) x: f32,
    pub(crate) anchor: Anchor,
    pub(crate) width: f32,
}

impl Style {
    pub(crate) const fn regular(size: f32, color: Color) -> Style {
        Style { size, weight: Weight::Regular, color }
    }

    pub(crate) const fn bold(size: f32, color: Color) -> Style {
        Style { size, weight: Weight::Bold, color }
    }
}

impl Spot {
    pub(crate) const fn start(x: f32, width: f32) -> Spot {
        Spot { x, anchor: Anchor::Start, width }
    }

    pub(crate) const fn middle(x: f32, width: f32) -> Spot {
        Spot { x, anchor: Anchor::Middle, width }
    }
}

impl<'a> Sheet<'a> {
    pub(crate) fn new(page: Drawing, measure: &'a dyn Measure) -> Sheet<'a> {
        Sheet { page, measure }
    }

    pub(crate) fn shape(&mut self, area: Area, radius: f32, color: Color) {
        self.page.items.push(Item::Shape { area, radius, color });
    }

    pub(crate) fn polygon(&mut self, points: Vec<(f32, f32)>, color: Color) {
        self.page.items.push(Item::Polygon { points, color });
    }

    /// The code of a poster, centred on `middle` from `top` downwards: a platform's, or our own QR.
    pub(crate) fn code(
        &mut self,
        poster: &Poster<'_>,
        middle: f32,
        top: f32,
        side: f32,
    ) -> Result<(), RenderError> {
        let area = Area::new(middle - side / 2.0, top, side, side);
        self.page.items.push(match poster.platform {
            Some(code) => Item::Picture { area, picture: code.picture.clone() },
            None => Item::Qr { area, modules: Modules::encode(poster.url)? },
        });
        Ok(())
    }

    /// One line on `baseline`, made smaller if it would exceed its spot; answers its length.
    pub(crate) fn line(
        &mut self,
        spot: Spot,
        baseline: f32,
        style: Style,
        text: &str,
    ) -> Result<f32, RenderError> {
        let line = text::measure(text, style.weight, self.measure)?;
        let size = style.size.min(spot.width / line.ems.max(0.01));
        if size < style.size * 0.25 {
            return Err(RenderError::TextTooLong { text: text.to_owned() });
        }
        let width = line.ems * size;
        self.push(spot, baseline, Style { size, ..style }, line.text, width);
        Ok(width)
    }

    /// One line whose ink is centred on `middle`.
    pub(crate) fn line_on(
        &mut self,
        spot: Spot,
        middle: f32,
        style: Style,
        text: &str,
    ) -> Result<f32, RenderError> {
        let line = text::measure(text, style.weight, self.measure)?;
        let size = style.size.min(spot.width / line.ems.max(0.01));
        self.line(spot, middle + MIDDLE * size, Style { size, ..style }, text)
    }

    /// The length of `text` as one line of that style.
    pub(crate) fn length(&self, style: Style, text: &str) -> Result<f32, RenderError> {
        Ok(text::measure(text, style.weight, self.measure)?.ems * style.size)
    }

    /// Sets a text into `room`; see [`Sheet::block`] for drawing it.
    pub(crate) fn fit(&self, text: &str, weight: Weight, room: Room) -> Result<Block, RenderError> {
        text::fit(text, weight, room, self.measure)
    }

    /// The lines of `block` below `top`; answers where they end.
    pub(crate) fn block(&mut self, spot: Spot, top: f32, block: &Block, weight: Weight, color: Color) -> f32 {
        let style = Style { size: block.size, weight, color };
        let mut baseline = top + (LEADING + ASCENT - DESCENT) / 2.0 * block.size;
        for line in &block.lines {
            self.push(spot, baseline, style, line.text.clone(), line.ems * block.size);
            baseline += LEADING * block.size;
        }
        top + block.height()
    }

    fn push(&mut self, spot: Spot, baseline: f32, style: Style, content: String, width: f32) {
        let Style { size, weight, color } = style;
        let (x, anchor) = (spot.x, spot.anchor);
        self.page.items.push(Item::Text(Text { content, x, baseline, anchor, size, weight, color, width }));
    }
}
