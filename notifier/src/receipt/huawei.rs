//! Status reports: a form for each number, which it does not name (support.huaweicloud.com/eu/api-msgsms/sms_05_0051.html).

use mashang_domain::time::Timestamp;

use super::form::{field, fields};
use super::{NotAReceipt, Receipt, Report};

pub(super) fn sms_report(gateway: &str, body: &[u8]) -> Result<Report, NotAReceipt> {
    let fields = fields(std::str::from_utf8(body).map_err(|_| NotAReceipt)?);
    let get = |name| field(&fields, name);
    let (Some(id), Some(status)) = (get("smsMsgId"), get("status")) else { return Err(NotAReceipt) };
    // On its way; nothing is settled by it.
    if matches!(status, "ACCEPTD" | "ENROUTE" | "UNKNOWN") {
        return Ok(Report::default());
    }
    let receipt = Receipt {
        gateway: gateway.to_owned(),
        phone: None,
        provider_id: id.to_owned(),
        reference: get("extend").map(str::to_owned),
        delivered: status == "DELIVRD",
        code: status.to_owned(),
        at: get("updateTime").and_then(Timestamp::parse),
        duration_s: None,
    };
    Ok(Report { receipts: vec![receipt], unreadable: 0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_end_is_a_receipt() {
        for (status, delivered) in
            [("DELIVRD", Some(true)), ("UNDELIV", Some(false)), ("E200014", Some(false)), ("ACCEPTD", None)]
        {
            let body = format!("smsMsgId=m_1&status={status}&updateTime=2020-02-12T04%3A00%3A03Z&extend=");
            let report = sms_report("h", body.as_bytes()).expect("reads");
            assert_eq!(report.receipts.first().map(|r| r.delivered), delivered, "{status}");
            let at = report.receipts.first().and_then(|r| r.at);
            assert_eq!(at, delivered.and_then(|_| Timestamp::parse("2020-02-12T04:00:03Z")));
            assert!(report.receipts.iter().all(|r| r.reference.is_none()));
        }
        assert_eq!(sms_report("h", b"status=DELIVRD"), Err(NotAReceipt));
        assert_eq!(sms_report("h", b"[]"), Err(NotAReceipt));
    }
}
