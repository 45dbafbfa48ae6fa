//! What a gateway is given: a template, and people with their variables.

use std::fmt;

use mashang_domain::person::Address;
use serde::ser::{Serialize, SerializeMap, Serializer};

/// The longest reference every provider takes (voice calls of Aliyun set the limit), in ASCII bytes.
pub const MAX_REFERENCE: usize = 15;

/// Our name of a message text: `login`, `alert_1`, `alert_2`, `alert_3`, `correction`. The settings of a gateway translate
/// it to the provider's template code.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TemplateKey(String);

impl TemplateKey {
    pub fn new(key: impl Into<String>) -> Self {
        Self(key.into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Login codes are always sent one by one: providers may delay batch calls.
    pub fn is_login(&self) -> bool {
        self.0 == "login"
    }
}

/// People who get the same template in one hand-over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    pub template: TemplateKey,
    pub recipients: Vec<Recipient>,
}

/// One person of a batch. `Debug` shows the mask of the address and the reference only.
#[derive(Clone, PartialEq, Eq)]
pub struct Recipient {
    /// A number for texts and calls, an e-mail address for e-mails: whoever chooses the gateway sees to that.
    pub to: Address,
    /// Our attempt id, at most [`MAX_REFERENCE`] ASCII bytes; comes back in receipts.
    pub reference: String,
    /// Names and values in the order of the template; the names stand on the wire as they are.
    pub variables: Vec<(String, String)>,
    /// The rendered text, for gateways that take free text.
    pub text: String,
}

impl Recipient {
    /// Whether the reference fits every provider.
    pub fn reference_fits(&self) -> bool {
        (1..=MAX_REFERENCE).contains(&self.reference.len()) && self.reference.is_ascii()
    }
}

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recipient")
            .field("to", &self.to)
            .field("reference", &self.reference)
            .finish_non_exhaustive()
    }
}

/// Variables as a JSON object in the order of the template.
pub(super) struct Variables<'a>(pub(super) &'a [(String, String)]);

impl Serialize for Variables<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

/// JSON text of a value that cannot fail to be written: strings, and lists and maps of strings.
pub(super) fn json_text(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use mashang_domain::person::Phone;

    use super::*;

    fn recipient(reference: &str) -> Recipient {
        Recipient {
            to: Phone::parse("13800138000").expect("parses").into(),
            reference: reference.to_owned(),
            variables: vec![("code".into(), "271828".into()), ("a".into(), "\"号\"".into())],
            text: "271828".into(),
        }
    }

    #[test]
    fn debug_shows_neither_number_nor_text() {
        let batch = Batch { template: TemplateKey::new("login"), recipients: vec![recipient("r1")] };
        let text = format!("{batch:?}");
        assert!(text.contains("138****8000") && text.contains("r1"), "{text}");
        assert!(!text.contains("13800138000") && !text.contains("271828"), "{text}");
    }

    #[test]
    fn variables_keep_their_order() {
        assert_eq!(json_text(&Variables(&recipient("r").variables)), r#"{"code":"271828","a":"\"号\""}"#);
    }

    #[test]
    fn a_reference_has_one_to_fifteen_ascii_bytes() {
        for (reference, fits) in
            [("", false), ("r", true), ("123456789012345", true), ("1234567890123456", false), ("号", false)]
        {
            assert_eq!(recipient(reference).reference_fits(), fits, "{reference}");
        }
    }
}
