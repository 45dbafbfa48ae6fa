//! Receipts that were read and believed, on their way to the deliveries they speak of.

use mashang_infra::store;
use mashang_infra::store::delivery::{Match, ReceiptRow, Received};
use sea_orm::DbErr;

use crate::gateway::ReceiptMatch;
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
    }
    for (result, n) in [("applied", all.applied), ("repeated", all.repeated), ("strange", all.strangers)] {
        metrics::counter!("mashang_receipts_total", "result" => result).increment(n as u64);
    }
    Ok(all)
}

fn row(core: &Core, receipt: &Receipt) -> Option<ReceiptRow> {
    let by = match core.router.by_name(&receipt.gateway)?.gateway.receipt_match() {
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
