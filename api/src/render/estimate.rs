//! Text widths without a font, for SVG: the viewer brings the font, the server may have none.

use super::drawing::Weight;
use super::error::RenderError;
use super::text::Measure;

/// Widths without a font: Latin as in the usual sans-serif fonts, everything else a full square.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Estimate;

/// Advances of U+0020 to U+007E in thousandths of an em, as Helvetica and its many metric twins have them.
#[rustfmt::skip]
const LATIN: [u16; 95] = [
    278, 278, 355, 556, 556, 889, 667, 222, 333, 333, 389, 584, 278, 333, 278, 278,
    556, 556, 556, 556, 556, 556, 556, 556, 556, 556, 278, 278, 584, 584, 584, 556,
    1015, 667, 667, 722, 722, 667, 611, 778, 722, 278, 500, 667, 556, 833, 722, 778,
    667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 278, 278, 278, 469, 556,
    333, 556, 556, 500, 556, 556, 278, 556, 556, 222, 222, 500, 222, 833, 556, 556,
    556, 556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334, 260, 334, 584,
];
/// Some of the fonts that viewers have are a little wider.
const WIDER: f32 = 1.04;
const WIDER_BOLD: f32 = 1.08;

impl Measure for Estimate {
    fn advance(&self, c: char, weight: Weight) -> Result<f32, RenderError> {
        if c.is_control() || matches!(c, '\u{FFFE}' | '\u{FFFF}') {
            return Err(RenderError::GlyphMissing { character: c });
        }
        let wider = match weight {
            Weight::Regular => WIDER,
            Weight::Bold => WIDER_BOLD,
        };
        let latin = (c as usize).checked_sub(0x20).and_then(|n| LATIN.get(n));
        Ok(match (latin, c) {
            (Some(&width), _) => f32::from(width) / 1000.0 * wider,
            (None, '·') => 0.36,
            (None, '\u{A0}'..='\u{24F}') => 0.62 * wider,
            (None, _) => 1.0,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::text::measure;
    use super::*;

    #[test]
    fn a_control_character_is_reported() {
        let answer = measure("a\u{7}b", Weight::Regular, &Estimate);
        assert_eq!(answer, Err(RenderError::GlyphMissing { character: '\u{7}' }));
    }
}
