//! The sticker for a seat, a table or a car window: the direction, the name, the QR, and little else.

use super::super::Poster;
use super::super::choice::Language;
use super::super::copy;
use super::super::drawing::{Area, Drawing, Weight};
use super::super::error::RenderError;
use super::super::text::Room;
use super::sheet::{Sheet, Spot, Style};
use super::{GREY, INK, WHITE, band, hue};

const MARGIN: f32 = 9.0;
const BAND: f32 = 32.0;

pub(crate) fn draw(
    mut sheet: Sheet<'_>,
    poster: &Poster<'_>,
    language: Language,
) -> Result<Drawing, RenderError> {
    frame(&mut sheet, poster);
    let (middle, width) = (sheet.page.width / 2.0, sheet.page.width - 2.0 * MARGIN);
    let area = Area::new(MARGIN, MARGIN, width, BAND);
    band::draw(&mut sheet, area, poster.direction, language)?;
    let top = name(&mut sheet, poster, language, area.bottom() + 2.5)?;
    let bottom = foot(&mut sheet, poster, language)?;
    let side = (bottom - top).min(width);
    sheet.code(poster, middle, top + (bottom - top - side) / 2.0, side)?;
    Ok(sheet.page)
}

/// The line to cut along, and the second sign of the direction.
fn frame(sheet: &mut Sheet<'_>, poster: &Poster<'_>) {
    let page = Area::new(0.0, 0.0, sheet.page.width, sheet.page.height);
    sheet.shape(page.inset(3.0), 8.0, hue(poster.direction));
    sheet.shape(page.inset(4.2), 6.8, WHITE);
}

fn name(
    sheet: &mut Sheet<'_>,
    poster: &Poster<'_>,
    language: Language,
    top: f32,
) -> Result<f32, RenderError> {
    let (middle, width) = (sheet.page.width / 2.0, sheet.page.width - 2.0 * MARGIN);
    let room = Room { width, height: 27.0, lines: 3, size: 14.0, floor: 2.5, wrap_below: 0.74 };
    let name = sheet.fit(poster.venue_name, Weight::Bold, room)?;
    let bottom = sheet.block(Spot::middle(middle, width), top, &name, Weight::Bold, INK);
    let kind = copy::category(poster, language);
    let place = match poster.zone.filter(|zone| !zone.trim().is_empty()) {
        Some(zone) => format!("{kind} · {zone}"),
        None => kind,
    };
    sheet.line_on(Spot::middle(middle, width), bottom + 5.0, Style::regular(7.5, GREY), &place)?;
    Ok(bottom + 9.0)
}

/// Code to type, hotline, purpose and edition; answers where they begin.
fn foot(sheet: &mut Sheet<'_>, poster: &Poster<'_>, language: Language) -> Result<f32, RenderError> {
    let (middle, width) = (sheet.page.width / 2.0, sheet.page.width - 2.0 * MARGIN);
    let spot = Spot::middle(middle, width);
    let bottom = sheet.page.height - MARGIN;
    let edition = format!("V{} · {}", poster.version, poster.printed_on);
    let purpose = format!("{} · {edition}", copy::PRIVACY_SHORT.first(language));
    sheet.line(spot, bottom - 0.5, Style::regular(5.2, GREY), &purpose)?;
    let hotline = format!("{} {}", copy::HOTLINE.inline(language), poster.hotline);
    sheet.line(spot, bottom - 8.0, Style::regular(7.0, INK), &hotline)?;
    let code = copy::grouped(poster.short_code);
    sheet.line(spot, bottom - 18.0, Style::bold(10.5, INK), &code)?;
    let label = copy::CANNOT_SCAN_SHORT.inline(language);
    sheet.line(spot, bottom - 29.5, Style::regular(5.8, GREY), &label)?;
    Ok(bottom - 35.0)
}
