//! The fields of a form or a query that somebody pushed to us.

use percent_encoding::percent_decode_str;

/// Decoded names and values in the order of the text; a plus is a space.
pub(crate) fn fields(text: &str) -> Vec<(String, String)> {
    let decode = |part: &str| percent_decode_str(&part.replace('+', " ")).decode_utf8_lossy().into_owned();
    let parts = text.split('&').filter(|part| !part.is_empty());
    parts
        .map(|part| part.split_once('=').unwrap_or((part, "")))
        .map(|(n, v)| (decode(n), decode(v)))
        .collect()
}

/// The first field of this name that says something.
pub(super) fn field<'a>(fields: &'a [(String, String)], name: &str) -> Option<&'a str> {
    fields.iter().find(|(n, v)| n == name && !v.is_empty()).map(|(_, v)| v.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_decoded_and_keep_their_order() {
        let found = fields("b=%E5%8F%B7+1&a=&c&&d=%2B86");
        let pairs: Vec<(&str, &str)> = found.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        assert_eq!(pairs, [("b", "号 1"), ("a", ""), ("c", ""), ("d", "+86")]);
        assert_eq!((field(&found, "a"), field(&found, "d")), (None, Some("+86")));
    }
}
