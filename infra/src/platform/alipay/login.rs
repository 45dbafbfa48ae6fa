//! `alipay.system.oauth.token`: whose code it is that the client got from `my.getAuthCode`.

use mashang_domain::person::OpenId;
use serde::Deserialize;

use super::Alipay;
use crate::platform::Failure;

/// The tokens beside it are not even read: nothing is done in the name of a person.
#[derive(Deserialize)]
struct Reply {
    open_id: Option<String>,
    user_id: Option<String>,
}

impl Alipay {
    /// The person behind a code, which is used up: `open_id` where Alipay gives one, else `user_id`.
    ///
    /// # Errors
    /// [`Failure::Code`] for a code that is wrong, used, expired, or of another mini-program.
    pub async fn person_of_code(&self, auth_code: &str) -> Result<OpenId, Failure> {
        let own = [("grant_type", "authorization_code".to_owned()), ("code", auth_code.to_owned())];
        let reply: Reply = self.call("alipay.system.oauth.token", own.into()).await?;
        let id = reply.open_id.filter(|id| !id.is_empty()).or(reply.user_id);
        id.as_deref().and_then(OpenId::parse).ok_or(Failure::Lost("no_open_id"))
    }
}
