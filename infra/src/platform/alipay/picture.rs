//! `alipay.open.app.qrcode.create`: a code that opens a page of the mini-program. Alipay answers a link to its picture.

use serde::Deserialize;
use serde_json::json;

use super::Alipay;
use crate::platform::Failure;

#[derive(Deserialize)]
struct Reply {
    qr_code_url: String,
}

impl Alipay {
    /// A picture (JPEG or PNG) of the code that opens the page with `query` (`k=v&..`), described by `about` in Alipay's
    /// console.
    ///
    /// # Errors
    /// [`Failure::TooOften`] beyond `alipay.codes_per_minute`; [`Failure::Settings`] when the picture lies at a host that
    /// `alipay.picture_hosts` does not name.
    pub async fn picture(&self, query: &str, about: &str) -> Result<Vec<u8>, Failure> {
        self.pace.take_code()?;
        let content = json!({ "url_param": self.page, "query_param": query, "describe": about });
        let own = [("biz_content", content.to_string())];
        let reply: Reply = self.call("alipay.open.app.qrcode.create", own.into()).await?;
        self.pictures.fetch(&reply.qr_code_url, self.timeouts).await
    }
}
