//! Accounts at the platforms of mini-programs: whom they sign in, which wait for a phone number, the shared access token,
//! and what people agreed to be written.

pub mod account;
pub mod binding;
pub mod consent;
pub mod token;

use mashang_domain::person::{OpenId, Platform};
use sea_orm::DbErr;

use crate::keys::{KeyRing, Label, SealError};

/// What an account is found by.
fn open_id_hash(keys: &KeyRing, platform: Platform, id: &OpenId) -> Vec<u8> {
    keys.keyed_hash(Label::OpenId, [platform.as_str(), "\0", id.reveal()].concat().as_bytes())
}

fn unsealed(error: SealError) -> DbErr {
    DbErr::Custom(error.to_string())
}
