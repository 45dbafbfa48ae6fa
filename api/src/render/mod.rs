//! Posters: what a venue prints and hangs at its door, so that a phone can find the right place and direction. And
//! documents: reports of several pages, drawn by the same hand.
//!
//! One layout makes a neutral drawing list and three writers turn it into PDF, PNG or SVG, so the forms cannot
//! drift apart. PDF and PNG carry the outlines of a Chinese font found on the server ([`Fonts`]); SVG leaves the font
//! to the viewer and therefore works on a server that has none. All of it is CPU work, and a rare character reads a
//! font file: call it from a blocking thread.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test that cannot go on may panic"))]

mod archive;
mod choice;
mod copy;
mod document;
mod drawing;
mod error;
mod estimate;
mod face;
mod font_choice;
mod fonts;
mod layout;
mod pdf;
mod picture;
mod qr;
mod raster;
mod svg;
mod text;

use chrono::NaiveDate;
use mashang_domain::venue::Direction;

pub use archive::{ArchiveError, zip_posters};
pub use choice::{Format, Language, Size};
pub use copy::Said;
pub(crate) use copy::said;
pub use document::{Document, Part, Section, Table, print};
pub use error::RenderError;
pub use fonts::Fonts;
pub use picture::{Picture, PlatformCode, Scanner};
pub use qr::{qr_svg, screen_qr_svg};

/// Everything a poster says. The words around it ("scan to enter", the steps) are the poster's own.
#[derive(Debug, Clone, Copy)]
pub struct Poster<'a> {
    /// The venue, as it is registered; any length that people use for names.
    pub venue_name: &'a str,
    /// The part of a large venue that this poster hangs in.
    pub zone: Option<&'a str>,
    /// The kind of venue in Chinese: "超市".
    pub category_zh: &'a str,
    /// The kind of venue in English, in lower case: "supermarket".
    pub category_en: &'a str,
    /// Whether this is the code to scan when coming or when leaving.
    pub direction: Direction,
    /// What the QR says.
    pub url: &'a str,
    /// A platform's code in place of the QR.
    pub platform: Option<&'a PlatformCode>,
    /// The same code for fingers: Crockford base32, printed in groups of five.
    pub short_code: &'a str,
    /// Whom to call with questions.
    pub hotline: &'a str,
    /// Who runs this: "昆明市疫情防控指挥部".
    pub operation: &'a str,
    /// Counts up each time the venue's codes are rotated.
    pub version: u32,
    /// The day on which it was made, Asia/Shanghai.
    pub printed_on: NaiveDate,
}

/// Makes one poster.
///
/// # Errors
/// [`RenderError::FontMissing`] and [`RenderError::GlyphMissing`] for PDF and PNG when the server's fonts do not reach;
/// [`RenderError::TextTooLong`] and [`RenderError::QrTooLong`] for content that no poster can hold.
pub fn render(
    poster: &Poster<'_>,
    size: Size,
    language: Language,
    format: Format,
    fonts: &Fonts,
) -> Result<Vec<u8>, RenderError> {
    match format {
        Format::Svg => Ok(svg::write(&layout::lay_out(poster, size, language, &estimate::Estimate)?)),
        Format::Pdf => {
            fonts.check()?;
            pdf::write(&[layout::lay_out(poster, size, language, fonts)?], fonts, poster.printed_on)
        }
        Format::Png => {
            fonts.check()?;
            raster::write(&layout::lay_out(poster, size, language, fonts)?, fonts, size.dpi())
        }
    }
}
