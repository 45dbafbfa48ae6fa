//! The platforms whose mini-programs people use: WeChat and Alipay, behind their server APIs.
//!
//! A client here makes one exchange for one call, in bounded time, follows no redirect and repeats nothing by itself; the one
//! exception is an access token that the platform no longer takes, which is refreshed and tried once more. What a platform
//! says by a number is a [`Failure`] to everybody else. Texts of a platform, ids, codes, tokens and numbers are never
//! logged.

pub mod alipay;
mod failure;
mod http;
mod pace;
pub mod wechat;

use std::sync::Arc;

use mashang_config::Settings;

pub use alipay::Alipay;
pub use failure::Failure;
pub use wechat::Wechat;

use crate::clock::Clock;
use crate::db::Db;
use crate::keys::KeyRing;

/// The platforms of this installation; one without an `app_id` is missing.
#[derive(Clone, Default)]
pub struct Platforms {
    pub wechat: Option<Arc<Wechat>>,
    pub alipay: Option<Arc<Alipay>>,
}

/// Why a platform cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PlatformError {
    #[error("{setting}: {reason}")]
    Setting { setting: &'static str, reason: &'static str },
    #[error("the HTTP client of a platform cannot be made")]
    Http,
}

impl Platforms {
    /// Makes those that the settings name.
    ///
    /// # Errors
    /// When a key or an address cannot be read.
    pub fn of(
        settings: &Settings,
        db: &Db,
        keys: &Arc<KeyRing>,
        clock: &Clock,
    ) -> Result<Self, PlatformError> {
        let wechat = (!settings.wechat.app_id.is_empty()).then(|| {
            let shelf = wechat::Shelf::shared(db.clone(), Arc::clone(keys), clock.clone());
            Wechat::new(wechat::Access::of(&settings.wechat), shelf).map(Arc::new)
        });
        let alipay =
            (!settings.alipay.app_id.is_empty()).then(|| Alipay::new(&settings.alipay).map(Arc::new));
        Ok(Self { wechat: wechat.transpose()?, alipay: alipay.transpose()? })
    }
}
