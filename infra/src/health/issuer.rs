//! The keys that sign codes: made ahead of their time, published before they sign, replaced with an overlap.
//!
//! A key signs for `key_days`; the next one takes over an hour before its end, and is published a day before that (for short
//! lives: as soon as the present one begins). Whichever process comes first makes it; all read the table every few seconds,
//! and at once when a code names a key they have not seen.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use mashang_code_verify::{IssuerKey, KeyError, KeyId, KeySet, Purpose as CodePurpose, Verifier};
use mashang_domain::protection::audit::Purpose;
use mashang_domain::time::{DAY, HOUR, Timestamp};
use mashang_entity::code_key;
use rand::TryRng;
use sea_orm::DbErr;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::db::Db;
use crate::keys::{Field, KeyRing, SealError};
use crate::store::code_key as store;

/// Both keys sign for so long.
const OVERLAP: i64 = HOUR;
/// A key is published so long before it signs, where the lives of keys allow it.
const AHEAD: i64 = DAY;

/// Why codes cannot be signed or checked.
#[derive(Debug, thiserror::Error)]
pub enum IssuerError {
    #[error(transparent)]
    Database(#[from] DbErr),
    #[error(transparent)]
    Sealed(#[from] SealError),
    #[error("a key that signs codes is damaged: {0}")]
    Key(#[from] KeyError),
    #[error("the system's random source failed")]
    NoRandomness,
}

/// A public key as it is published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    pub number: u32,
    pub public_key: [u8; 32],
    pub signs_from: Timestamp,
    pub signs_until: Timestamp,
}

/// What a process holds of the table.
struct Held {
    signing: Vec<(Timestamp, Timestamp, IssuerKey)>,
    published: Vec<Published>,
    keys: KeySet,
}

/// Signs and checks codes. Clones share the keys.
#[derive(Clone)]
pub struct Issuer {
    db: Db,
    ring: Arc<KeyRing>,
    life: i64,
    held: Arc<RwLock<Arc<Held>>>,
    /// The second of the last refresh that a code asked for.
    asked: Arc<AtomicI64>,
}

impl Issuer {
    /// An issuer that holds nothing yet; see [`Issuer::refresh`].
    pub fn new(db: &Db, ring: &Arc<KeyRing>, key_days: i64) -> Self {
        let nothing = Held { signing: Vec::new(), published: Vec::new(), keys: KeySet::default() };
        let held = Arc::new(RwLock::new(Arc::new(nothing)));
        Self { db: db.clone(), ring: Arc::clone(ring), life: key_days * DAY, held, asked: Arc::default() }
    }

    /// Makes the keys that are due and reads the table.
    ///
    /// # Errors
    /// When the database is out of reach, or the keys of the operation were destroyed.
    pub async fn refresh(&self, now: Timestamp) -> Result<(), IssuerError> {
        let mut rows = store::all(self.db.conn()).await?;
        while let Some((number, from)) = due(&rows, self.life, now) {
            let tx = self.db.begin_write().await?;
            store::add(&*tx, self.fresh(number, from, now)?).await?;
            tx.commit().await?;
            rows = store::all(self.db.conn()).await?;
        }
        let held = self.held_of(&rows)?;
        *self.held.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(held);
        Ok(())
    }

    /// As [`Issuer::refresh`], at most once a second: codes that name no key of ours cost the database next to nothing.
    ///
    /// # Errors
    /// As [`Issuer::refresh`].
    pub async fn refresh_soon(&self, now: Timestamp) -> Result<(), IssuerError> {
        let second = now.secs();
        if self.asked.swap(second, Ordering::AcqRel) == second {
            return Ok(());
        }
        self.refresh(now).await
    }

    /// Takes the key that signs now out of use and puts another one in its place at once.
    ///
    /// # Errors
    /// As [`Issuer::refresh`].
    pub async fn replace(&self, number: u32, now: Timestamp) -> Result<bool, IssuerError> {
        let tx = self.db.begin_write().await?;
        let done = store::revoke(&*tx, i32::try_from(number).unwrap_or(i32::MAX), now).await?;
        tx.commit().await?;
        self.refresh(now).await?;
        Ok(done)
    }

    /// The key that signs at `now`, for `f`; none before the first refresh.
    pub fn with_key<T>(&self, now: Timestamp, f: impl FnOnce(&IssuerKey) -> T) -> Option<T> {
        let held = self.held();
        let mut fitting = held.signing.iter().filter(|(from, until, _)| *from <= now && now < *until);
        // The newest of those in use: a key that has just begun is published since long.
        fitting.next_back().map(|(_, _, key)| f(key))
    }

    /// What checks codes for these purposes, with an allowance of `skew` seconds between clocks.
    pub fn verifier(&self, accepted: &[CodePurpose], skew: u32) -> Verifier {
        Verifier::new(self.held().keys.clone(), accepted.iter().copied(), skew)
    }

    /// The public keys, those that are to sign next among them.
    pub fn published(&self) -> Vec<Published> {
        self.held().published.clone()
    }

    fn held(&self) -> Arc<Held> {
        Arc::clone(&self.held.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn fresh(&self, number: i32, from: Timestamp, now: Timestamp) -> Result<code_key::Model, IssuerError> {
        let mut seed = Zeroizing::new([0u8; 32]);
        rand::rngs::SysRng.try_fill_bytes(seed.as_mut_slice()).map_err(|_| IssuerError::NoRandomness)?;
        let row_id = Uuid::now_v7();
        let key = IssuerKey::new(id_of(number), &seed);
        Ok(code_key::Model {
            number,
            row_id,
            seed_sealed: self.ring.seal(Field::CodeKey, row_id, seed.as_slice())?,
            key_version: self.ring.current_version(),
            public_key: key.public_bytes().to_vec(),
            signs_from: from,
            signs_until: from + self.life,
            revoked_at: None,
            created_at: now,
        })
    }

    fn held_of(&self, rows: &[code_key::Model]) -> Result<Held, IssuerError> {
        let (mut signing, mut published, mut keys) = (Vec::new(), Vec::new(), Vec::new());
        for row in rows.iter().filter(|row| row.revoked_at.is_none()) {
            let seed = Field::CodeKey;
            let purpose = Purpose::HealthCode;
            let seed = self.ring.open_sealed(seed, row.row_id, row.key_version, &row.seed_sealed, purpose)?;
            let seed = Zeroizing::new(seed);
            let seed: &[u8; 32] = seed.as_slice().try_into().map_err(|_| SealError::Broken)?;
            let key = IssuerKey::new(id_of(row.number), seed);
            keys.push(key.public(seconds(row.signs_from)..seconds(row.signs_until))?);
            published.push(Published {
                number: id_of(row.number).0,
                public_key: key.public_bytes(),
                signs_from: row.signs_from,
                signs_until: row.signs_until,
            });
            signing.push((row.signs_from, row.signs_until, key));
        }
        signing.sort_by_key(|(from, _, _)| *from);
        Ok(Held { signing, published, keys: KeySet::new(keys)? })
    }
}

/// The number of the next key and from when it signs, when it is time to make it.
fn due(rows: &[code_key::Model], life: i64, now: Timestamp) -> Option<(i32, Timestamp)> {
    let number = rows.iter().map(|row| row.number).max().unwrap_or(0).saturating_add(1);
    let valid = || rows.iter().filter(|row| row.revoked_at.is_none());
    let signs_now = valid().any(|row| row.signs_from <= now && now < row.signs_until);
    if !signs_now {
        return Some((number, now.floor_to_second()));
    }
    let last = valid().map(|row| row.signs_until).max()?;
    let ahead = AHEAD.min(life - 2 * OVERLAP).max(0);
    (now >= last - OVERLAP - ahead).then(|| (number, last - OVERLAP))
}

fn id_of(number: i32) -> KeyId {
    KeyId(u32::try_from(number).unwrap_or(0))
}

fn seconds(at: Timestamp) -> u32 {
    u32::try_from(at.secs()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIFE: i64 = 7 * DAY;

    fn key(number: i32, from: i64, revoked: bool) -> code_key::Model {
        code_key::Model {
            number,
            row_id: Uuid::nil(),
            seed_sealed: Vec::new(),
            key_version: 1,
            public_key: Vec::new(),
            signs_from: Timestamp(from),
            signs_until: Timestamp(from + LIFE),
            revoked_at: revoked.then_some(Timestamp(from)),
            created_at: Timestamp(from),
        }
    }

    #[test]
    fn there_is_always_a_key_and_the_next_is_known_a_day_ahead() {
        let now = Timestamp(100 * DAY);
        assert_eq!(due(&[], LIFE, now), Some((1, now)));
        let first = key(1, now.millis(), false);
        let next = now + LIFE - OVERLAP;
        assert_eq!(due(std::slice::from_ref(&first), LIFE, next - AHEAD - 1), None);
        assert_eq!(due(std::slice::from_ref(&first), LIFE, next - AHEAD), Some((2, next)));
        let both = [first, key(2, next.millis(), false)];
        assert_eq!(due(&both, LIFE, now + LIFE), None);
        assert_eq!(due(&both, LIFE, now + 30 * DAY), Some((3, now + 30 * DAY)), "after a long sleep");
        let revoked = key(1, now.millis(), true);
        assert_eq!(due(std::slice::from_ref(&revoked), LIFE, now + 1), Some((2, now)), "at once");
    }

    #[test]
    fn days_that_are_as_short_as_they_may_be() {
        let now = Timestamp(100 * DAY);
        let first = key(1, now.millis(), false);
        let short = code_key::Model { signs_until: now + DAY, ..first };
        let next = now + DAY - OVERLAP;
        assert_eq!(due(std::slice::from_ref(&short), DAY, now + OVERLAP), Some((2, next)));
    }
}
