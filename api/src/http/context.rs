//! What every answer needs to know of its request: an id and a language.
//!
//! Both travel with the task, so that an error can be written anywhere without carrying the request along.

use std::cell::RefCell;

use actix_web::HttpRequest;
use actix_web::http::header::ACCEPT_LANGUAGE;
use uuid::Uuid;

/// Chinese unless the client asks for English first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Language {
    #[default]
    Chinese,
    English,
}

impl Language {
    pub fn pick<'a>(self, zh: &'a str, en: &'a str) -> &'a str {
        match self {
            Language::Chinese => zh,
            Language::English => en,
        }
    }

    /// From `Accept-Language`: the first of the languages we speak wins.
    pub fn of(header: &str) -> Self {
        let first =
            header.split(',').map(|part| part.split(';').next().unwrap_or("").trim().to_ascii_lowercase());
        for tag in first {
            if tag.starts_with("zh") {
                return Language::Chinese;
            }
            if tag.starts_with("en") {
                return Language::English;
            }
        }
        Language::Chinese
    }
}

#[derive(Debug, Clone)]
pub struct Context {
    pub request_id: String,
    pub language: Language,
}

tokio::task_local! {
    static CONTEXT: RefCell<Context>;
}

impl Context {
    /// The client's `X-Request-Id` when it is harmless, otherwise a new one.
    pub fn of(request: &HttpRequest) -> Self {
        let header = |name: &str| request.headers().get(name).and_then(|v| v.to_str().ok());
        let harmless = |id: &&str| {
            (1..=64).contains(&id.len())
                && id.bytes().any(|b| b.is_ascii_alphabetic())
                && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
        };
        let request_id =
            header("x-request-id").filter(harmless).map_or_else(|| Uuid::now_v7().to_string(), str::to_owned);
        Self {
            request_id,
            language: header(ACCEPT_LANGUAGE.as_str()).map_or_else(Language::default, Language::of),
        }
    }

    /// Runs a future with this context.
    pub async fn scope<F: Future>(self, future: F) -> F::Output {
        CONTEXT.scope(RefCell::new(self), future).await
    }
}

/// That of the request in work, for a task that goes on with it.
pub fn current() -> Context {
    Context { request_id: request_id(), language: language() }
}

/// The id of the request in work; empty outside of one.
pub fn request_id() -> String {
    CONTEXT.try_with(|c| c.borrow().request_id.clone()).unwrap_or_default()
}

pub fn language() -> Language {
    CONTEXT.try_with(|c| c.borrow().language).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_language_we_speak_wins() {
        for (header, expected) in [
            ("zh-CN,zh;q=0.9,en;q=0.8", Language::Chinese),
            ("en-GB,zh", Language::English),
            ("fr, en;q=0.5", Language::English),
            ("*", Language::Chinese),
            ("", Language::Chinese),
        ] {
            assert_eq!(Language::of(header), expected, "{header}");
        }
    }
}
