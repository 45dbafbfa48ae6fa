//! CSV that no spreadsheet can execute.
//!
//! A cell that starts with `=`, `+`, `-`, `@`, a tab or a carriage return would be a formula; a leading apostrophe makes
//! it text. A cell that starts with an apostrophe itself gets one more, so that the way back is to take one away.

/// One line with its line feed, quoted as RFC 4180 says.
pub fn line<'a>(cells: impl IntoIterator<Item = &'a str>) -> String {
    let mut text = cells.into_iter().map(cell).collect::<Vec<_>>().join(",");
    text.push_str("\r\n");
    text
}

fn cell(value: &str) -> String {
    let risky = value.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '\0', '\'']);
    let safe = if risky { format!("'{value}") } else { value.to_owned() };
    if safe.contains(['"', ',', '\r', '\n']) { format!("\"{}\"", safe.replace('"', "\"\"")) } else { safe }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_text() {
        assert_eq!(line(["Fromm", "=1+1", "@x", "+49 170"]), "Fromm,'=1+1,'@x,'+49 170\r\n");
        assert_eq!(line(["-1", "\tx", "\rx", "'x"]), "'-1,'\tx,\"'\rx\",''x\r\n");
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
