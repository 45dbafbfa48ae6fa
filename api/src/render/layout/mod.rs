//! Where everything stands. A4 and A5 share one page in A4 units, scaled; the sticker has its own.
//!
//! What people look for first is placed from the top (direction, name), what they need once from the bottom (code to
//! type, steps, hotline); the QR takes all the room between, so a short name or one language gives a larger code.

mod band;
pub(crate) mod flow;
mod page;
mod sheet;
mod sticker;
#[cfg(test)]
mod tests;

use super::Poster;
use super::choice::{Language, Size};
use super::copy;
use super::drawing::{Color, Drawing};
use super::error::RenderError;
use super::text::Measure;
use mashang_domain::venue::Direction;

const INK: Color = Color(0x1A, 0x1D, 0x21);
const GREY: Color = Color(0x5B, 0x63, 0x6B);
const PALE: Color = Color(0xF1, 0xF3, 0xF5);
const WHITE: Color = Color(0xFF, 0xFF, 0xFF);

/// Draws `poster` for paper of that size.
pub(crate) fn lay_out(
    poster: &Poster<'_>,
    size: Size,
    language: Language,
    measure: &dyn Measure,
) -> Result<Drawing, RenderError> {
    let (width, height) = size.points();
    let scale = match size {
        Size::A4 | Size::Sticker => 1.0,
        Size::A5 => width / Size::A4.points().0,
    };
    let name = poster.venue_name.split_whitespace().collect::<Vec<_>>().join(" ");
    let title = format!("{name} · {}", copy::headline(poster.direction).inline(language));
    let page = Drawing { width: width / scale, height: height / scale, scale, title, items: Vec::new() };
    let sheet = sheet::Sheet::new(page, measure);
    match size {
        Size::A4 | Size::A5 => page::draw(sheet, poster, language),
        Size::Sticker => sticker::draw(sheet, poster, language),
    }
}

/// The colour of a direction. In black and white the two differ by shape and by dark on light, see `band`.
const fn hue(direction: Direction) -> Color {
    match direction {
        Direction::In => Color(0x0B, 0x7A, 0x4B),
        Direction::Out => Color(0x0F, 0x4C, 0x9E),
    }
}
