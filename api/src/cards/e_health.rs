//! Electronic health cards, as the open platform of that card speaks.

use std::collections::BTreeMap;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use mashang_domain::time::Timestamp;

use super::envelope::{Envelope, text};
use super::{Card, CardFailure, CardPlatform, Linked};

const BY_CODE: &str = "/rest/auth/HealthCard/HealthOpenPlatform/ISVOpenObj/getHealthCardByHealthCode";
const VERIFY: &str = "/rest/auth/HealthCard/HealthOpenPlatform/ISVOpenObj/verifyQRCode";

pub(super) struct EHealth(pub(super) Envelope);

impl CardPlatform for EHealth {
    fn link<'a>(&'a self, code: &'a str, now: Timestamp) -> BoxFuture<'a, Result<Linked, CardFailure>> {
        async move {
            let rsp = self.0.ask(BY_CODE, &BTreeMap::from([("healthCode", code)]), now).await?;
            let card = &rsp["card"];
            let reference = text(card, "healthCardId").ok_or(CardFailure::Away)?;
            let holder = text(card, "idNumber");
            Ok(Linked { card: Card { reference, proof: text(card, "qrCodeText") }, holder })
        }
        .boxed()
    }

    fn verify<'a>(&'a self, card: &'a Card, now: Timestamp) -> BoxFuture<'a, Result<bool, CardFailure>> {
        async move {
            let Some(qr) = &card.proof else { return Ok(false) };
            match self.0.ask(VERIFY, &BTreeMap::from([("qrCodeText", qr.as_str())]), now).await {
                Ok(rsp) => Ok(text(&rsp["card"], "healthCardId").is_none_or(|id| id == card.reference)),
                Err(CardFailure::Refused) => Ok(false),
                Err(CardFailure::Away) => Err(CardFailure::Away),
            }
        }
        .boxed()
    }
}
