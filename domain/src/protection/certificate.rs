//! The certificate of destruction: what was destroyed, by whose decision, signed with Ed25519.
//!
//! A third party needs the file only; the public key stands in it. Who has noted the key's fingerprint while the
//! operation was running also knows that the signature is the operation's. The file has exactly one form: a byte that
//! differs, be it a space, is refused.

mod text;

use std::collections::BTreeMap;

use data_encoding::{BASE64, HEXLOWER};
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::time::Timestamp;

/// The form of this certificate.
pub const KIND: &str = "mashang/destruction-certificate/v1";
const ALGORITHM: &str = "Ed25519";

/// Rows of one table before and after.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TableCount {
    pub table: String,
    pub rows_before: i64,
    pub rows_after: i64,
}

/// The newest entry of the audit log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AuditHead {
    pub seq: i64,
    /// SHA-256, hexadecimal.
    pub hash: String,
}

/// What is certified. No field is about a person; administrators stand with their random ids.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Certificate {
    pub kind: String,
    pub operation_id: Uuid,
    pub operation_name: String,
    pub legal_basis: String,
    pub started_at: Timestamp,
    pub end_requested_at: Timestamp,
    pub end_requested_by: Uuid,
    pub end_confirmed_at: Timestamp,
    pub end_confirmed_by: Uuid,
    pub keys_destroyed_at: Timestamp,
    pub issued_at: Timestamp,
    /// Fingerprints of the destroyed keys.
    pub keys_destroyed: Vec<String>,
    pub tables: Vec<TableCount>,
    /// Keys of the queue and the caches that were deleted; null when there was no Redis.
    pub redis_keys_deleted: Option<u64>,
    /// How many days each kind of data was kept while the operation ran.
    pub retention_days: BTreeMap<String, u32>,
    pub audit_head: AuditHead,
    /// What lies outside our reach, in Chinese and English.
    pub not_destroyed: Vec<String>,
    /// Base64 of the 32 bytes of the Ed25519 key.
    pub public_key: String,
}

/// The file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignedCertificate {
    pub certificate: Certificate,
    pub algorithm: String,
    /// Base64 of the 64 bytes of the signature over the canonical bytes.
    pub signature: String,
}

/// Why a file is not a certificate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    #[error("不是销毁证书 / this is no certificate of destruction: {0}")]
    Malformed(String),
    #[error("文件已被改动，与签发时的字节不一致 / the file is not byte for byte what was issued")]
    NotAsIssued,
    #[error("签名不成立 / the signature does not hold")]
    BadSignature,
    #[error("由另一把密钥签署，指纹为 {found} / signed by another key, with the fingerprint {found}")]
    OtherKey { found: String },
}

impl Certificate {
    /// What is signed: compact JSON, fields in their fixed order.
    pub fn canonical_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// SHA-256 of the public key, hexadecimal.
    pub fn key_fingerprint(&self) -> String {
        key_fingerprint(&BASE64.decode(self.public_key.as_bytes()).unwrap_or_default())
    }
}

/// SHA-256 of a public key, hexadecimal: what is noted beforehand and compared later.
pub fn key_fingerprint(public_key: &[u8]) -> String {
    HEXLOWER.encode(&Sha256::digest(public_key))
}

/// The texts about what software cannot destroy.
pub fn not_destroyed() -> Vec<String> {
    [
        "短信与语音服务商及运营商保存的发送记录，须按其规程另行申请删除。Records of messages and calls at providers and carriers; ask for their deletion by their procedure.",
        "手机上已收到的短信、截图与打印件。Messages on people's phones, screenshots and prints.",
        "数据库备份与预写日志中的密文：密钥已销毁，无法解读，仍应按期删除。Ciphertext in backups and write-ahead logs: unreadable without the destroyed keys; still to be deleted in due time.",
    ]
    .map(str::to_owned)
    .to_vec()
}

impl SignedCertificate {
    /// Signs; the certificate's `public_key` becomes that of `key`.
    pub fn sign(mut certificate: Certificate, key: &SigningKey) -> Self {
        certificate.public_key = BASE64.encode(key.verifying_key().as_bytes());
        let signature = BASE64.encode(&key.sign(&certificate.canonical_bytes()).to_bytes());
        Self { certificate, algorithm: ALGORITHM.to_owned(), signature }
    }

    /// The bytes of the file.
    pub fn to_file(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }
}

/// Checks a file by itself.
///
/// # Errors
/// When it is no certificate, was changed in any byte, or its signature does not hold.
pub fn verify_certificate(bytes: &[u8]) -> Result<Certificate, CertificateError> {
    let malformed = |why: &str| CertificateError::Malformed(why.to_owned());
    let signed: SignedCertificate =
        serde_json::from_slice(bytes).map_err(|e| CertificateError::Malformed(e.to_string()))?;
    if signed.algorithm != ALGORITHM || signed.certificate.kind != KIND {
        return Err(malformed("another kind or algorithm"));
    }
    if signed.to_file().as_bytes() != bytes {
        return Err(CertificateError::NotAsIssued);
    }
    let decode = |text: &str| BASE64.decode(text.as_bytes()).ok();
    let key = decode(&signed.certificate.public_key).and_then(|b| <[u8; 32]>::try_from(b).ok());
    let key = key.and_then(|b| VerifyingKey::from_bytes(&b).ok()).ok_or_else(|| malformed("public_key"))?;
    let signature = decode(&signed.signature).and_then(|b| Signature::from_slice(&b).ok());
    let signature = signature.ok_or_else(|| malformed("signature"))?;
    key.verify_strict(&signed.certificate.canonical_bytes(), &signature)
        .map_err(|_| CertificateError::BadSignature)?;
    Ok(signed.certificate)
}

/// As [`verify_certificate`], and the key must have this fingerprint ([`key_fingerprint`]).
///
/// # Errors
/// Those of [`verify_certificate`], and when another key has signed.
pub fn verify_certificate_by(bytes: &[u8], fingerprint: &str) -> Result<Certificate, CertificateError> {
    let certificate = verify_certificate(bytes)?;
    let found = certificate.key_fingerprint();
    if found.eq_ignore_ascii_case(fingerprint.trim()) {
        return Ok(certificate);
    }
    Err(CertificateError::OtherKey { found })
}

#[cfg(test)]
mod tests;
