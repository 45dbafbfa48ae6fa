//! Answers on their way, and what faults do to them there.

use std::net::Shutdown;
use std::sync::Mutex;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use futures_util::stream;

use super::{Answer, Fault, HANG, LATE, Socket, State, lock};

/// A call on its way to its answer, however it ends.
struct Open(Data<Mutex<State>>);

impl Open {
    fn begin(state: &Data<Mutex<State>>) -> (Self, Duration) {
        let mut held = lock(state);
        held.open += 1;
        (Self(Data::clone(state)), held.sky.weather.latency)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        lock(&self.0).open -= 1;
    }
}

/// Sends an answer the way the fault wants it. Faults that refuse have already changed the answer.
pub(super) async fn respond(
    request: &HttpRequest,
    state: &Data<Mutex<State>>,
    answer: Answer,
    fault: Option<Fault>,
) -> HttpResponse {
    let (_open, latency) = Open::begin(state);
    if !latency.is_zero() {
        tokio::time::sleep(latency).await;
    }
    let text = answer.body.to_string();
    let mut response =
        HttpResponse::build(StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR));
    response.content_type("application/json");
    if let Some((name, value)) = answer.retry_after {
        response.insert_header((name, value.to_string()));
    }
    match fault {
        Some(Fault::Cut | Fault::LostAnswer) => {
            if let Some(Socket(socket)) = request.conn_data() {
                let _ = socket.shutdown(Shutdown::Both);
            }
            response.finish()
        }
        Some(Fault::Hang) => {
            tokio::time::sleep(HANG).await;
            response.finish()
        }
        Some(Fault::LateAnswer) => {
            tokio::time::sleep(LATE).await;
            response.body(text)
        }
        Some(Fault::Redirect) => {
            HttpResponse::TemporaryRedirect().insert_header(("location", "/elsewhere")).finish()
        }
        Some(Fault::HtmlError) => {
            HttpResponse::BadGateway().content_type("text/html").body("<html>502</html>")
        }
        Some(Fault::HalfAnswer) => {
            let half = Bytes::copy_from_slice(&text.as_bytes()[..text.len() / 2]);
            let parts = [Ok(half), Err(std::io::Error::from(std::io::ErrorKind::BrokenPipe))];
            response.no_chunking(text.len() as u64).streaming(stream::iter(parts))
        }
        Some(Fault::CutJson) => response.body(text[..text.len() / 2].to_owned()),
        Some(
            Fault::Throttled
            | Fault::NumberInvalid
            | Fault::FrequencyLimited
            | Fault::Account
            | Fault::Template
            | Fault::ServerError,
        )
        | None => response.body(text),
    }
}
