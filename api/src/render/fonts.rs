//! The fonts of this machine, found once at start-up.
//!
//! No font is shipped: a Chinese one is many megabytes and every distribution has one. The best sans-serif face for
//! simplified Chinese becomes the text face, and its bold sister the heading face. A character that they lack (a rare
//! surname, say) is looked for in every other face; only when none has it is the poster refused.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use fontdb::{Database, ID, Source};

use super::drawing::Weight;
use super::error::RenderError;
use super::face::{Face, FontData, Glyph};
use super::font_choice::{can_draw, is_chinese, needs_shaping, penalty};
use super::text::Measure;

/// The memory of glyphs starts anew beyond this many: more than the characters in common use.
const MOST_KNOWN: usize = 20_000;

/// The fonts that posters are drawn with. Cheap to clone and to share.
#[derive(Clone)]
pub struct Fonts(Arc<Shelf>);

#[derive(Default)]
struct Shelf {
    database: Database,
    /// Every face, the likeliest to look right first.
    ranked: Vec<ID>,
    text: Option<Face>,
    heading: Option<Face>,
    /// What became of each character so far; posters repeat themselves.
    known: Mutex<HashMap<(char, Weight), Option<Glyph>>>,
    files: Mutex<HashMap<PathBuf, FontData>>,
}

impl Fonts {
    /// Looks through `font_dir` and the system's folders. Takes some tenths of a second with many fonts installed.
    /// Finding none is no error here: see [`Fonts::check`].
    pub fn load(font_dir: Option<&Path>) -> Fonts {
        let mut database = Database::new();
        if let Some(dir) = font_dir {
            database.load_fonts_dir(dir);
        }
        let own = database.len();
        database.load_system_fonts();
        Fonts::choose(database, own)
    }

    /// No fonts at all: SVG posters only.
    pub fn empty() -> Fonts {
        Fonts(Arc::default())
    }

    /// Only the fonts below `font_dir`.
    pub fn only(font_dir: &Path) -> Fonts {
        let mut database = Database::new();
        database.load_fonts_dir(font_dir);
        let own = database.len();
        Fonts::choose(database, own)
    }

    /// Whether PDF and PNG posters can be made.
    ///
    /// # Errors
    /// [`RenderError::FontMissing`], whose text names the packages to install.
    pub fn check(&self) -> Result<(), RenderError> {
        self.0.text.as_ref().map(|_| ()).ok_or(RenderError::FontMissing)
    }

    /// The first `own` faces come from the operator's folder and win.
    fn choose(database: Database, own: usize) -> Fonts {
        let mut ranked: Vec<(bool, u32, ID)> = database
            .faces()
            .enumerate()
            .map(|(n, face)| (!is_chinese(&database, face.id), penalty(face, n < own), face.id))
            .collect();
        ranked.sort_by_key(|&(other, penalty, _)| (other, penalty));
        let best = ranked.first().filter(|(other, ..)| !other).map(|&(.., id)| id);
        let ranked = ranked.into_iter().map(|(.., id)| id).collect();
        let mut shelf = Shelf { database, ranked, ..Shelf::default() };
        shelf.text = best.and_then(|id| shelf.open(id, Weight::Regular));
        shelf.heading = best.and_then(|id| shelf.bold_sister(id));
        Fonts(Arc::new(shelf))
    }

    /// The glyph for `c`: from the face of that weight, else from the text face, else from any face that has it.
    pub(crate) fn glyph(&self, c: char, weight: Weight) -> Result<Glyph, RenderError> {
        self.0.known_glyph(c, weight).ok_or(RenderError::GlyphMissing { character: c })
    }
}

impl Measure for Fonts {
    fn advance(&self, c: char, weight: Weight) -> Result<f32, RenderError> {
        Ok(self.glyph(c, weight)?.advance)
    }
}

impl std::fmt::Debug for Fonts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fonts").field("faces", &self.0.ranked.len()).finish_non_exhaustive()
    }
}

impl Shelf {
    fn known_glyph(&self, c: char, weight: Weight) -> Option<Glyph> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() > MOST_KNOWN {
            known.clear();
        }
        known.entry((c, weight)).or_insert_with(|| self.find_glyph(c, weight)).clone()
    }

    fn find_glyph(&self, c: char, weight: Weight) -> Option<Glyph> {
        if needs_shaping(c) {
            return None;
        }
        let heading = self.heading.as_ref().filter(|_| weight == Weight::Bold);
        let own = heading.and_then(|face| face.glyph(c)).or_else(|| self.text.as_ref()?.glyph(c));
        own.or_else(|| {
            let has_it =
                |id: &&ID| self.database.with_face_data(**id, |d, n| can_draw(d, n, c)) == Some(true);
            self.open(*self.ranked.iter().find(has_it)?, Weight::Regular)?.glyph(c)
        })
    }

    fn bold_sister(&self, text: ID) -> Option<Face> {
        let regular = self.database.face(text)?;
        if self.open(text, Weight::Regular)?.is_variable() {
            return self.open(text, Weight::Bold);
        }
        let family = &regular.families.first()?.0;
        let sisters = self.ranked.iter().filter_map(|id| self.database.face(*id));
        let bold = sisters
            .filter(|face| face.weight.0 >= 600 && face.families.first().is_some_and(|f| f.0 == *family))
            .min_by_key(|face| face.weight.0.abs_diff(700))?;
        self.open(bold.id, Weight::Bold)
    }

    fn open(&self, id: ID, weight: Weight) -> Option<Face> {
        let face = self.database.face(id)?;
        let data = match &face.source {
            Source::Binary(data) | Source::SharedFile(_, data) => Arc::clone(data) as FontData,
            Source::File(path) => self.read(path)?,
        };
        Face::new(data, face.index, weight == Weight::Bold, face.weight.0 >= 600)
    }

    /// Reads a font file once, however many of its faces are used.
    fn read(&self, path: &Path) -> Option<FontData> {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(data) = files.get(path) {
            return Some(Arc::clone(data));
        }
        let data: FontData = Arc::new(std::fs::read(path).ok()?);
        files.insert(path.to_owned(), Arc::clone(&data));
        Some(data)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_font_in_the_operators_folder_is_enough() {
        let system = Fonts::load(None);
        let chosen =
            system.0.ranked.first().and_then(|id| system.0.database.face(*id)).map(|face| &face.source);
        let (Ok(()), Some(Source::File(path))) = (system.check(), chosen) else { return };
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Fonts::only(folder.path()).check(), Err(RenderError::FontMissing));
        std::fs::copy(path, folder.path().join(path.file_name().unwrap())).unwrap();
        let own = Fonts::only(folder.path());
        assert_eq!(own.check(), Ok(()));
        assert!(own.glyph('码', Weight::Regular).unwrap().advance > 0.9);
    }

    #[test]
    fn letters_that_must_be_shaped_are_reported_instead_of_misdrawn() {
        let fonts = Fonts::load(None);
        // Uyghur, Tibetan, a combining accent, a joiner.
        for character in ['ئ', 'བ', '\u{301}', '\u{200D}'] {
            let answer = fonts.glyph(character, Weight::Regular).err();
            assert_eq!(answer, Some(RenderError::GlyphMissing { character }));
        }
    }
}
