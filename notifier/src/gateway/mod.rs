//! Gateways: the roads out of the system, all behind one small trait.
//!
//! The dispatcher hands a gateway a [`Batch`] of people who get the same template and reads back one [`Outcome`] for each.
//! A gateway signs, sends once, and translates; it never retries, sleeps or logs: that is the dispatcher's, who knows the
//! queue, and who gives [`Turns`] to those that need several calls. Each provider has one file; [`registry::build`] makes them from the settings.

mod account;
pub mod aliyun;
mod apart;
mod asking;
mod batch;
pub(crate) mod caps;
mod digest;
pub mod email;
pub mod form;
pub mod http;
pub mod huawei;
pub mod log;
pub mod registry;
mod site;
pub mod tencent;
mod terms;
mod turns;
pub mod twilio;
pub mod webhook;
pub mod wechat;

use std::fmt;

use async_trait::async_trait;
use mashang_domain::delivery::{Channel, Outcome};

pub use asking::{Answer, Answering, NoAnswer, Question};
pub use batch::{Batch, MAX_REFERENCE, Recipient, TemplateKey};
pub use log::LogGateway;
pub use registry::{BuildError, build};
pub use site::{Now, Site, machine_time};
pub use terms::{ReceiptMatch, Terms};
pub(crate) use turns::is_no_turn;
pub use turns::{AtOnce, Turns};

/// One provider account on one channel.
#[async_trait]
pub trait Gateway: Send + Sync {
    fn terms(&self) -> &Terms;

    fn name(&self) -> &str {
        &self.terms().name
    }

    fn channel(&self) -> Channel {
        self.terms().channel
    }

    /// The reference that the provider will be told for each recipient, in their order. Providers take one reference per
    /// call, so recipients of one call share that of its first. Pure: to be stored before [`Gateway::send`], because it is
    /// what a receipt can be found by when the answer was lost.
    fn sent_references(&self, batch: &Batch) -> Vec<String> {
        batch.recipients.iter().map(|r| r.reference.clone()).collect()
    }

    /// Sends, once, and says what came of it: one outcome per recipient, in their order.
    async fn send(&self, batch: &Batch) -> Vec<Outcome>;

    /// As [`Gateway::send`], for those whose hand-over may take several calls: each beyond the first waits for its turn, and
    /// who gets none is as if never handed over.
    async fn send_in_turn(&self, batch: &Batch, _turns: &dyn Turns) -> Vec<Outcome> {
        self.send(batch).await
    }

    /// The provider as one that can be asked what became of a message; `None` where it cannot.
    fn as_answering(&self) -> Option<&dyn Answering> {
        None
    }

    /// The messages of a log gateway, for tests and demonstrations; `None` for all others.
    fn as_log(&self) -> Option<&LogGateway> {
        None
    }
}

/// Its name and channel only: nothing of an account is printed by accident.
impl fmt::Debug for dyn Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Gateway");
        shown.field("name", &self.name()).field("channel", &self.channel()).finish_non_exhaustive()
    }
}
