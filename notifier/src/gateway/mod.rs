//! Gateways: the roads out of the system, all behind one small trait.
//!
//! The dispatcher hands a gateway a [`Batch`] of people who get the same template and reads back one [`Outcome`] for each.
//! A gateway signs, sends once, and translates; it never retries, sleeps or logs: that is the dispatcher's, who knows the
//! queue. Each provider has one file; [`registry::build`] makes them from the settings.

mod account;
pub mod aliyun;
mod apart;
mod asking;
mod batch;
mod digest;
pub mod email;
pub mod form;
pub mod http;
pub mod huawei;
pub mod log;
pub mod registry;
mod site;
pub mod tencent;
pub mod twilio;
pub mod webhook;

use std::fmt::Debug;

use async_trait::async_trait;
use mashang_domain::delivery::{Channel, Outcome};

pub use asking::{Answer, Answering, NoAnswer, Question};
pub use batch::{Batch, MAX_REFERENCE, Recipient, TemplateKey};
pub use log::LogGateway;
pub use registry::{BuildError, build};
pub use site::{Now, Site, machine_time};

/// One provider account on one channel.
#[async_trait]
pub trait Gateway: Debug + Send + Sync {
    /// The name in the settings, unique among gateways.
    fn name(&self) -> &str;

    fn channel(&self) -> Channel;

    /// How many recipients the dispatcher should hand over at a time. A longer batch is sent in several calls.
    fn max_batch(&self) -> usize;

    /// Whether recipients of one batch may have different variables.
    fn per_recipient_variables(&self) -> bool;

    /// Calls a second that the dispatcher may make; one call carries up to [`Gateway::max_batch`] recipients.
    fn rate_per_second(&self) -> u32;

    /// Whether a resend under the same reference is harmless, so that an unknown outcome may be resent at once.
    fn idempotent(&self) -> bool;

    /// How a receipt of this gateway finds its attempt.
    fn receipt_match(&self) -> ReceiptMatch;

    /// The reference that the provider will be told for each recipient, in their order. Providers take one reference per
    /// call, so recipients of one call share that of its first. Pure: to be stored before [`Gateway::send`], because it is
    /// what a receipt can be found by when the answer was lost.
    fn sent_references(&self, batch: &Batch) -> Vec<String> {
        batch.recipients.iter().map(|r| r.reference.clone()).collect()
    }

    /// Sends, once, and says what came of it: one outcome per recipient, in their order.
    async fn send(&self, batch: &Batch) -> Vec<Outcome>;

    /// The provider as one that can be asked what became of a message; `None` where it cannot.
    fn as_answering(&self) -> Option<&dyn Answering> {
        None
    }

    /// The messages of a log gateway, for tests and demonstrations; `None` for all others.
    fn as_log(&self) -> Option<&LogGateway> {
        None
    }
}

/// What identifies the attempt a receipt speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReceiptMatch {
    /// The provider's id is shared by a whole call: match (provider id, phone). For an attempt whose answer was lost there
    /// is no provider id: match (reference, phone), where the reference of the receipt is the attempt's own or its
    /// [`Gateway::sent_references`].
    ProviderIdAndPhone,
    /// The receipt names the attempt's own reference; the provider's id is per person as well.
    Reference,
    /// No receipts come.
    Never,
}
