//! A request body as it came, for callers who do not speak our JSON.

use std::future::{Ready, ready};
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};

use super::body::bounded;
use crate::error::{Answer, Code, Problem};
use crate::state::App;

/// A body that nobody has looked at yet.
pub struct RawBody(Payload);

impl FromRequest for RawBody {
    type Error = Problem;
    type Future = Ready<Answer<Self>>;

    fn from_request(_: &HttpRequest, payload: &mut Payload) -> Self::Future {
        ready(Ok(Self(payload.take())))
    }
}

impl RawBody {
    /// Reads it, within the bounds of JSON bodies.
    ///
    /// # Errors
    /// `request_timeout`, `too_large`.
    pub async fn read(mut self, app: &App) -> Answer<Vec<u8>> {
        let http = &app.settings.http;
        let patience = Duration::from_secs(http.client_request_timeout_seconds);
        let reading = tokio::time::timeout(patience, bounded(&mut self.0, http.max_body_bytes));
        reading.await.map_err(|_| Problem::new(Code::RequestTimeout))?
    }
}
