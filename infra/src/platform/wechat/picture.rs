//! `getUnlimitedQRCode`: the round code that opens a page of the mini-program. It stays good for ever.

use serde_json::json;

use super::Wechat;
use crate::platform::Failure;
use crate::platform::http::PICTURE;

impl Wechat {
    /// A picture (JPEG or PNG) of the code with this `scene`.
    ///
    /// # Errors
    /// [`Failure::TooOften`] beyond `wechat.codes_per_minute` or WeChat's own bound; [`Failure::Settings`] when the page is not
    /// published.
    pub async fn picture(&self, scene: &str) -> Result<Vec<u8>, Failure> {
        self.pace.take_code()?;
        let code = &self.access.code;
        let body = json!({
            "scene": scene, "page": code.page, "check_path": code.version == "release", "env_version": code.version,
            "width": code.width,
        });
        let answer = self.with_token("/wxa/getwxacodeunlimit", &body, PICTURE).await?;
        if answer.is_picture() { Ok(answer.body) } else { Err(Failure::Lost("no_picture")) }
    }
}
