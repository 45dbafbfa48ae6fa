//! The rules in force are the newest version in the database: whoever starts with a newer one puts it into force, and
//! running processes follow.

use mashang_domain::health::{RuleSet, RuleSetError};
use mashang_domain::time::Timestamp;
use mashang_entity::rule_version;
use sea_orm::DbErr;
use sha2::{Digest, Sha256};

use super::rules::Rules;
use crate::db::Db;
use crate::store::rule_version as store;

/// Why a process does not start with its rules.
#[derive(Debug, thiserror::Error)]
pub enum VersionError {
    #[error(transparent)]
    Database(#[from] DbErr),
    #[error(
        "the rules of the health code have version {own}, and version {in_force} is in force: a rule set is replaced by one with a higher version only"
    )]
    Lower { own: i32, in_force: i32 },
    #[error(
        "version {0} of the rules of the health code is in force with another text: a changed text needs a higher version"
    )]
    Changed(i32),
}

/// Puts the rules of this process into force, unless they are already.
///
/// # Errors
/// See [`VersionError`].
pub async fn register(db: &Db, rules: &RuleSet, text: &str, now: Timestamp) -> Result<(), VersionError> {
    let own = number(rules);
    let sha256 = digest(text);
    let tx = db.begin_write().await?;
    if store::newest(&*tx).await?.is_none_or(|newest| newest.version < own) {
        let row = rule_version::Model {
            version: own,
            rule_set: rules.id.clone(),
            sha256: sha256.clone(),
            text: text.to_owned(),
            since: now,
            reviewed_to: None,
            reviewed: 0,
            changed: 0,
            done_at: None,
        };
        store::insert(&*tx, row).await?;
    }
    tx.commit().await?;
    // Another process may have been faster.
    match store::newest(db.conn()).await? {
        Some(newest) if newest.version > own => Err(VersionError::Lower { own, in_force: newest.version }),
        Some(newest) if newest.version == own && newest.sha256 != sha256 => Err(VersionError::Changed(own)),
        Some(_) | None => Ok(()),
    }
}

/// What came of a look at the newest version.
#[derive(Debug)]
pub enum Followed {
    /// Nothing is registered yet.
    Nothing,
    /// These are the rules of this process too.
    InForce(rule_version::Model),
    /// They are newer than this program understands: it goes on with its own, and leaves people to the others.
    Unknown(rule_version::Model, RuleSetError),
}

/// Takes over the newest version when it is newer than that of this process.
///
/// # Errors
/// When the database fails.
pub async fn follow(db: &Db, rules: &Rules) -> Result<Followed, DbErr> {
    let Some(newest) = store::newest(db.conn()).await? else { return Ok(Followed::Nothing) };
    if newest.version <= number(&rules.current()) {
        return Ok(Followed::InForce(newest));
    }
    match RuleSet::parse(&newest.text) {
        Ok(newer) => {
            tracing::info!(version = newest.version, sha256 = %newest.sha256, "other rules of the health code are in force");
            rules.replace(newer);
            Ok(Followed::InForce(newest))
        }
        Err(error) => Ok(Followed::Unknown(newest, error)),
    }
}

fn number(rules: &RuleSet) -> i32 {
    i32::try_from(rules.version).unwrap_or(i32::MAX)
}

fn digest(text: &str) -> String {
    data_encoding::HEXLOWER.encode(&Sha256::digest(text.as_bytes()))
}
