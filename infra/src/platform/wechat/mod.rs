//! WeChat's server API (`https://api.weixin.qq.com`): answers come with status 200, and `errcode` says what they are.

mod api;
mod errors;
mod login;
mod phone;
mod picture;
pub mod push;
mod scene;
mod subscribe;
mod token;

use std::time::Duration;

use mashang_config::Wechat as Section;
use reqwest::{Client, Url};
use secrecy::{ExposeSecret, SecretString};

pub use scene::scene;
pub use subscribe::Sent;
pub use token::Shelf;

use self::token::Tokens;
use super::pace::Pace;
use super::{PlatformError, http};

/// What it takes to speak as one mini-program.
#[derive(Debug, Clone)]
pub struct Access {
    pub endpoint: String,
    pub app_id: String,
    pub app_secret: SecretString,
    pub connect_timeout_ms: u64,
    pub timeout_ms: u64,
    pub codes_per_minute: u32,
    /// How a mini-program code looks and where it leads.
    pub code: CodeWish,
}

/// How a mini-program code looks and where it leads.
#[derive(Debug, Clone, Default)]
pub struct CodeWish {
    pub page: String,
    /// `release`, `trial` or `develop`.
    pub version: String,
    pub width: u32,
}

impl Access {
    /// That of the settings.
    pub fn of(section: &Section) -> Self {
        Self {
            endpoint: section.endpoint.clone(),
            app_id: section.app_id.clone(),
            app_secret: section.app_secret.clone(),
            connect_timeout_ms: section.connect_timeout_ms,
            timeout_ms: section.timeout_ms,
            codes_per_minute: section.codes_per_minute,
            code: CodeWish {
                page: section.page.clone(),
                version: section.version.as_str().to_owned(),
                width: section.code_width,
            },
        }
    }
}

/// One mini-program at WeChat.
pub struct Wechat {
    http: Client,
    endpoint: Url,
    access: Access,
    tokens: Tokens,
    pace: Pace,
}

impl Wechat {
    /// # Errors
    /// When the endpoint is no address, or the HTTP client cannot be made.
    pub fn new(access: Access, shelf: Shelf) -> Result<Self, PlatformError> {
        let http = http::client(access.connect_timeout_ms, access.timeout_ms)?;
        let endpoint = http::address(&access.endpoint, "wechat.endpoint")?;
        let patience = Duration::from_millis(access.timeout_ms);
        let tokens = Tokens::new(format!("wechat:{}", access.app_id), shelf, patience);
        let pace = Pace::new(access.codes_per_minute);
        Ok(Self { http, endpoint, access, tokens, pace })
    }

    /// Where a call goes.
    fn url(&self, path: &str) -> Url {
        let mut url = self.endpoint.clone();
        url.set_path(path);
        url
    }

    fn secret(&self) -> &str {
        self.access.app_secret.expose_secret()
    }
}
