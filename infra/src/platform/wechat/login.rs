//! `code2Session`: whose code it is that the client got from `wx.login`.

use mashang_domain::person::OpenId;
use serde::Deserialize;

use super::Wechat;
use crate::platform::Failure;

/// `session_key` and `unionid` stand beside it, and are not even read.
#[derive(Deserialize)]
struct Session {
    openid: Option<String>,
}

impl Wechat {
    /// The person behind a code, which is used up. WeChat takes this call by GET only.
    ///
    /// # Errors
    /// [`Failure::Code`] for a code that is wrong, used, or older than five minutes; [`Failure::Blocked`] for a person of high
    /// risk.
    pub async fn code_to_session(&self, js_code: &str) -> Result<OpenId, Failure> {
        let request = self.http.get(self.url("/sns/jscode2session")).query(&[
            ("appid", self.access.app_id.as_str()),
            ("secret", self.secret()),
            ("js_code", js_code),
            ("grant_type", "authorization_code"),
        ]);
        let session: Session = self.plain(request).await?;
        session.openid.as_deref().and_then(OpenId::parse).ok_or(Failure::Lost("no_openid"))
    }
}
