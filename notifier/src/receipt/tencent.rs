//! Status callbacks: a JSON array for SMS, one object for a call. The provider's id is one per number.

use mashang_domain::time::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::{NotAReceipt, Receipt, Report, beijing_time, each, given, phone, text};

#[derive(Deserialize)]
struct SmsEntry {
    nationcode: String,
    mobile: String,
    report_status: String,
    errmsg: Option<String>,
    sid: String,
    /// SessionContext, for accounts that asked for it.
    ext: Option<String>,
    user_receive_time: Option<String>,
}

pub(super) fn sms_report(gateway: &str, body: &[u8]) -> Result<Report, NotAReceipt> {
    let entries: Vec<Value> = serde_json::from_slice(body).map_err(|_| NotAReceipt)?;
    Ok(each(entries, |entry: SmsEntry| {
        Some(Receipt {
            gateway: gateway.to_owned(),
            phone: phone(&format!("+{}{}", entry.nationcode, entry.mobile)),
            provider_id: entry.sid,
            reference: given(entry.ext),
            delivered: entry.report_status == "SUCCESS",
            code: entry.errmsg.unwrap_or_default(),
            at: entry.user_receive_time.as_deref().and_then(beijing_time),
            duration_s: None,
        })
    }))
}

/// A push holds one kind of report; of the others (a pressed key, a failed play) nothing follows for a delivery.
#[derive(Deserialize)]
struct VoicePush {
    voiceprompt_callback: Option<Value>,
}

#[derive(Deserialize)]
struct Called {
    result: Value,
    callid: String,
    mobile: String,
    nationcode: String,
    start_calltime: Option<Value>,
    accept_time: Option<Value>,
    end_calltime: Option<Value>,
}

pub(super) fn voice_report(gateway: &str, body: &[u8]) -> Result<Report, NotAReceipt> {
    let push: VoicePush = serde_json::from_slice(body).map_err(|_| NotAReceipt)?;
    Ok(each(push.voiceprompt_callback.into_iter().collect(), |entry: Called| {
        let code = text(&entry.result)?;
        let (answered, ended) = (seconds(entry.accept_time.as_ref()), seconds(entry.end_calltime.as_ref()));
        Some(Receipt {
            gateway: gateway.to_owned(),
            phone: phone(&format!("+{}{}", entry.nationcode, entry.mobile)),
            provider_id: entry.callid,
            reference: None,
            delivered: code == ANSWERED,
            at: ended.or(seconds(entry.start_calltime.as_ref())).map(Timestamp::from_secs),
            duration_s: answered.zip(ended).and_then(|(from, to)| u32::try_from(to - from).ok()),
            code,
        })
    }))
}

/// 0: somebody answered, 1: nobody did, 2: the call failed.
const ANSWERED: &str = "0";

/// Seconds since the epoch; 0 stands for never.
fn seconds(value: Option<&Value>) -> Option<i64> {
    value.and_then(text)?.parse().ok().filter(|at| *at > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sms_entries_are_read_one_by_one() {
        let body = r#"[{"user_receive_time":"2020-02-12 12:00:03","nationcode":"86","mobile":"13900000001",
            "report_status":"FAIL","errmsg":"MK:0001","description":"","sid":"2645:1:2"},{"sid":"x"}]"#;
        let report = sms_report("t", body.as_bytes()).expect("reads");
        let [receipt] = report.receipts.as_slice() else { panic!("one receipt") };
        assert_eq!((receipt.delivered, report.unreadable, receipt.code.as_str()), (false, 1, "MK:0001"));
        assert_eq!(receipt.phone.as_ref().map(|p| p.reveal()), Some("+8613900000001"));
        assert_eq!(receipt.at, Timestamp::parse("2020-02-12T04:00:03Z"));
        assert_eq!(sms_report("t", b"{}"), Err(NotAReceipt));
    }

    #[test]
    fn only_an_answered_call_is_delivered() {
        for (result, delivered) in [("0", true), ("1", false), ("2", false)] {
            let body = format!(
                r#"{{"voiceprompt_callback":{{"result":"{result}","accept_time":"1581480000","callid":"c","mobile":"13900000001",
                "nationcode":"86","end_calltime":"1581480009","start_calltime":"1581479990"}}}}"#
            );
            let report = voice_report("t", body.as_bytes()).expect("reads");
            let [receipt] = report.receipts.as_slice() else { panic!("one receipt") };
            assert_eq!((receipt.delivered, receipt.duration_s), (delivered, Some(9)), "{result}");
        }
        let other = voice_report("t", br#"{"voicekey_callback":{"keypress":"2"}}"#);
        assert_eq!(other, Ok(Report::default()));
    }
}
