//! `getPhoneNumber`: the number that a person gave to the mini-program by its button.

use mashang_domain::person::{OpenId, Phone};
use serde::Deserialize;
use serde_json::json;

use super::Wechat;
use super::api;
use crate::platform::Failure;
use crate::platform::http::TEXT;

#[derive(Deserialize)]
struct Reply {
    phone_info: PhoneInfo,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PhoneInfo {
    pure_phone_number: String,
    country_code: String,
    watermark: Watermark,
}

#[derive(Deserialize)]
struct Watermark {
    appid: String,
}

impl Wechat {
    /// The number behind a code of the button, which is used up. WeChat is told whose it must be.
    ///
    /// # Errors
    /// [`Failure::Code`] for a code that is wrong, used, old or somebody else's, and for a number that is none.
    pub async fn phone_number(&self, phone_code: &str, open_id: &OpenId) -> Result<Phone, Failure> {
        let body = json!({ "code": phone_code, "openid": open_id.reveal() });
        let answer = self.with_token("/wxa/business/getuserphonenumber", &body, TEXT).await?;
        let Reply { phone_info } = api::json(&answer)?;
        if phone_info.watermark.appid != self.access.app_id {
            return Err(Failure::Code("watermark".to_owned()));
        }
        let number = format!("+{}{}", phone_info.country_code, phone_info.pure_phone_number);
        Phone::parse(&number).map_err(|_| Failure::Code("number".to_owned()))
    }
}
