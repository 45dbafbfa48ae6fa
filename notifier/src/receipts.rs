//! Receipts that were read and believed, on their way to the deliveries they speak of.

use mashang_infra::store;
use mashang_infra::store::delivery::{Match, ReceiptRow, Received, Took};
use sea_orm::DbErr;
use uuid::Uuid;

use crate::gateway::ReceiptMatch;
use crate::plan::channel_word;
use crate::receipt::Receipt;
use crate::service::Core;

/// Receipts that are applied in one transaction.
const AT_ONCE: usize = 500;

/// Applies receipts. Harmless twice, in any order, and for attempts that are not ours.
pub async fn apply(core: &Core, receipts: &[Receipt]) -> Result<Received, DbErr> {
    let mut all = Received::default();
    for part in receipts.chunks(AT_ONCE) {
        let rows: Vec<ReceiptRow> = part.iter().filter_map(|r| row(core, r)).collect();
        all.strangers += part.len() - rows.len();
        let tx = core.db.begin_write().await?;
        let received = store::delivery::apply_receipts(&*tx, &rows, core.clock.now()).await?;
        tx.commit().await?;
        all.applied += received.applied;
        all.repeated += received.repeated;
        all.strangers += received.strangers;
        all.arrived.extend(received.arrived);
    }
    observe(core, &all.arrived).await;
    for (result, n) in [("applied", all.applied), ("repeated", all.repeated), ("strange", all.strangers)] {
        metrics::counter!("mashang_receipts_total", "result" => result).increment(n as u64);
    }
    Ok(all)
}

/// The figures of what arrived; nothing depends on them.
async fn observe(core: &Core, arrived: &[Uuid]) {
    let took = match store::delivery::took(core.db.conn(), arrived).await {
        Ok(took) => took,
        Err(error) => return tracing::debug!(%error, "how long deliveries took is not known"),
    };
    for Took { channel, since_decided, since_accepted } in took {
        let channel = channel_word(channel);
        metrics::histogram!("mashang_alert_delivered_seconds", "channel" => channel)
            .record(seconds(since_decided));
        metrics::histogram!("mashang_receipt_seconds", "channel" => channel).record(seconds(since_accepted));
    }
}

#[expect(clippy::cast_precision_loss, reason = "seconds of some days")]
fn seconds(millis: i64) -> f64 {
    millis.max(0) as f64 / 1_000.0
}

fn row(core: &Core, receipt: &Receipt) -> Option<ReceiptRow> {
    let by = match core.router.by_name(&receipt.gateway)?.gateway.terms().receipt_match {
        ReceiptMatch::ProviderIdAndPhone => Match::WithPhone,
        ReceiptMatch::Reference => Match::Reference,
        ReceiptMatch::Never => return None,
    };
    Some(ReceiptRow {
        gateway: receipt.gateway.clone(),
        by,
        phone_hash: receipt.phone.as_ref().map(|phone| core.keys.phone_hash(phone)),
        provider_id: receipt.provider_id.clone(),
        reference: receipt.reference.clone(),
        delivered: receipt.delivered,
        code: receipt.code.clone(),
    })
}
