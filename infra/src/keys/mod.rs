//! The key ring: it lives outside the database, so that a stolen dump gives no number and destroying the ring destroys
//! the data.
//!
//! ```toml
//! [index]            # keyed hashes for look-up; one, for its hashes are stored
//! secret = "..."     # 32 bytes, base64
//! [[seal]]           # sealing; the highest version seals, all open
//! version = 1
//! secret = "..."
//! [[venue_code]]     # check part of printed codes; the highest version signs, all verify (0-15)
//! version = 1
//! secret = "..."
//! [signing]          # Ed25519 seed of certificates
//! secret = "..."
//! ```
//! Each use derives its own key by HKDF-SHA-256 with a label, so that no key serves two purposes.
//!
//! The end of the operation destroys all but the signing key (see [`destroy`]): the file then holds `[destroyed]` with
//! fingerprints, and every process that has the ring open refuses within a second.

mod code_id;
mod destroy;
mod file;
mod hash;
mod seal;

pub use file::{KeyFileError, KeyFileSecrets};
pub use hash::{Label, token_hash};
pub use seal::{Field, SealError};

use std::path::Path;
use std::sync::{PoisonError, RwLock};

use ed25519_dalek::SigningKey;
use hkdf::Hkdf;
use mashang_domain::venue::code;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

type Key = Zeroizing<[u8; 32]>;

/// All keys, derived and ready. `Debug` shows fingerprints only.
pub struct KeyRing {
    /// `None` once they were destroyed.
    data: RwLock<Option<DataKeys>>,
    venue_codes: Vec<(u8, Key)>,
    signing: SigningKey,
    /// The file, looked at again and again for its destruction; none for a ring made of secrets alone.
    file: Option<destroy::WatchedFile>,
}

/// The keys that make people's data readable.
struct DataKeys {
    seal: Vec<(i32, Key)>,
    index: Key,
    login: Key,
    /// Enciphers what signed codes carry.
    code: Key,
}

impl KeyRing {
    /// Reads the ring. In development a missing file is made; in production it is refused.
    pub fn open(path: &Path, create: bool) -> Result<Self, KeyFileError> {
        let secrets = if path.exists() {
            KeyFileSecrets::read(path)?
        } else if create {
            KeyFileSecrets::create(path)?
        } else {
            return Err(KeyFileError::Missing(path.to_owned()));
        };
        Ok(Self { file: Some(destroy::WatchedFile::new(path)), ..Self::from_secrets(&secrets) })
    }

    /// A ring that no file backs.
    pub fn from_secrets(secrets: &KeyFileSecrets) -> Self {
        let mut seal: Vec<(i32, Key)> =
            secrets.seal.iter().map(|(v, s)| (*v, derive(s, "mashang/seal"))).collect();
        seal.sort_by_key(|(v, _)| *v);
        let mut venue_codes: Vec<(u8, Key)> =
            secrets.venue_code.iter().map(|(v, s)| (*v, derive(s, "mashang/venue-code"))).collect();
        venue_codes.sort_by_key(|(v, _)| *v);
        let data = DataKeys {
            seal,
            index: derive(&secrets.index, "mashang/index"),
            login: derive(&secrets.index, "mashang/login-code"),
            code: derive(&secrets.index, "mashang/code-id"),
        };
        Self {
            data: RwLock::new(secrets.destroyed.is_none().then_some(data)),
            venue_codes,
            signing: SigningKey::from_bytes(&derive(&secrets.signing, "mashang/signing")),
            file: None,
        }
    }

    /// Runs `f` on the keys, unless they were destroyed.
    fn with_data<T>(&self, f: impl FnOnce(&DataKeys) -> T) -> Option<T> {
        self.look_at_file();
        self.data.read().unwrap_or_else(PoisonError::into_inner).as_ref().map(f)
    }

    /// The version that seals now; stored beside every sealed value.
    pub fn current_version(&self) -> i32 {
        self.with_data(|d| d.seal.last().map_or(0, |(v, _)| *v)).unwrap_or(0)
    }

    /// The secret that login codes are derived from; a random one when the keys were destroyed.
    pub fn login_key(&self) -> Zeroizing<[u8; 32]> {
        self.with_data(|d| d.login.clone()).unwrap_or_else(|| Zeroizing::new(rand::random()))
    }

    /// The token of a printed code.
    pub fn venue_token(&self, number: i64) -> String {
        self.venue_codes.last().map_or_else(String::new, |(v, k)| code::printed(number, *v, k))
    }

    /// The token a screen shows now.
    pub fn screen_token(&self, number: i64, now: mashang_domain::time::Timestamp) -> String {
        self.venue_codes.last().map_or_else(String::new, |(v, k)| code::on_screen(number, *v, k, now))
    }

    /// The number of a token whose check part is right.
    pub fn verify_venue_token(
        &self,
        token: &str,
        at: mashang_domain::time::Timestamp,
        grace_minutes: i64,
    ) -> Result<i64, code::CodeError> {
        let parsed = code::parse(token)?;
        let key = self.venue_codes.iter().find(|(v, _)| *v == parsed.key_version);
        key.ok_or(code::CodeError::Forged).and_then(|(_, k)| parsed.verify(k, at, grace_minutes))
    }

    /// Signs certificates.
    pub fn signing_key(&self) -> &SigningKey {
        &self.signing
    }

    /// Short fingerprints of all keys, for start-up logs and certificates.
    pub fn fingerprints(&self) -> Vec<String> {
        let signing = format!("signing:{}", fingerprint(self.signing.verifying_key().as_bytes()));
        self.destructible_fingerprints().into_iter().chain([signing]).collect()
    }

    /// Fingerprints of the keys that the end of the operation destroys.
    pub fn destructible_fingerprints(&self) -> Vec<String> {
        let data = self.with_data(|d| {
            let seal = d.seal.iter().map(|(v, k)| format!("seal-{v}:{}", fingerprint(k.as_slice())));
            seal.chain([format!("index:{}", fingerprint(d.index.as_slice()))]).collect::<Vec<_>>()
        });
        let codes =
            self.venue_codes.iter().map(|(v, k)| format!("venue-code-{v}:{}", fingerprint(k.as_slice())));
        data.into_iter().flatten().chain(codes).collect()
    }
}

impl std::fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("KeyRing").field(&self.fingerprints()).finish()
    }
}

fn derive(secret: &[u8; 32], label: &str) -> Key {
    let mut out = Zeroizing::new([0; 32]);
    // 32 bytes is far below HKDF's bound of 255 blocks, so expansion cannot fail.
    let _ = Hkdf::<Sha256>::new(None, secret).expand(label.as_bytes(), out.as_mut_slice());
    out
}

fn fingerprint(key: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(&Sha256::digest([b"fingerprint".as_slice(), key].concat())[..4])
}
