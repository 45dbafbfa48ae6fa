//! SmsReport and VoiceReport: JSON arrays with times in Beijing time and numbers in strings.

use serde::Deserialize;
use serde_json::Value;

use super::{NotAReceipt, Receipt, Report, beijing_time, each, given, phone, text};

#[derive(Deserialize)]
struct SmsEntry {
    phone_number: String,
    success: bool,
    biz_id: String,
    err_code: Option<String>,
    out_id: Option<String>,
    report_time: Option<String>,
}

pub(super) fn sms_report(gateway: &str, body: &[u8]) -> Result<Report, NotAReceipt> {
    Ok(each(entries(body)?, |entry: SmsEntry| {
        Some(Receipt {
            gateway: gateway.to_owned(),
            phone: phone(&entry.phone_number),
            provider_id: entry.biz_id,
            reference: given(entry.out_id),
            delivered: entry.success,
            code: entry.err_code.unwrap_or_default(),
            at: entry.report_time.as_deref().and_then(beijing_time),
            duration_s: None,
        })
    }))
}

#[derive(Deserialize)]
struct VoiceEntry {
    status_code: Value,
    callee: String,
    call_id: String,
    out_id: Option<String>,
    end_time: Option<String>,
    duration: Option<Value>,
}

pub(super) fn voice_report(gateway: &str, body: &[u8]) -> Result<Report, NotAReceipt> {
    Ok(each(entries(body)?, |entry: VoiceEntry| {
        let code = text(&entry.status_code)?;
        Some(Receipt {
            gateway: gateway.to_owned(),
            phone: phone(&entry.callee),
            provider_id: entry.call_id,
            reference: given(entry.out_id),
            delivered: heard(&code),
            code,
            at: entry.end_time.as_deref().and_then(beijing_time),
            duration_s: entry.duration.as_ref().and_then(text).and_then(|seconds| seconds.parse().ok()),
        })
    }))
}

/// 200000: heard to the end, 200001: hung up early. Every other code is a call that nobody took
/// (help.aliyun.com/document_detail/55085.htm).
fn heard(status_code: &str) -> bool {
    matches!(status_code, "200000" | "200001")
}

fn entries(body: &[u8]) -> Result<Vec<Value>, NotAReceipt> {
    serde_json::from_slice(body).map_err(|_| NotAReceipt)
}

#[cfg(test)]
mod tests {
    use mashang_domain::time::Timestamp;

    use super::*;

    #[test]
    fn sms_entries_are_read_one_by_one() {
        let body = r#"[{"phone_number":"13900000001","success":true,"biz_id":"5^0","out_id":"","err_code":"DELIVERED",
            "report_time":"2020-02-12 12:00:03","sms_size":"1"},{"phone_number":"13900000002"},7]"#;
        let report = sms_report("aliyun", body.as_bytes()).expect("reads");
        assert_eq!((report.receipts.len(), report.unreadable), (1, 2));
        let receipt = &report.receipts[0];
        assert_eq!(receipt.at, Timestamp::parse("2020-02-12T04:00:03Z"));
        assert_eq!((receipt.reference.as_deref(), receipt.delivered), (None, true));
        assert_eq!(sms_report("aliyun", b"{}"), Err(NotAReceipt));
        assert_eq!(sms_report("aliyun", b"[]"), Ok(Report::default()));
    }

    #[test]
    fn only_a_call_that_somebody_took_is_delivered() {
        for (code, delivered) in
            [("200000", true), ("200001", true), ("200002", false), ("200010", false), ("200119", false)]
        {
            let body = format!(
                r#"[{{"status_code":"{code}","callee":"13900000001","call_id":"6^1","duration":"9","out_id":"r1"}}]"#
            );
            let report = voice_report("voice", body.as_bytes()).expect("reads");
            let [receipt] = report.receipts.as_slice() else { panic!("one receipt") };
            assert_eq!((receipt.delivered, receipt.duration_s), (delivered, Some(9)), "{code}");
            assert_eq!((receipt.reference.as_deref(), receipt.at), (Some("r1"), None));
        }
    }
}
