//! CSV that no spreadsheet can execute.
//!
//! A cell that starts with `=`, `+`, `-`, `@`, their full-width forms, a tab or a line break would be a formula, and a
//! byte order mark is taken away from before one; a leading apostrophe makes it text. A cell that starts with an
//! apostrophe itself gets one more, so that the way back is to take one away.

use mashang_infra::bugs::{self, Bug};

/// What a cell of ours never starts with, the apostrophe excepted.
const RISKY: [char; 14] =
    ['=', '+', '-', '@', '＝', '＋', '－', '＠', '\t', '\r', '\n', '\0', '\u{feff}', '\''];

/// One line with its line feed, quoted as RFC 4180 says.
pub fn line<'a>(cells: impl IntoIterator<Item = &'a str>) -> String {
    let mut text = cells.into_iter().map(cell).collect::<Vec<_>>().join(",");
    text.push_str("\r\n");
    text
}

fn cell(value: &str) -> String {
    let risky = value.starts_with(RISKY) && !bugs::has(Bug::RawCell);
    let safe = if risky { format!("'{value}") } else { value.to_owned() };
    if safe.contains(['"', ',', '\r', '\n']) { format!("\"{}\"", safe.replace('"', "\"\"")) } else { safe }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn cells_are_text() {
        assert_eq!(line(["Fromm", "=1+1", "@x", "+49 170"]), "Fromm,'=1+1,'@x,'+49 170\r\n");
        assert_eq!(line(["\u{feff}=1+1"]), "'\u{feff}=1+1\r\n");
        assert_eq!(line(["-1", "\tx", "\rx", "'x"]), "'-1,'\tx,\"'\rx\",''x\r\n");
    }

    proptest! {
        #[test]
        fn any_text_comes_back_and_none_is_a_formula(
            cells in proptest::collection::vec("[-=+@＝＋－＠'\t\r\n\",;a\u{feff}]{0,4}(.|\\PC){0,12}", 1..5)
        ) {
            let text = line(cells.iter().map(String::as_str));
            let mut read = csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes());
            let rows: Vec<csv::StringRecord> = read.records().collect::<Result<_, _>>().expect("CSV");
            // A reader takes one empty cell for no line at all.
            prop_assert!(rows.len() == 1 || cells == [""], "{text:?}");
            for (cell, given) in rows.iter().flatten().zip(&cells) {
                prop_assert!(cell.is_empty() || cell.starts_with('\'') || !cell.starts_with(RISKY), "{cell:?}");
                prop_assert_eq!(cell.strip_prefix('\'').unwrap_or(cell), given);
            }
        }
    }

    #[test]
    fn quotes_and_commas_stay_in_their_cell() {
        assert_eq!(
            line(["a,b", "say \"x\"", "two\nlines", ""]),
            "\"a,b\",\"say \"\"x\"\"\",\"two\nlines\",\r\n"
        );
        assert_eq!(line(["=a,b"]), "\"'=a,b\"\r\n");
    }
}
