//! The number that a person gave to the mini-program by its button: encrypted and signed by Alipay, carried by the client.
//!
//! The content names neither person nor time, so an intercepted pair of content and signature stays good. It travels from
//! Alipay to the client and from there to us, encrypted both ways; we neither store nor log it.

use mashang_domain::person::Phone;
use serde::Deserialize;

use super::Alipay;
use super::errors::Verdict;
use crate::platform::Failure;

#[derive(Deserialize)]
struct Content {
    mobile: Option<String>,
}

impl Alipay {
    /// The number in `response` (Base64), when `sign` is Alipay's of it, quotes included.
    ///
    /// # Errors
    /// [`Failure::Code`] when the signature or the content is not good, or the person has not agreed; [`Failure::Settings`]
    /// without a key.
    pub fn phone_number(&self, response: &str, sign: &str) -> Result<Phone, Failure> {
        let missing = || Failure::Settings { setting: "alipay.aes_key", code: "missing".to_owned() };
        let key = self.content.as_ref().ok_or_else(missing)?;
        let bad = |what: &str| Failure::Code(what.to_owned());
        if !self.theirs.verify(&format!("\"{response}\""), sign) {
            return Err(bad("signature"));
        }
        let text = key.open(response).ok_or_else(|| bad("ciphertext"))?;
        let verdict: Verdict = serde_json::from_str(&text).map_err(|_| bad("content"))?;
        if verdict.code.as_deref() != Some("10000") {
            return Err(if verdict.code.is_some() { verdict.failure() } else { bad("content") });
        }
        let content: Content = serde_json::from_str(&text).map_err(|_| bad("content"))?;
        content.mobile.as_deref().and_then(|m| Phone::parse(m).ok()).ok_or_else(|| bad("number"))
    }
}
