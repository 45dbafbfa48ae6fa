//! Platforms of other cards, behind one interface: a one-time code is traded for a reference, a reference is verified.
//!
//! The person gets the code at the platform and hands it to us; we ask the platform from server to server. Nothing that is
//! sent or answered is logged.

mod e_health;
mod envelope;
mod social_security;

use futures_util::future::BoxFuture;
use mashang_config as config;
use mashang_domain::person::CardKind;
use mashang_domain::time::Timestamp;
use serde::{Deserialize, Serialize};

use e_health::EHealth;
use envelope::Envelope;
use social_security::SocialSecurity;

/// A card at its platform. `Debug` shows nothing of it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Card {
    /// What offices know the card by.
    pub reference: String,
    /// What the platform wants to verify it, where that is something else.
    pub proof: Option<String>,
}

impl std::fmt::Debug for Card {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Card")
    }
}

/// A card, and the number of the identity document of its holder.
pub struct Linked {
    pub card: Card,
    pub holder: Option<String>,
}

/// Why a platform did not do what it was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CardFailure {
    /// It said no: the code or the card is unknown, used or expired.
    Refused,
    /// It could not be reached in time, or said nothing that can be read.
    Away,
}

/// A platform of cards.
pub trait CardPlatform: Send + Sync {
    /// Trades a one-time code for the card.
    fn link<'a>(&'a self, code: &'a str, now: Timestamp) -> BoxFuture<'a, Result<Linked, CardFailure>>;

    /// Whether the card is good now.
    fn verify<'a>(&'a self, card: &'a Card, now: Timestamp) -> BoxFuture<'a, Result<bool, CardFailure>>;
}

/// The platforms that the settings name.
pub struct Cards {
    e_health: Option<EHealth>,
    social_security: Option<SocialSecurity>,
}

impl Cards {
    /// # Errors
    /// When no HTTP client can be made.
    pub fn new(settings: &config::Cards) -> reqwest::Result<Self> {
        let envelope = |platform: &config::CardPlatform| {
            platform.is_on().then(|| Envelope::new(settings, platform)).transpose()
        };
        Ok(Self {
            e_health: envelope(&settings.e_health)?.map(EHealth),
            social_security: envelope(&settings.social_security)?.map(SocialSecurity),
        })
    }

    /// The platform of this kind, where there is one.
    pub fn platform(&self, kind: CardKind) -> Option<&dyn CardPlatform> {
        match kind {
            CardKind::EHealth => self.e_health.as_ref().map(|platform| platform as &dyn CardPlatform),
            CardKind::SocialSecurity => {
                self.social_security.as_ref().map(|platform| platform as &dyn CardPlatform)
            }
        }
    }
}
