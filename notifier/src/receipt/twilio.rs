//! Status callbacks: a form for each change of state, in any order, with our reference in the query of the address.
//!
//! Only an end settles something: what is on its way is read and left. So a late "sent" after "delivered" says nothing, and
//! a late "undelivered" is the store's to refuse. The caller has verified the signature ([`super::signature`]).

use chrono::DateTime;
use mashang_domain::time::Timestamp;

use super::form::{field, fields};
use super::{NotAReceipt, Receipt, Report, phone};
use crate::gateway::twilio::REFERENCE;

/// What a state says.
enum Word {
    Delivered,
    Failed,
    UnderWay,
}

/// Of messages and of calls. `None`: no word of the provider's that we know.
fn word(status: &str) -> Option<Word> {
    match status {
        "delivered" | "read" | "completed" => Some(Word::Delivered),
        "undelivered" | "failed" | "canceled" | "busy" | "no-answer" => Some(Word::Failed),
        "accepted" | "scheduled" | "queued" | "sending" | "sent" | "initiated" | "ringing"
        | "in-progress" => Some(Word::UnderWay),
        _ => None,
    }
}

pub(super) fn report(gateway: &str, query: &str, body: &[u8]) -> Result<Report, NotAReceipt> {
    let form = fields(std::str::from_utf8(body).map_err(|_| NotAReceipt)?);
    let get = |name| field(&form, name);
    let (id, status) = (get("MessageSid").or(get("CallSid")), get("MessageStatus").or(get("CallStatus")));
    let (Some(id), Some(status)) = (id, status) else { return Err(NotAReceipt) };
    let delivered = match word(status) {
        Some(Word::Delivered) => true,
        Some(Word::Failed) => false,
        Some(Word::UnderWay) => return Ok(Report::default()),
        None => return Ok(Report { receipts: Vec::new(), unreadable: 1 }),
    };
    let receipt = Receipt {
        gateway: gateway.to_owned(),
        phone: get("To").and_then(phone),
        provider_id: id.to_owned(),
        reference: field(&fields(query), REFERENCE).map(str::to_owned),
        delivered,
        code: get("ErrorCode").unwrap_or(status).to_owned(),
        at: get("Timestamp").and_then(sent_at),
        duration_s: get("CallDuration").and_then(|seconds| seconds.parse().ok()),
    };
    Ok(Report { receipts: vec![receipt], unreadable: 0 })
}

/// `Mon, 23 Nov 2026 08:00:17 +0000`
fn sent_at(text: &str) -> Option<Timestamp> {
    DateTime::parse_from_rfc2822(text).ok().map(|at| Timestamp(at.timestamp_millis()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Report {
        report("t", "ref=r1", body.as_bytes()).expect("reads")
    }

    #[test]
    fn only_an_end_is_a_receipt() {
        for (status, delivered) in [
            ("delivered", Some(true)),
            ("undelivered", Some(false)),
            ("failed", Some(false)),
            ("sent", None),
            ("queued", None),
        ] {
            let report = read(&format!("MessageSid=SM1&MessageStatus={status}&To=%2B8613900000001"));
            assert_eq!(report.receipts.first().map(|r| r.delivered), delivered, "{status}");
            assert_eq!(report.unreadable, 0);
        }
        for (status, delivered) in
            [("completed", Some(true)), ("busy", Some(false)), ("no-answer", Some(false)), ("ringing", None)]
        {
            let report = read(&format!("CallSid=CA1&CallStatus={status}&CallDuration=17"));
            assert_eq!(report.receipts.first().map(|r| r.delivered), delivered, "{status}");
        }
        assert_eq!(read("MessageSid=SM1&MessageStatus=dreaming").unreadable, 1);
        assert_eq!(report("t", "", b"MessageStatus=sent"), Err(NotAReceipt));
    }

    #[test]
    fn a_receipt_tells_all_it_knows() {
        let body = "CallSid=CA1&CallStatus=completed&CallDuration=17&To=%2B8613900000001\
                    &Timestamp=Mon%2C+23+Nov+2026+08%3A00%3A17+%2B0000&ErrorCode=";
        let receipt = read(body).receipts.remove(0);
        assert_eq!((receipt.reference.as_deref(), receipt.duration_s), (Some("r1"), Some(17)));
        assert_eq!(receipt.phone.as_ref().map(|p| p.reveal()), Some("+8613900000001"));
        assert_eq!(receipt.at, Timestamp::parse("2026-11-23T08:00:17Z"));
        assert_eq!((receipt.code.as_str(), receipt.provider_id.as_str()), ("completed", "CA1"));
        assert_eq!(
            read("MessageSid=SM1&MessageStatus=undelivered&ErrorCode=30003").receipts[0].code,
            "30003"
        );
    }
}
