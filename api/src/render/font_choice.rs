//! Which of the machine's faces suits a poster, and which characters no face may draw letter by letter.

use fontdb::{Database, FaceInfo, ID, Style};
use skrifa::FontRef;

use super::face::drawable;

/// Characters that every poster needs; a face with all of them is a Chinese font.
const PROBE: &str = "进出扫码入离场疫情防控0AZaz";

/// Whether face `index` of a font file has an outline for `c`.
pub(crate) fn can_draw(data: &[u8], index: u32, c: char) -> bool {
    FontRef::from_index(data, index).is_ok_and(|font| drawable(&font, c).is_some())
}

/// Whether a face can carry a whole poster.
pub(crate) fn is_chinese(database: &Database, id: ID) -> bool {
    let all = |data: &[u8], index| PROBE.chars().all(|c| can_draw(data, index, c));
    database.with_face_data(id, all).unwrap_or(false)
}

/// How far a face is from what a poster wants: upright, sans-serif, regular, with mainland glyph shapes.
pub(crate) fn penalty(face: &FaceInfo, own: bool) -> u32 {
    let names = face.families.iter().map(|f| f.0.as_str()).chain([face.post_script_name.as_str()]);
    let name = names.collect::<Vec<_>>().join(" ").to_lowercase();
    let says = |words: &[&str]| words.iter().any(|w| name.contains(w));
    let mainland = says(&[
        " sc",
        "-sc",
        "sc-",
        "simplified",
        "gb",
        "wenquanyi",
        "wqy",
        "yahei",
        "heiti",
        "simhei",
        "hans",
    ]);
    [
        (!own, 10_000),
        (face.style != Style::Normal, 4_000),
        (says(&["serif", "song", "ming", "kai", "mincho", "batang"]), 2_000),
        (face.monospaced || says(&["mono"]), 1_000),
        (!mainland, 500),
    ]
    .iter()
    .map(|&(wrong, points)| if wrong { points } else { 0 })
    .sum::<u32>()
        + u32::from(face.weight.0.abs_diff(400))
}

/// Scripts whose letters join, stack or reorder: drawn letter by letter they would be wrong, so they are reported.
pub(crate) fn needs_shaping(c: char) -> bool {
    matches!(u32::from(c),
        0x0300..=0x036F | 0x0590..=0x109F | 0x1700..=0x18AF | 0x1900..=0x1CFF | 0x200B..=0x200F | 0x202A..=0x202E
        | 0x2060..=0x206F | 0x20D0..=0x20FF | 0xA8E0..=0xABFF | 0xFB1D..=0xFDFF | 0xFE00..=0xFE0F | 0xFE70..=0xFEFF
        | 0xE0000..=0xE01EF)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use fontdb::Source;

    use super::*;

    #[test]
    fn the_plain_mainland_face_is_preferred() {
        let face = |family: &str, weight: u16| FaceInfo {
            id: ID::dummy(),
            source: Source::Binary(Arc::new(Vec::new())),
            index: 0,
            families: vec![(family.to_owned(), fontdb::Language::English_UnitedStates)],
            post_script_name: String::new(),
            style: Style::Normal,
            weight: fontdb::Weight(weight),
            stretch: fontdb::Stretch::Normal,
            monospaced: false,
        };
        let best = penalty(&face("Noto Sans CJK SC", 400), false);
        for (family, weight) in [
            ("Noto Sans CJK SC", 700),
            ("Noto Sans CJK JP", 400),
            ("Noto Serif CJK SC", 400),
            ("Noto Sans Mono CJK SC", 400),
        ] {
            assert!(best < penalty(&face(family, weight), false), "{family} {weight}");
        }
        assert!(penalty(&face("Noto Serif CJK JP", 900), true) < best, "what the operator chose comes first");
    }
}
