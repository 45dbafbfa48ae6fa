//! Queries and forms: escaped the one way that every canonical form and every server agrees with.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// The content type of a form.
pub const FORM: &str = "application/x-www-form-urlencoded";

/// Everything but the unreserved `A-Za-z0-9-_.~`. A form encoder would write spaces, `*` and `~` differently.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// One value, escaped.
pub fn escape(text: &str) -> String {
    utf8_percent_encode(text, ESCAPED).to_string()
}

/// Names and values as a query or a form.
pub fn encode_pairs(pairs: &[(&str, &str)]) -> String {
    pairs
        .iter()
        .map(|(name, value)| format!("{}={}", escape(name), escape(value)))
        .collect::<Vec<_>>()
        .join("&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_all_but_the_unreserved() {
        let given = [("k e", "a+b *~'()!/号"), ("x", "-_.")];
        assert_eq!(encode_pairs(&given), "k%20e=a%2Bb%20%2A~%27%28%29%21%2F%E5%8F%B7&x=-_.");
    }
}
