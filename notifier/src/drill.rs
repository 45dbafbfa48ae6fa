//! The gateways of a drill: they take everything and send nothing. No drill ever sees another one.

use async_trait::async_trait;
use mashang_domain::delivery::{Channel, Outcome};

use crate::gateway::{Batch, Gateway, Terms};

/// A stub on one channel.
pub struct DrillGateway {
    terms: Terms,
}

impl DrillGateway {
    pub fn new(channel: Channel) -> Self {
        Self { terms: Terms { max_batch: 1_000, ..Terms::stub(format!("drill-{channel}"), channel) } }
    }
}

#[async_trait]
impl Gateway for DrillGateway {
    fn terms(&self) -> &Terms {
        &self.terms
    }

    async fn send(&self, batch: &Batch) -> Vec<Outcome> {
        let taken = |reference: &String| Outcome::Accepted { provider_id: format!("drill-{reference}") };
        batch.recipients.iter().map(|r| taken(&r.reference)).collect()
    }
}
