//! Lines of text: how long they are, where they may break, and the largest size at which they fit.
//!
//! Chinese breaks between any two characters except before closing and after opening punctuation; Latin words stay
//! whole while a line can hold them. A name never overflows its place: it wraps, then shrinks.

use super::drawing::Weight;
use super::error::RenderError;

/// Who knows how wide a character is: the real fonts, or an estimate where the viewer brings the font.
pub(crate) trait Measure {
    /// The advance of `c` in ems.
    fn advance(&self, c: char, weight: Weight) -> Result<f32, RenderError>;
}

/// One measured line.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Line {
    pub(crate) text: String,
    /// Length in ems.
    pub(crate) ems: f32,
}

/// Lines of one size that fit their place.
#[derive(Debug, Clone)]
pub(crate) struct Block {
    pub(crate) size: f32,
    pub(crate) lines: Vec<Line>,
}

/// The place a text has.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Room {
    pub(crate) width: f32,
    pub(crate) height: f32,
    pub(crate) lines: usize,
    /// The size of type it has when it is short.
    pub(crate) size: f32,
    /// The size below which it is refused.
    pub(crate) floor: f32,
    /// The share of `size` below which one more line is better than smaller type.
    pub(crate) wrap_below: f32,
}

/// From baseline to baseline, in ems.
pub(crate) const LEADING: f32 = 1.22;
/// How much smaller the type gets with each try.
const STEP: f32 = 0.97;

impl Block {
    pub(crate) fn height(&self) -> f32 {
        self.size * LEADING * self.lines.len() as f32
    }
}

/// Measures `text` as one line; runs of white space count as one space.
pub(crate) fn measure(text: &str, weight: Weight, by: &dyn Measure) -> Result<Line, RenderError> {
    let chars = advances(text, weight, by)?;
    Ok(line(&chars))
}

/// Sets `text` as large as it fits into `room`, with lines of about equal length.
pub(crate) fn fit(text: &str, weight: Weight, room: Room, by: &dyn Measure) -> Result<Block, RenderError> {
    let chars = advances(text, weight, by)?;
    let mut best: Option<Block> = None;
    for lines in 1..=room.lines {
        let Some(block) = largest(&chars, lines, room) else { continue };
        if best.as_ref().is_none_or(|b| block.size > b.size) {
            best = Some(block);
        }
        if best.as_ref().is_some_and(|b| b.size >= room.size * room.wrap_below) {
            break;
        }
    }
    best.ok_or_else(|| RenderError::TextTooLong { text: text.to_owned() })
}

fn largest(chars: &[(char, f32)], lines: usize, room: Room) -> Option<Block> {
    // No wrapping can beat lines that are all full, so the search begins there.
    let full = room.width * lines as f32 / line(chars).ems.max(0.01);
    let mut size = room.size.min(room.height / (LEADING * lines as f32)).min(full);
    while size >= room.floor {
        let ems = room.width / size;
        let wrapped = wrap(chars, ems);
        if wrapped.len() <= lines && wrapped.iter().all(|l| l.ems <= ems) {
            return Some(Block { size, lines: balanced(chars, ems, wrapped) });
        }
        size *= STEP;
    }
    None
}

/// The narrowest wrapping with as many lines: no last line of one lonely character.
fn balanced(chars: &[(char, f32)], ems: f32, wrapped: Vec<Line>) -> Vec<Line> {
    let (mut low, mut high, mut best) = (0.0, ems, wrapped);
    for _ in 0..12 {
        let middle = (low + high) / 2.0;
        let candidate = wrap(chars, middle);
        if candidate.len() <= best.len() && candidate.iter().all(|l| l.ems <= middle) {
            (best, high) = (candidate, middle);
        } else {
            low = middle;
        }
    }
    best
}

/// Breaks greedily at `ems`; a word longer than a line is broken where it reaches the edge.
fn wrap(chars: &[(char, f32)], ems: f32) -> Vec<Line> {
    let (mut lines, mut start, mut break_at, mut width) = (Vec::new(), 0, 0, 0.0);
    for at in 0..chars.len() {
        if at > start && may_break(chars[at - 1].0, chars[at].0) {
            break_at = at;
        }
        width += chars[at].1;
        if width > ems && at > start && chars[at].0 != ' ' {
            let end = if break_at > start { break_at } else { at };
            lines.push(line(&chars[start..end]));
            (start, break_at) = (end, end);
            width = chars[start..=at].iter().map(|c| c.1).sum();
        }
    }
    lines.push(line(&chars[start..]));
    lines
}

fn line(chars: &[(char, f32)]) -> Line {
    let end = chars.iter().rposition(|c| c.0 != ' ').map_or(0, |last| last + 1);
    let start = chars.iter().position(|c| c.0 != ' ').unwrap_or(end);
    let shown = &chars[start..end];
    Line { text: shown.iter().map(|c| c.0).collect(), ems: shown.iter().map(|c| c.1).sum() }
}

fn advances(text: &str, weight: Weight, by: &dyn Measure) -> Result<Vec<(char, f32)>, RenderError> {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").chars().map(|c| Ok((c, by.advance(c, weight)?))).collect()
}

fn may_break(before: char, after: char) -> bool {
    if "，。、；：！？）》〉」』】〕”’·…—％,.;:!?)]}%".contains(after)
        || "（《〈「『【〔“‘([{".contains(before)
    {
        return false;
    }
    before == ' ' || (after != ' ' && (is_wide(before) || is_wide(after)))
}

/// Ideographs, kana and full-width forms.
fn is_wide(c: char) -> bool {
    c >= '\u{2E80}'
}

#[cfg(test)]
mod tests {
    use super::super::estimate::Estimate;
    use super::*;

    const ROOM: Room =
        Room { width: 500.0, height: 120.0, lines: 3, size: 40.0, floor: 4.0, wrap_below: 0.74 };

    fn set(text: &str) -> Block {
        fit(text, Weight::Bold, ROOM, &Estimate).unwrap()
    }

    #[test]
    fn a_short_name_stays_on_one_line_at_full_size() {
        let block = set("翠湖超市");
        assert_eq!((block.size, block.lines.len()), (40.0, 1));
    }

    #[test]
    fn a_long_name_wraps_into_lines_of_about_equal_length() {
        let block = set(&"云南省昆明市五华区翠湖南路社区卫生服务中心".repeat(3));
        assert_eq!(block.lines.len(), 3);
        let (short, long) =
            block.lines.iter().fold((f32::MAX, 0.0_f32), |(s, l), x| (s.min(x.ems), l.max(x.ems)));
        assert!(long - short <= 2.0, "{block:?}");
        assert!(long * block.size <= ROOM.width && block.height() <= ROOM.height + 0.01);
    }

    #[test]
    fn nothing_is_cut_from_a_long_mixed_name() {
        let name = "Kunming Wuhua District Greenlake 翠湖（国际）购物中心WALMARTSUPERCENTERNUMBERONE，二号店";
        let lines = set(name).lines;
        let glued: String = lines.iter().map(|l| l.text.as_str()).collect::<String>().replace(' ', "");
        assert_eq!(glued, name.replace(' ', ""));
    }

    #[test]
    fn latin_words_stay_whole_and_punctuation_does_not_lead() {
        let block = set("Greenlake International Shopping Centre, Building Number One 翠湖店");
        assert!(block.lines.iter().all(|l| !l.text.starts_with(',')), "{block:?}");
        assert!(block.lines.iter().any(|l| l.text.contains("International")), "{block:?}");
    }

    #[test]
    fn a_name_of_any_sane_length_fits_and_a_novel_is_refused() {
        for length in 1..200 {
            let block = set(&"店".repeat(length));
            assert!(block.lines.iter().all(|l| l.ems * block.size <= ROOM.width + 0.01), "{length}");
        }
        let novel = "店".repeat(2000);
        assert!(matches!(fit(&novel, Weight::Bold, ROOM, &Estimate), Err(RenderError::TextTooLong { .. })));
    }
}
