//! Request bodies: JSON, strict and bounded.
//!
//! Extractors run side by side, so a body that were read in one of them could be refused before the permission is. The
//! extractor therefore only takes hold of the body; the handler, which runs when every permission is there, reads it.
//! Who may not call a route learns nothing about its body, and costs no memory for it.
//!
//! Unknown fields and wrong types are told apart from broken JSON, and each names the field it is about.

use std::future::{Ready, ready};
use std::marker::PhantomData;
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::{FromRequest, HttpRequest, web};
use futures_util::StreamExt;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Deserializer};
use serde_json::error::Category;
use sha2::{Digest, Sha256};

use crate::error::{Answer, Code, FieldError, Problem};
use crate::state::App;

/// A JSON body that nobody has looked at yet.
pub struct Body<T> {
    request: HttpRequest,
    payload: Payload,
    kind: PhantomData<T>,
}

/// A JSON body, parsed.
pub struct Read<T> {
    pub value: T,
    pub sent: Sent,
}

/// The bytes of a body as they came.
pub struct Sent(Vec<u8>);

impl Sent {
    /// For routes without a body.
    pub fn nothing() -> Self {
        Self(Vec::new())
    }

    /// Their SHA-256. Few requests want it.
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(&self.0).into()
    }
}

impl<T> FromRequest for Body<T> {
    type Error = Problem;
    type Future = Ready<Answer<Self>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        ready(Ok(Self { request: request.clone(), payload: payload.take(), kind: PhantomData }))
    }
}

impl<T: DeserializeOwned> Body<T> {
    /// Reads and parses it.
    ///
    /// # Errors
    /// `unsupported_media_type`, `request_timeout`, `too_large`, `malformed_json`, `unknown_field`, `invalid`.
    pub async fn read(mut self) -> Answer<Read<T>> {
        let declared = self.request.headers().contains_key(CONTENT_TYPE);
        if declared {
            require_json(&self.request)?;
        }
        let app = self.request.app_data::<web::Data<App>>();
        let (limit, patience) = app.map_or((16_384, 10), |a| {
            (a.settings.http.max_body_bytes, a.settings.http.client_request_timeout_seconds)
        });
        let reading = tokio::time::timeout(Duration::from_secs(patience), bounded(&mut self.payload, limit));
        let bytes = reading.await.map_err(|_| Problem::new(Code::RequestTimeout))??;
        // Who sends nothing need not say what it is.
        if !declared && !bytes.is_empty() {
            require_json(&self.request)?;
        }
        parse(&bytes).map(|value| Read { value, sent: Sent(bytes) })
    }
}

fn require_json(request: &HttpRequest) -> Result<(), Problem> {
    let kind = request.headers().get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or("");
    let essence = kind.split(';').next().unwrap_or("").trim();
    if essence.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    Err(Problem::with_detail(Code::UnsupportedMediaType, "Content-Type: application/json"))
}

pub(super) async fn bounded(payload: &mut Payload, limit: usize) -> Answer<Vec<u8>> {
    let mut bytes = Vec::with_capacity(512);
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|_| Problem::new(Code::BadRequest))?;
        if bytes.len() + chunk.len() > limit {
            return Err(Problem::with_detail(Code::TooLarge, format!("≤ {limit} bytes")));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

/// Parses JSON into a request type.
pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let bytes = if bytes.is_empty() { b"{}" } else { bytes };
    // No text of ours holds a NUL, and PostgreSQL could not store one.
    if holds_nul(bytes) {
        return Err(Problem::with_detail(Code::Invalid, "U+0000"));
    }
    // serde reads a list where fields are wanted; we do not.
    if bytes.iter().find(|b| !b.is_ascii_whitespace()) == Some(&b'[') {
        serde_json::from_slice::<IgnoredAny>(bytes).map_err(|e| refusal("", &e))?;
        return Err(Problem::with_detail(Code::Invalid, "a JSON object is wanted"));
    }
    // Keeping the path costs half of the reading; it is read again with it when there is something to say.
    if let Ok(value) = serde_json::from_slice(bytes) {
        return Ok(value);
    }
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value: T = serde_path_to_error::deserialize(&mut json).map_err(|e| {
        let path = e.path().to_string();
        let path = if path == "." { "" } else { &path };
        // serde calls JSON broken that has another type where one of our words is wanted.
        if e.inner().to_string().starts_with("expected value at ") && is_json(bytes) {
            return Problem::field(path, "invalid", "one of the words of the document is wanted");
        }
        refusal(path, e.inner())
    })?;
    json.end().map_err(|e| refusal("", &e))?;
    Ok(value)
}

fn is_json(bytes: &[u8]) -> bool {
    serde_json::from_slice::<IgnoredAny>(bytes).is_ok()
}

/// Whether a string of this JSON has the escape of U+0000 in it; a bare one is no JSON.
fn holds_nul(json: &[u8]) -> bool {
    let escaped = |at: usize| json[..at].iter().rev().take_while(|b| **b == b'\\').count() % 2 == 0;
    json.windows(6).enumerate().any(|(at, w)| w == b"\\u0000" && escaped(at))
}

fn refusal(path: &str, error: &serde_json::Error) -> Problem {
    let message = error.to_string();
    let text = message.split(" at line ").next().unwrap_or(&message).to_owned();
    if error.classify() != Category::Data || text.starts_with("duplicate field") {
        return Problem::with_detail(Code::MalformedJson, text);
    }
    let named = |prefix: &str| text.strip_prefix(prefix).and_then(|t| t.split('`').next()).map(str::to_owned);
    if let Some(field) = named("unknown field `") {
        let errors =
            vec![FieldError { field: field.clone(), code: "unknown_field".into(), detail: text.clone() }];
        return Problem { errors, ..Problem::with_detail(Code::UnknownField, format!("`{field}`")) };
    }
    if let Some(field) = named("missing field `") {
        let path = if path.is_empty() || path == field { field } else { format!("{path}.{field}") };
        return Problem::field(path, "missing", text);
    }
    // Our own types say `code: text`.
    match text.split_once(": ") {
        Some((code, detail)) if code == "phone_invalid" => {
            let errors = vec![FieldError { field: path.into(), code: code.into(), detail: detail.into() }];
            Problem { errors, ..Problem::new(Code::PhoneInvalid) }
        }
        Some(_) | None => Problem::field(path, "invalid", scrubbed(&text)),
    }
}

/// serde quotes the offending value; a number or a name must not come back in an answer or a log.
fn scrubbed(text: &str) -> String {
    let Some(a) = text.find(['"', '`']) else { return text.to_owned() };
    let quote = &text[a..=a];
    // The value ends where serde says what it expected; it may hold quotes itself.
    let tail = text.rfind(", expected").map_or("", |at| &text[at..]);
    let end = text[..text.len() - tail.len()].rfind(quote).filter(|b| *b > a);
    end.map_or_else(|| format!("{}…{tail}", &text[..a]), |b| format!("{}…{}", &text[..a], &text[b + 1..]))
}

/// For a field whose `null` says something: absent is `None`, null is `Some(None)`.
pub fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Wanted {
        #[serde(rename = "n")]
        _n: i32,
        #[serde(rename = "word")]
        _word: Option<Word>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Word {
        Yes,
    }

    #[test]
    fn a_value_of_another_type_is_no_broken_json() {
        for value in ["7", "true", "[]", "1e300"] {
            let json = format!("{{\"n\":1,\"word\":{value}}}");
            let problem = parse::<Wanted>(json.as_bytes()).expect_err(value);
            assert_eq!((problem.code, problem.errors[0].field.as_str()), (Code::Invalid, "word"), "{value}");
            let broken = parse::<Wanted>(&json.as_bytes()[..json.len() - 1]).expect_err(value);
            assert_eq!(broken.code, Code::MalformedJson, "{value}");
        }
        assert!(parse::<Wanted>(b"{\"n\":1,\"word\":\"yes\"}").is_ok());
    }

    #[test]
    fn each_fault_has_its_code() {
        let code = |text: &str| parse::<Wanted>(text.as_bytes()).expect_err(text).code;
        assert_eq!(code("{"), Code::MalformedJson);
        assert_eq!(code("{\"n\":1} x"), Code::MalformedJson);
        assert_eq!(code("{\"n\":1,\"n\":2}"), Code::MalformedJson);
        assert_eq!(code("{\"n\":1,\"m\":2}"), Code::UnknownField);
        assert_eq!(code("{}"), Code::Invalid);
        assert_eq!(code("{\"n\":\"13800138000\"}"), Code::Invalid);
        let problem = parse::<Wanted>(b"{\"n\":\"13800138000\"}").expect_err("refused");
        assert!(!problem.body().to_string().contains("138001"), "values do not come back");
        assert_eq!(code("[1]"), Code::Invalid);
    }

    #[test]
    fn no_text_holds_a_nul() {
        for (json, expected) in [
            (r#"{"a":"x\u0000"}"#, true),
            (r#"{"a":"\\\u0000"}"#, true),
            (r#"{"a":"\\u0000"}"#, false),
            (r#"{"a":"\u00001"}"#, true),
            (r#"{"a":"\u0001"}"#, false),
            ("", false),
        ] {
            assert_eq!(holds_nul(json.as_bytes()), expected, "{json}");
        }
    }

    #[test]
    fn values_do_not_come_back() {
        for (given, expected) in [
            ("unknown variant `138`, expected `in` or `out`", "unknown variant …, expected `in` or `out`"),
            ("invalid type: string \"a\"b\", expected i32", "invalid type: string …, expected i32"),
            ("invalid value: integer `138`, expected u8", "invalid value: integer …, expected u8"),
            ("an RFC 3339 time is wanted", "an RFC 3339 time is wanted"),
        ] {
            assert_eq!(scrubbed(given), expected);
        }
    }
}
