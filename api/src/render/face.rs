//! One font face in memory: from a character to its glyph, its advance and its outline.

use std::sync::Arc;

use skrifa::instance::{Location, Size};
use skrifa::outline::{DrawSettings, OutlinePen};
use skrifa::raw::TableProvider as _;
use skrifa::{FontRef, GlyphId, MetadataProvider, Tag};

/// The bytes of a font file, shared by the faces in it.
pub(crate) type FontData = Arc<dyn AsRef<[u8]> + Send + Sync>;

/// A face that can be drawn. Cloning shares the bytes.
#[derive(Clone)]
pub(crate) struct Face {
    data: FontData,
    index: u32,
    /// The weight to choose on a variable font.
    wght: Option<f32>,
    /// Whether its own strokes are bold; otherwise a bold line is thickened.
    pub(crate) is_bold: bool,
}

/// A character in a face.
#[derive(Clone)]
pub(crate) struct Glyph {
    pub(crate) face: Face,
    pub(crate) id: u32,
    /// Advance in ems.
    pub(crate) advance: f32,
}

impl Face {
    /// The face of `data`; a variable font takes the weight of text or, if `bold`, of headings.
    pub(crate) fn new(data: FontData, index: u32, bold: bool, static_is_bold: bool) -> Option<Face> {
        let font = FontRef::from_index((*data).as_ref(), index).ok()?;
        let varies = font.axes().iter().any(|axis| axis.tag() == Tag::new(b"wght"));
        let wght = varies.then_some(if bold { 700.0 } else { 400.0 });
        Some(Face { data, index, wght, is_bold: if varies { bold } else { static_is_bold } })
    }

    pub(crate) fn data(&self) -> FontData {
        Arc::clone(&self.data)
    }

    pub(crate) fn index(&self) -> u32 {
        self.index
    }

    pub(crate) fn is_variable(&self) -> bool {
        self.wght.is_some()
    }

    /// The position on the weight axis, for the PDF writer.
    pub(crate) fn wght(&self) -> Option<f32> {
        self.wght
    }

    /// Whether both are the same face of the same file, at the same weight.
    pub(crate) fn is(&self, other: &Face) -> bool {
        Arc::ptr_eq(&self.data, &other.data) && self.index == other.index && self.wght == other.wght
    }

    /// The glyph for `c`, if this face can draw it.
    pub(crate) fn glyph(&self, c: char) -> Option<Glyph> {
        let font = self.font()?;
        let id = drawable(&font, c)?;
        let location = self.location(&font);
        let units = f32::from(font.head().ok()?.units_per_em());
        let advance = font.glyph_metrics(Size::unscaled(), &location).advance_width(id)? / units;
        Some(Glyph { face: self.clone(), id: id.to_u32(), advance })
    }

    /// Draws glyph `id` at `size` units per em, y upwards.
    pub(crate) fn outline(&self, id: u32, size: f32, pen: &mut impl OutlinePen) -> Option<()> {
        let font = self.font()?;
        let location = self.location(&font);
        let glyph = font.outline_glyphs().get(GlyphId::new(id))?;
        glyph.draw(DrawSettings::unhinted(Size::new(size), &location), pen).ok().map(|_| ())
    }

    fn font(&self) -> Option<FontRef<'_>> {
        FontRef::from_index((*self.data).as_ref(), self.index).ok()
    }

    fn location(&self, font: &FontRef<'_>) -> Location {
        font.axes().location(self.wght.map(|w| ("wght", w)))
    }
}

/// The glyph of `c` in `font` if it is mapped and has an outline: bitmap emoji do not count.
pub(crate) fn drawable(font: &FontRef<'_>, c: char) -> Option<GlyphId> {
    let id = font.charmap().map(c).filter(|id| id.to_u32() != 0)?;
    font.outline_glyphs().get(id).map(|_| id)
}
