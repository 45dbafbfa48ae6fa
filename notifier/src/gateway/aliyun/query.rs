//! QuerySendDetails: what became of the messages to one number on one day (help.aliyun.com, api-dysmsapi-2017-05-25).
//!
//! An entry names our OutId and not the BizId, so a question by BizId is answered by what it finds, and one without it only
//! by an entry with the reference that was told.

use async_trait::async_trait;
use mashang_domain::time::{HOUR, MINUTE, Timestamp};
use serde::Deserialize;
use serde_json::Value;

use super::client::Call;
use super::{AliyunSms, wire_number};
use crate::gateway::{Answer, Answering, Gateway, NoAnswer, Question};
use crate::receipt::{Receipt, beijing_time};

/// Entries on one page, the most there are.
const PAGE: &str = "50";
/// A message called so long before midnight may have been sent on the next day.
const MARGIN: i64 = 10 * MINUTE;

#[derive(Deserialize)]
struct Details {
    #[serde(rename = "SmsSendDetailDTOs", default)]
    all: Entries,
}

#[derive(Default, Deserialize)]
struct Entries {
    #[serde(rename = "SmsSendDetailDTO", default)]
    each: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    /// 1: waits for the receipt, 2: failed, 3: arrived.
    send_status: Value,
    err_code: Option<String>,
    out_id: Option<String>,
    receive_date: Option<String>,
}

impl Entry {
    /// Whether it may be the message that the question is about.
    fn answers(&self, question: &Question) -> bool {
        match self.out_id.as_deref() {
            Some(out_id) if !out_id.is_empty() => out_id == question.told,
            Some(_) | None => question.provider_id.is_some(),
        }
    }

    fn answer(self, gateway: &str, question: &Question) -> Answer {
        let delivered = match self.send_status.as_i64().or_else(|| self.send_status.as_str()?.parse().ok()) {
            Some(2) => false,
            Some(3) => true,
            Some(_) | None => return Answer::OnItsWay,
        };
        Answer::Receipt(Receipt {
            gateway: gateway.to_owned(),
            phone: Some(question.phone.clone()),
            provider_id: question.provider_id.clone().unwrap_or_default(),
            reference: Some(question.told.clone()),
            delivered,
            code: self.err_code.unwrap_or_default(),
            at: self.receive_date.as_deref().and_then(beijing_time),
            duration_s: None,
        })
    }
}

/// The days in Beijing on which it may have been sent.
fn days(sent_at: Timestamp) -> Vec<String> {
    let day = |at: Timestamp| (at + 8 * HOUR).to_chrono().format("%Y%m%d").to_string();
    let mut days = vec![day(sent_at), day(sent_at + MARGIN)];
    days.dedup();
    days
}

#[async_trait]
impl Answering for AliyunSms {
    async fn ask(&self, question: &Question) -> Result<Answer, NoAnswer> {
        for day in days(question.sent_at) {
            let mut query = vec![
                ("PhoneNumber", wire_number(question.phone.reveal())),
                ("SendDate", &day),
                ("PageSize", PAGE),
                ("CurrentPage", "1"),
            ];
            query.extend(question.provider_id.iter().map(|id| ("BizId", id.as_str())));
            let call = Call { action: "QuerySendDetails", query: &query, form: &[] };
            let details: Details = self.client.ask(call).await?;
            if let Some(entry) = details.all.each.into_iter().find(|entry| entry.answers(question)) {
                return Ok(entry.answer(self.name(), question));
            }
        }
        Ok(Answer::NotKnown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_one_in_beijing() {
        for (at, expected) in [
            ("2020-02-12T04:00:00Z", vec!["20200212"]),
            ("2020-02-11T16:00:00Z", vec!["20200212"]),
            ("2020-02-12T15:55:00Z", vec!["20200212", "20200213"]),
        ] {
            assert_eq!(days(Timestamp::parse(at).expect("a time")), expected, "{at}");
        }
    }
}
