//! Sealing: AES-256-GCM-SIV with the place of the value as associated data, so that a ciphertext moved to another row
//! or column does not open.
//!
//! Layout: 12 bytes of random nonce, then the ciphertext with its tag; the key version stands in its own column.

use aes_gcm_siv::aead::{Aead, KeyInit, Payload};
use aes_gcm_siv::{Aes256GcmSiv, Nonce};
use mashang_domain::person::{Email, Phone};
use mashang_domain::protection::audit::Purpose;
use rand::TryRng;
use uuid::Uuid;

use super::KeyRing;
use crate::bugs::{self, Bug};

/// The column a sealed value stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    PersonPhone,
    LoginPhone,
    VenueContact,
    CaseNote,
    StaffTotp,
    StaffEmail,
    IdempotentAnswer,
    AccountOpenId,
    BindingOpenId,
    PlatformToken,
    Declaration,
    CheckIn,
    /// Document and note of a change by hand.
    ColourChange,
    /// What a citizen writes in an appeal.
    Appeal,
    /// What an official answers.
    AppealAnswer,
    HealthRecord,
    CodeKey,
    Trip,
    CardLink,
}

impl Field {
    const fn name(self) -> &'static str {
        match self {
            Field::PersonPhone => "person.phone",
            Field::LoginPhone => "login_code.phone",
            Field::VenueContact => "venue.contact",
            Field::CaseNote => "infection_case.note",
            Field::StaffTotp => "staff.totp",
            Field::StaffEmail => "staff.email",
            Field::IdempotentAnswer => "idempotency.response",
            Field::AccountOpenId => "platform_account.open_id",
            Field::BindingOpenId => "platform_binding.open_id",
            Field::PlatformToken => "platform_token.token",
            Field::Declaration => "declaration.sealed",
            Field::CheckIn => "check_in.sealed",
            Field::ColourChange => "colour_change.sealed",
            Field::Appeal => "appeal.sealed",
            Field::AppealAnswer => "appeal.answer",
            Field::HealthRecord => "health_record.sealed",
            Field::CodeKey => "code_key.seed",
            Field::Trip => "trip.sealed",
            Field::CardLink => "card_link.sealed",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    #[error("no key of version {0} in the ring")]
    NoKey(i32),
    #[error("the sealed value does not open: it was changed or moved")]
    Broken,
    #[error("the system's random source failed")]
    NoRandomness,
    #[error("the keys were destroyed when the operation ended")]
    Destroyed,
}

impl KeyRing {
    /// Seals a value for one column of one row with the current key.
    pub fn seal(&self, field: Field, row: Uuid, value: &[u8]) -> Result<Vec<u8>, SealError> {
        let mut nonce = [0u8; 12];
        rand::rngs::SysRng.try_fill_bytes(&mut nonce).map_err(|_| SealError::NoRandomness)?;
        let payload = Payload { msg: value, aad: &place(field, row) };
        let sealed = self.cipher(self.current_version())?.encrypt(&Nonce::from(nonce), payload);
        let mut out = nonce.to_vec();
        out.extend(sealed.map_err(|_| SealError::Broken)?);
        Ok(out)
    }

    /// Opens a sealed value. Every opening has a purpose, counted in `mashang_unseal_total`.
    pub fn open_sealed(
        &self,
        field: Field,
        row: Uuid,
        version: i32,
        sealed: &[u8],
        purpose: Purpose,
    ) -> Result<Vec<u8>, SealError> {
        metrics::counter!("mashang_unseal_total", "field" => field.name(), "purpose" => purpose.as_str())
            .increment(1);
        let (nonce, body) = sealed.split_first_chunk::<12>().ok_or(SealError::Broken)?;
        let payload = Payload { msg: body, aad: &place(field, row) };
        self.cipher(version)?.decrypt(&Nonce::from(*nonce), payload).map_err(|_| SealError::Broken)
    }

    pub fn seal_phone(&self, field: Field, row: Uuid, phone: &Phone) -> Result<Vec<u8>, SealError> {
        self.seal(field, row, phone.reveal().as_bytes())
    }

    pub fn open_phone(
        &self,
        field: Field,
        row: Uuid,
        version: i32,
        sealed: &[u8],
        purpose: Purpose,
    ) -> Result<Phone, SealError> {
        let bytes = self.open_sealed(field, row, version, sealed, purpose)?;
        String::from_utf8(bytes).ok().and_then(Phone::from_stored).ok_or(SealError::Broken)
    }

    /// Seals the address of a member of staff.
    pub fn seal_email(&self, staff: Uuid, email: &Email) -> Result<Vec<u8>, SealError> {
        self.seal(Field::StaffEmail, staff, email.reveal().as_bytes())
    }

    pub fn open_email(
        &self,
        staff: Uuid,
        version: i32,
        sealed: &[u8],
        purpose: Purpose,
    ) -> Result<Email, SealError> {
        let bytes = self.open_sealed(Field::StaffEmail, staff, version, sealed, purpose)?;
        String::from_utf8(bytes).ok().and_then(|text| Email::parse(&text).ok()).ok_or(SealError::Broken)
    }

    fn cipher(&self, version: i32) -> Result<Aes256GcmSiv, SealError> {
        let cipher = self.with_data(|d| {
            let key = d.seal.iter().find(|(v, _)| *v == version).ok_or(SealError::NoKey(version))?;
            Aes256GcmSiv::new_from_slice(key.1.as_slice()).map_err(|_| SealError::NoKey(version))
        });
        cipher.unwrap_or(Err(SealError::Destroyed))
    }
}

fn place(field: Field, row: Uuid) -> Vec<u8> {
    if bugs::has(Bug::NoPlace) {
        return Vec::new();
    }
    [field.name().as_bytes(), b"\0", row.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::KeyFileSecrets;

    fn ring() -> KeyRing {
        let dir = tempfile::tempdir().expect("dir");
        KeyRing::from_secrets(&KeyFileSecrets::create(&dir.path().join("k.toml")).expect("made"))
    }

    #[test]
    fn a_sealed_phone_opens_in_its_place_only() {
        let (ring, phone) = (ring(), Phone::parse("13800138000").expect("parses"));
        let (a, b) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let sealed = ring.seal_phone(Field::PersonPhone, a, &phone).expect("sealed");
        let open = |field, row, sealed: &[u8]| ring.open_phone(field, row, 1, sealed, Purpose::Alert);
        assert_eq!(open(Field::PersonPhone, a, &sealed), Ok(phone.clone()));
        assert_eq!(open(Field::PersonPhone, b, &sealed), Err(SealError::Broken));
        assert_eq!(open(Field::LoginPhone, a, &sealed), Err(SealError::Broken));
        let mut bent = sealed.clone();
        bent[20] ^= 1;
        assert_eq!(open(Field::PersonPhone, a, &bent), Err(SealError::Broken));
        assert_eq!(
            ring.open_phone(Field::PersonPhone, a, 9, &sealed, Purpose::Alert),
            Err(SealError::NoKey(9))
        );
        assert_ne!(sealed, ring.seal_phone(Field::PersonPhone, a, &phone).expect("sealed"), "nonces differ");
        assert!(!sealed.windows(11).any(|w| w == b"13800138000"));
    }
}
