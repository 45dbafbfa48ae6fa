//! Receipts of anybody's own gateway. The caller has verified the signature
//! ([`crate::standard_webhooks::WebhookSecret::verify`]) before it reads them.

use mashang_domain::time::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::{NotAReceipt, Receipt, Report, each, phone};

#[derive(Deserialize)]
struct Entry {
    id: String,
    status: String,
    to: Option<String>,
    #[serde(rename = "ref", alias = "reference")]
    reference: Option<String>,
    code: Option<String>,
    at: Option<Timestamp>,
    duration_s: Option<u32>,
}

/// One entry or a list. `status` `delivered` is a delivery; every other word is the code of a failure.
pub(super) fn report(gateway: &str, body: &[u8]) -> Result<Report, NotAReceipt> {
    let entries = match serde_json::from_slice(body) {
        Ok(Value::Array(entries)) => entries,
        Ok(entry @ Value::Object(_)) => vec![entry],
        Ok(_) | Err(_) => return Err(NotAReceipt),
    };
    Ok(each(entries, |entry: Entry| {
        Some(Receipt {
            gateway: gateway.to_owned(),
            phone: entry.to.as_deref().and_then(phone),
            provider_id: entry.id,
            reference: entry.reference,
            delivered: entry.status == "delivered",
            code: entry.code.unwrap_or(entry.status),
            at: entry.at,
            duration_s: entry.duration_s,
        })
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_or_many_are_read() {
        let one = r#"{"id":"w1","to":"+8613900000001","status":"delivered","ref":"r1","at":"2020-02-12T04:00:00Z"}"#;
        let many =
            format!(r#"[{one},{{"id":"w2","status":"failed","code":"absent"}},{{"status":"delivered"}}]"#);
        let single = report("own", one.as_bytes()).expect("reads");
        let list = report("own", many.as_bytes()).expect("reads");
        assert_eq!((list.receipts.len(), list.unreadable), (2, 1));
        assert_eq!(single.receipts[0], list.receipts[0]);
        assert!(single.receipts[0].delivered && !list.receipts[1].delivered);
        assert_eq!(list.receipts[1].code, "absent");
        assert_eq!(report("own", b"\"x\""), Err(NotAReceipt));
    }
}
