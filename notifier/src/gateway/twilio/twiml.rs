//! The document that tells Twilio what to say in a call.

/// Reads a text aloud in Mandarin, twice: once more for who did not understand.
pub(super) fn reading(text: &str) -> String {
    format!(r#"<Response><Say language="zh-CN" loop="2">{}</Say></Response>"#, escape(text))
}

/// A text as the content of an element. Control characters, which XML does not allow, become spaces.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&apos;"),
            '\n' | '\t' => escaped.push(c),
            '\u{fffe}' | '\u{ffff}' => escaped.push(' '),
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_cannot_become_a_verb() {
        let hostile = "您好</Say><Dial>+8613800138000</Dial><Say>\"&'\u{8}";
        assert_eq!(
            reading(hostile),
            "<Response><Say language=\"zh-CN\" loop=\"2\">您好&lt;/Say&gt;&lt;Dial&gt;+8613800138000&lt;/Dial&gt;&lt;Say&gt;\
             &quot;&amp;&apos; </Say></Response>"
        );
    }
}
