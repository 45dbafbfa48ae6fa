//! Social-security cards: the same envelope, with fields of our own (docs/health-code.md) that an office's adapter serves.

use std::collections::BTreeMap;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use mashang_domain::time::Timestamp;

use super::envelope::{Envelope, text};
use super::{Card, CardFailure, CardPlatform, Linked};

const LINK: &str = "/cards/link";
const VERIFY: &str = "/cards/verify";

pub(super) struct SocialSecurity(pub(super) Envelope);

impl CardPlatform for SocialSecurity {
    fn link<'a>(&'a self, code: &'a str, now: Timestamp) -> BoxFuture<'a, Result<Linked, CardFailure>> {
        async move {
            let rsp = self.0.ask(LINK, &BTreeMap::from([("linkCode", code)]), now).await?;
            let reference = text(&rsp, "cardId").ok_or(CardFailure::Away)?;
            Ok(Linked { card: Card { reference, proof: None }, holder: text(&rsp, "idNumber") })
        }
        .boxed()
    }

    fn verify<'a>(&'a self, card: &'a Card, now: Timestamp) -> BoxFuture<'a, Result<bool, CardFailure>> {
        async move {
            match self.0.ask(VERIFY, &BTreeMap::from([("cardId", card.reference.as_str())]), now).await {
                Ok(_) => Ok(true),
                Err(CardFailure::Refused) => Ok(false),
                Err(CardFailure::Away) => Err(CardFailure::Away),
            }
        }
        .boxed()
    }
}
