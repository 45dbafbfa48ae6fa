//! The page for a door or a counter (A4, and A5 in the same units).

use super::super::Poster;
use super::super::choice::Language;
use super::super::copy;
use super::super::drawing::{Area, Drawing, Weight};
use super::super::error::RenderError;
use super::super::text::{Block, Room};
use super::sheet::{Sheet, Spot, Style};
use super::{GREY, INK, PALE, WHITE, band, hue};

const MARGIN: f32 = 36.0;
const BAND: f32 = 118.0;
const LARGEST_QR: f32 = 350.0;
const GAP: f32 = 14.0;
/// Room between two columns of the steps.
const GUTTER: f32 = 14.0;
const DISC: f32 = 20.0;

pub(crate) fn draw(
    mut sheet: Sheet<'_>,
    poster: &Poster<'_>,
    language: Language,
) -> Result<Drawing, RenderError> {
    let top = head(&mut sheet, poster, language)?;
    let bottom = foot(&mut sheet, poster, language)?;
    let bottom = steps(&mut sheet, poster, language, bottom - GAP)?;
    let bottom = code(&mut sheet, poster, language, bottom - GAP)?;
    let room = bottom - top;
    let side = room.min(LARGEST_QR);
    let middle = sheet.page.width / 2.0;
    sheet.code(poster, middle, top + (room - side) / 2.0, side)?;
    Ok(sheet.page)
}

fn full(sheet: &Sheet<'_>) -> (f32, f32) {
    (sheet.page.width / 2.0, sheet.page.width - 2.0 * MARGIN)
}

/// Operation, band, name and place; answers where they end.
fn head(sheet: &mut Sheet<'_>, poster: &Poster<'_>, language: Language) -> Result<f32, RenderError> {
    let (middle, width) = full(sheet);
    sheet.line(Spot::middle(middle, width), MARGIN + 9.0, Style::regular(16.0, GREY), poster.operation)?;
    let area = Area::new(MARGIN, MARGIN + 24.0, width, BAND);
    band::draw(sheet, area, poster.direction, language)?;
    let room = Room { width: width - 16.0, height: 94.0, lines: 3, size: 40.0, floor: 5.0, wrap_below: 0.74 };
    let name = sheet.fit(poster.venue_name, Weight::Bold, room)?;
    let bottom = sheet.block(Spot::middle(middle, width), area.bottom() + GAP, &name, Weight::Bold, INK);
    place(sheet, poster, language, bottom + 4.0)
}

/// The zone in a pill, the kind of venue beside it.
fn place(
    sheet: &mut Sheet<'_>,
    poster: &Poster<'_>,
    language: Language,
    top: f32,
) -> Result<f32, RenderError> {
    let (middle, width) = full(sheet);
    let kind = copy::category(poster, language);
    let kind_style = Style::regular(15.0, GREY);
    let axis = top + 15.0;
    let Some(zone) = poster.zone.filter(|zone| !zone.trim().is_empty()) else {
        sheet.line_on(Spot::middle(middle, width), axis, kind_style, &kind)?;
        return Ok(top + 28.0);
    };
    let zone = format!("{} {zone}", copy::ZONE.inline(language));
    let zone_style = Style::bold(18.0, WHITE);
    let kind_width = sheet.length(kind_style, &kind)?.min(width * 0.4);
    let zone_width = sheet.length(zone_style, &zone)?.min(width - kind_width - 48.0);
    let left = middle - (kind_width + 12.0 + zone_width + 28.0) / 2.0;
    sheet.line_on(Spot::start(left, kind_width), axis, kind_style, &kind)?;
    let pill = Area::new(left + kind_width + 12.0, axis - 14.0, zone_width + 28.0, 28.0);
    sheet.shape(pill, 14.0, hue(poster.direction));
    sheet.line_on(Spot::middle(pill.center().0, zone_width), axis, zone_style, &zone)?;
    Ok(top + 34.0)
}

/// The code to type when the camera fails; answers where it begins.
fn code(
    sheet: &mut Sheet<'_>,
    poster: &Poster<'_>,
    language: Language,
    bottom: f32,
) -> Result<f32, RenderError> {
    let (middle, width) = full(sheet);
    let style = Style::bold(25.0, INK);
    let code = copy::grouped(poster.short_code);
    let box_width = (sheet.length(style, &code)? + 44.0).min(width);
    let plate = Area::new(middle - box_width / 2.0, bottom - 38.0, box_width, 38.0);
    sheet.shape(plate, 8.0, PALE);
    sheet.line_on(Spot::middle(middle, box_width - 24.0), plate.center().1, style, &code)?;
    let label = copy::CANNOT_SCAN.inline(language);
    sheet.line_on(Spot::middle(middle, width), plate.y - 11.0, Style::regular(12.5, GREY), &label)?;
    Ok(plate.y - 20.0)
}

/// Four numbered steps in a row; answers where they begin.
fn steps(
    sheet: &mut Sheet<'_>,
    poster: &Poster<'_>,
    language: Language,
    bottom: f32,
) -> Result<f32, RenderError> {
    let said = copy::steps(poster.direction, poster.platform.map(|code| code.scanner));
    let width = (full(sheet).1 - GUTTER * 3.0) / 4.0;
    let first = said.map(|step| step.first(language));
    let first = same_size(
        sheet,
        first,
        Weight::Bold,
        Room { width, height: 60.0, lines: 3, size: 14.0, floor: 7.0, wrap_below: 1.0 },
    )?;
    let second = said.iter().filter_map(|step| step.second(language));
    let small = Room { width, height: 45.0, lines: 3, size: 10.5, floor: 6.0, wrap_below: 1.0 };
    let second = same_size(sheet, second, Weight::Regular, small)?;
    let tallest = |blocks: &[Block]| blocks.iter().map(Block::height).fold(0.0, f32::max);
    let (first_height, second_height) = (tallest(&first), tallest(&second));
    let top = bottom - DISC - 8.0 - first_height - 3.0 - second_height;
    rail(sheet, poster, top, width)?;
    let text_top = top + DISC + 8.0;
    for (n, block) in first.iter().enumerate() {
        sheet.block(Spot::middle(column(n, width), width), text_top, block, Weight::Bold, INK);
    }
    for (n, block) in second.iter().enumerate() {
        let below = text_top + first_height + 3.0;
        sheet.block(Spot::middle(column(n, width), width), below, block, Weight::Regular, GREY);
    }
    Ok(top)
}

/// Texts that stand beside each other, all at the size at which the longest fits.
fn same_size<'t>(
    sheet: &Sheet<'_>,
    texts: impl IntoIterator<Item = &'t str>,
    weight: Weight,
    room: Room,
) -> Result<Vec<Block>, RenderError> {
    let texts: Vec<&str> = texts.into_iter().collect();
    let each = |size: f32| -> Result<Vec<Block>, RenderError> {
        texts.iter().map(|text| sheet.fit(text, weight, Room { size, ..room })).collect()
    };
    let size = each(room.size)?.iter().map(|block| block.size).fold(room.size, f32::min);
    each(size)
}

fn column(n: usize, width: f32) -> f32 {
    MARGIN + width / 2.0 + n as f32 * (width + GUTTER)
}

/// The numbers, joined by a line.
fn rail(sheet: &mut Sheet<'_>, poster: &Poster<'_>, top: f32, width: f32) -> Result<(), RenderError> {
    let (left, right) = (column(0, width), column(3, width));
    sheet.shape(Area::new(left, top + DISC / 2.0 - 0.75, right - left, 1.5), 0.0, PALE);
    for n in 0..4 {
        let x = column(n, width);
        sheet.shape(Area::new(x - DISC / 2.0, top, DISC, DISC), DISC / 2.0, hue(poster.direction));
        let number = (n + 1).to_string();
        sheet.line_on(Spot::middle(x, DISC), top + DISC / 2.0, Style::bold(12.5, WHITE), &number)?;
    }
    Ok(())
}

/// Hotline, purpose, edition; answers where they begin.
fn foot(sheet: &mut Sheet<'_>, poster: &Poster<'_>, language: Language) -> Result<f32, RenderError> {
    let (middle, width) = full(sheet);
    let bottom = sheet.page.height - MARGIN + 8.0;
    let edition = copy::edition(poster, language);
    let line = Style::regular(9.0, GREY);
    sheet.line(Spot::middle(middle, width), bottom - 2.0, line, &edition)?;
    let mut baseline = bottom - 15.0;
    for purpose in [copy::PRIVACY.second(language), Some(copy::PRIVACY.first(language))].into_iter().flatten()
    {
        sheet.line(Spot::middle(middle, width), baseline, line, purpose)?;
        baseline -= 13.0;
    }
    let hotline = format!("{} {}", copy::HOTLINE.inline(language), poster.hotline);
    sheet.line(Spot::middle(middle, width), baseline - 5.0, Style::bold(16.0, INK), &hotline)?;
    let top = baseline - 31.0;
    sheet.shape(Area::new(MARGIN, top, width, 1.0), 0.0, PALE);
    Ok(top)
}
