//! Pre-approved texts: short variables in, one text out, counted in SMS segments.
//!
//! Mainland SMS count every character as one, the 【signature】 included: up to 70 is one segment, longer texts are cut
//! into segments of 67.

use std::borrow::Cow;

/// Longest text a provider takes, signature included, in characters.
pub const MAX_CHARS: usize = 500;
/// Longest value of one variable, in characters: what the strictest provider accepts.
pub const MAX_VARIABLE_CHARS: usize = 20;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    #[error("the template wants a value for {{{0}}}")]
    Missing(String),
    #[error("the value of {{{0}}} has more than {MAX_VARIABLE_CHARS} characters")]
    TooLong(String),
    #[error("the value of {{{0}}} holds a character that templates refuse")]
    Forbidden(String),
    #[error("the text has {0} characters, more than {MAX_CHARS}")]
    TextTooLong(usize),
}

/// Plain substitution of `{name}`; values are checked, never interpreted.
pub fn fill(text: &str, variables: &[(String, String)]) -> Result<String, TemplateError> {
    let mut out = String::with_capacity(text.len() + 32);
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let Some((name, tail)) = after.split_once('}') else { break };
        out.push_str(before);
        let value = variables.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str());
        out.push_str(checked(name, value)?);
        rest = tail;
    }
    out.push_str(rest);
    let length = out.chars().count();
    if length > MAX_CHARS { Err(TemplateError::TextTooLong(length)) } else { Ok(out) }
}

fn checked<'a>(name: &str, value: Option<&'a str>) -> Result<&'a str, TemplateError> {
    let value = value.ok_or_else(|| TemplateError::Missing(name.to_owned()))?;
    if value.chars().count() > MAX_VARIABLE_CHARS {
        return Err(TemplateError::TooLong(name.to_owned()));
    }
    let forbidden = |c: char| c.is_control() || matches!(c, '{' | '}' | '$' | '【' | '】');
    if value.chars().any(forbidden) || value.contains("://") {
        return Err(TemplateError::Forbidden(name.to_owned()));
    }
    Ok(value)
}

/// The text as it arrives, with its signature in front.
pub fn signed(signature: &str, text: &str) -> String {
    format!("【{signature}】{text}")
}

/// SMS segments of a text that already carries its signature.
pub fn segments(text: &str) -> usize {
    match text.chars().count() {
        0..=70 => 1,
        n => n.div_ceil(67),
    }
}

/// A value cut to what a variable may hold, with an ellipsis where something was left out.
pub fn shorten(value: &str) -> Cow<'_, str> {
    if value.chars().count() <= MAX_VARIABLE_CHARS {
        return Cow::Borrowed(value);
    }
    let head: String = value.chars().take(MAX_VARIABLE_CHARS - 1).collect();
    Cow::Owned(format!("{head}…"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn vars(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    #[test]
    fn segments_are_those_of_the_carriers() {
        for (chars, expected) in [(1, 1), (70, 1), (71, 2), (134, 2), (135, 3), (160, 3), (201, 3), (202, 4)]
        {
            assert_eq!(segments(&"字".repeat(chars)), expected, "{chars}");
        }
    }

    #[test]
    fn values_are_substituted_and_never_interpreted() {
        assert_eq!(
            fill("于{date}，拨打{tel}。", &vars(&[("date", "2月12日"), ("tel", "12345")])).as_deref(),
            Ok("于2月12日，拨打12345。")
        );
        for bad in ["{{date}}", "${x}", "【签】", "a\nb", "http://x"] {
            assert_eq!(
                fill("于{date}", &vars(&[("date", bad)])),
                Err(TemplateError::Forbidden("date".into())),
                "{bad}"
            );
        }
        assert_eq!(fill("{date}", &[]), Err(TemplateError::Missing("date".into())));
        assert_eq!(
            fill("{date}", &vars(&[("date", &"长".repeat(21))])),
            Err(TemplateError::TooLong("date".into()))
        );
    }

    proptest! {
        #[test]
        fn a_value_is_a_value_whatever_it_looks_like(value in ".{0,24}", odd in "[{}$【】%<>&;'\"\\\\/:#\n\r\t a-z]{0,20}") {
            for value in [value, odd] {
                let filled = fill("于{date}到过", &vars(&[("date", &value)]));
                let plain = "于{date}到过".replacen("{date}", &value, 1);
                if let Ok(text) = filled {
                    prop_assert_eq!(text, plain);
                    let harmless = !value.contains(['{', '}', '$', '【', '】', '\n']);
                    prop_assert!(harmless, "{:?}", value);
                }
            }
        }
    }

    #[test]
    fn long_values_are_cut_visibly() {
        assert_eq!(shorten("短"), "短");
        assert_eq!(shorten(&"长".repeat(30)).chars().count(), MAX_VARIABLE_CHARS);
    }
}
