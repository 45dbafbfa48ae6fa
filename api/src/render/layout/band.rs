//! The band at the top: in or out, readable from across the street, in colour and on a black-and-white printer.
//!
//! *In* is a solid band with a round badge and an arrow into a door; *out* is a framed light band with a square badge
//! and an arrow out of one. Nobody has to tell green from blue.

use mashang_domain::venue::Direction;

use super::super::choice::Language;
use super::super::copy;
use super::super::drawing::{Area, Color};
use super::super::error::RenderError;
use super::sheet::{Sheet, Spot, Style};
use super::{WHITE, hue};

const TINT: Color = Color(0xE9, 0xF1, 0xFC);

/// Draws the band into `area`; every length follows from its height.
pub(crate) fn draw(
    sheet: &mut Sheet<'_>,
    area: Area,
    direction: Direction,
    language: Language,
) -> Result<(), RenderError> {
    let (hue, h) = (hue(direction), area.height);
    sheet.shape(area, h * 0.16, hue);
    let text = match direction {
        Direction::In => WHITE,
        Direction::Out => {
            sheet.shape(area.inset(h * 0.045), h * 0.12, TINT);
            hue
        }
    };
    badge(sheet, Area::new(area.x + h * 0.13, area.y + h * 0.13, h * 0.74, h * 0.74), direction, language)?;
    let icon = Area::new(area.right() - h * 0.70, area.y + h * 0.27, h * 0.48, h * 0.46);
    arrow(sheet, icon, direction, text);
    let left = area.x + h * 1.04;
    words(sheet, Spot::start(left, icon.x - h * 0.12 - left), area, text, copy::headline(direction), language)
}

fn badge(
    sheet: &mut Sheet<'_>,
    area: Area,
    direction: Direction,
    language: Language,
) -> Result<(), RenderError> {
    let (radius, ground, ink) = match direction {
        Direction::In => (area.width / 2.0, WHITE, hue(direction)),
        Direction::Out => (area.width * 0.12, hue(direction), WHITE),
    };
    sheet.shape(area, radius, ground);
    let (x, y) = area.center();
    let share = if language.has_zh() { 0.70 } else { 0.56 };
    let spot = Spot::middle(x, area.width * 0.74);
    sheet.line_on(spot, y, Style::bold(area.width * share, ink), copy::badge(direction).first(language))?;
    Ok(())
}

fn words(
    sheet: &mut Sheet<'_>,
    spot: Spot,
    area: Area,
    color: Color,
    said: copy::Said,
    language: Language,
) -> Result<(), RenderError> {
    let (h, y) = (area.height, area.y);
    match said.second(language) {
        None => {
            sheet.line_on(spot, y + h * 0.5, Style::bold(h * 0.42, color), said.first(language))?;
        }
        Some(second) => {
            sheet.line_on(spot, y + h * 0.375, Style::bold(h * 0.40, color), said.first(language))?;
            sheet.line_on(spot, y + h * 0.745, Style::bold(h * 0.20, color), second)?;
        }
    }
    Ok(())
}

/// An arrow and a door: the arrow ends at the door, or starts from it.
fn arrow(sheet: &mut Sheet<'_>, area: Area, direction: Direction, color: Color) {
    let (w, h) = (area.width, area.height);
    let bar = w * 0.13;
    let (from, door) = match direction {
        Direction::In => (area.x, area.right() - bar),
        Direction::Out => (area.x + w * 0.22, area.x),
    };
    let (tip, middle) = (from + w * 0.78, area.y + h / 2.0);
    let (neck, wing, shaft) = (tip - w * 0.36, h * 0.36, h * 0.11);
    sheet.shape(Area::new(door, area.y, bar, h), bar * 0.3, color);
    let points = vec![
        (from, middle - shaft),
        (neck, middle - shaft),
        (neck, middle - wing),
        (tip, middle),
        (neck, middle + wing),
        (neck, middle + shaft),
        (from, middle + shaft),
    ];
    sheet.polygon(points, color);
}
