//! PullSmsSendStatusByPhoneNumber: how the messages to one number ended; and PullSmsSendStatus: the receipts that the
//! provider keeps for whoever fetches them, which it has to have opened for the account.
//!
//! Only what has ended is answered. An entry names its SerialNo and, for accounts that asked for it, our SessionContext.

use async_trait::async_trait;
use mashang_domain::person::Phone;
use mashang_domain::time::{MINUTE, Timestamp};
use serde::{Deserialize, Serialize};

use super::TencentSms;
use crate::gateway::{Answer, Answering, Gateway, NoAnswer, Question};
use crate::receipt::Receipt;

/// Entries in one answer, the most there are.
const LIMIT: u32 = 100;
/// Our clock and the provider's may differ.
const MARGIN: i64 = 5 * MINUTE;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ByNumber<'a> {
    begin_time: i64,
    offset: u32,
    limit: u32,
    phone_number: &'a str,
    sms_sdk_app_id: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Any<'a> {
    limit: u32,
    sms_sdk_app_id: &'a str,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Pulled {
    pull_sms_send_status_set: Vec<Ended>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Ended {
    user_receive_time: Option<i64>,
    phone_number: String,
    serial_no: String,
    report_status: String,
    description: Option<String>,
    session_context: Option<String>,
}

impl Ended {
    fn answers(&self, question: &Question) -> bool {
        match &question.provider_id {
            Some(id) => *id == self.serial_no,
            None => self.session_context.as_ref() == Some(&question.told),
        }
    }

    fn receipt(self, gateway: &str) -> Receipt {
        // The description is a code of the carrier or a sentence; only a code is kept.
        let is_code =
            |text: &String| (1..=32).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
        Receipt {
            gateway: gateway.to_owned(),
            phone: Phone::parse(&self.phone_number).ok(),
            provider_id: self.serial_no,
            reference: self.session_context.filter(|context| !context.is_empty()),
            delivered: self.report_status == "SUCCESS",
            code: self.description.filter(is_code).unwrap_or(self.report_status),
            at: self.user_receive_time.filter(|at| *at > 0).map(Timestamp::from_secs),
            duration_s: None,
        }
    }
}

#[async_trait]
impl Answering for TencentSms {
    async fn ask(&self, question: &Question) -> Result<Answer, NoAnswer> {
        let body = ByNumber {
            begin_time: (question.sent_at - MARGIN).secs(),
            offset: 0,
            limit: LIMIT,
            phone_number: question.phone.reveal(),
            sms_sdk_app_id: &self.client.app_id,
        };
        let pulled: Pulled = self.client.call("PullSmsSendStatusByPhoneNumber", &body).await?;
        let found = pulled.pull_sms_send_status_set.into_iter().find(|ended| ended.answers(question));
        Ok(found.map_or(Answer::NotKnown, |ended| Answer::Receipt(ended.receipt(self.name()))))
    }

    async fn fetch(&self) -> Result<Vec<Receipt>, NoAnswer> {
        if !self.fetches {
            return Ok(Vec::new());
        }
        let body = Any { limit: LIMIT, sms_sdk_app_id: &self.client.app_id };
        let pulled: Pulled = self.client.call("PullSmsSendStatus", &body).await?;
        Ok(pulled.pull_sms_send_status_set.into_iter().map(|ended| ended.receipt(self.name())).collect())
    }
}
