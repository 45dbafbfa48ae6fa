//! The letter: plain text in UTF-8, encoded so that every server takes it.

use std::time::{Duration, SystemTime};

use lettre::Message;
use lettre::address::Envelope;
use lettre::message::Mailbox;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use mashang_domain::time::Timestamp;

use crate::gateway::Recipient;

/// A letter as it will be sent.
pub(super) struct Letter {
    pub(super) envelope: Envelope,
    pub(super) bytes: Vec<u8>,
    /// The Message-ID, with its brackets.
    pub(super) id: String,
}

/// `None` when the recipient has no mailbox.
pub(super) fn compose(
    sender: &Mailbox,
    subject: &str,
    recipient: &Recipient,
    now: Timestamp,
) -> Option<Letter> {
    let to = Mailbox::new(None, recipient.to.reveal().parse().ok()?);
    let id = format!("<{}@{}>", recipient.reference, sender.email.domain());
    let millis = u64::try_from(now.millis()).unwrap_or_default();
    // Nobody's holiday answer helps (RFC 3834).
    let automatic =
        HeaderValue::new(HeaderName::new_from_ascii_str("Auto-Submitted"), "auto-generated".to_owned());
    let message = Message::builder()
        .from(sender.clone())
        .to(to)
        .subject(subject)
        .message_id(Some(id.clone()))
        .date(SystemTime::UNIX_EPOCH + Duration::from_millis(millis))
        .raw_header(automatic)
        .header(ContentType::TEXT_PLAIN)
        .body(recipient.text.clone())
        .ok()?;
    Some(Letter { envelope: message.envelope().clone(), bytes: message.formatted(), id })
}

#[cfg(test)]
mod tests {
    use mashang_domain::person::{Email, Phone};

    use super::*;

    #[test]
    fn a_letter_is_ascii_and_has_the_id_of_its_reference() {
        let recipient = Recipient {
            to: Email::parse("zhang@example.cn").expect("parses").into(),
            reference: "k3v5".into(),
            variables: Vec::new(),
            text: "您于2月12日到过\n.翠湖".into(),
        };
        let sender: Mailbox = "码上 <notice@cdc.example.cn>".parse().expect("a mailbox");
        let now = Timestamp::parse("2020-02-12T04:00:00Z").expect("a time");
        let letter = compose(&sender, "疫情\r\nBcc: b@example.cn", &recipient, now).expect("composed");
        let text = String::from_utf8(letter.bytes).expect("text");
        assert_eq!(letter.id, "<k3v5@cdc.example.cn>");
        assert!(text.is_ascii() && text.contains("Message-ID: <k3v5@cdc.example.cn>\r\n"), "{text}");
        assert!(text.contains("Date: Wed, 12 Feb 2020 04:00:00 +0000"), "{text}");
        assert!(text.contains("Auto-Submitted: auto-generated") && !text.contains("\r\nBcc:"), "{text}");
        let called = Recipient { to: Phone::parse("13800138000").expect("parses").into(), ..recipient };
        assert!(compose(&sender, "s", &called, now).is_none(), "a number is no mailbox");
    }
}
