//! `Idempotency-Key`: the same key and body get the same answer, whatever happened in between.
//!
//! The key is claimed before the work and its answer kept after it. A claim that was left behind by a crash may be taken
//! over after a minute.

use actix_web::http::StatusCode;
use actix_web::http::header::LOCATION;
use actix_web::{HttpRequest, HttpResponse};
use mashang_infra::store::idempotency::{self, Claim};
use serde::Serialize;
use serde_json::Value;

use super::body::Sent;
use crate::error::{Answer, Code, Problem};
use crate::state::App;

/// Runs `work` once per key of this actor. Without the header it simply runs.
pub async fn once<T, F>(
    app: &App,
    request: &HttpRequest,
    actor: &str,
    body: &Sent,
    work: F,
) -> Answer<HttpResponse>
where
    T: Serialize,
    F: Future<Output = Answer<(StatusCode, T)>>,
{
    let Some(key) = key_of(request)? else {
        let (status, answer) = work.await?;
        let answer = serde_json::to_value(&answer).map_err(Problem::internal)?;
        return Ok(respond(request, status, answer, false));
    };
    // The same key on another route is another request.
    let key = format!("{} {} {key}", request.method(), request.path());
    match idempotency::claim(&app.db, actor, &key, &body.hash(), app.clock.now()).await? {
        Claim::Mine => {}
        Claim::OtherBody => return Err(Problem::new(Code::IdempotencyMismatch)),
        Claim::InWork => return Err(Problem::retry(Code::InProgress, 1000)),
        Claim::Answered { status, response } => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
            return Ok(respond(request, status, response, true));
        }
    }
    match work.await {
        Ok((status, answer)) => {
            let response = serde_json::to_value(&answer).map_err(Problem::internal)?;
            idempotency::answer(&app.db, actor, &key, status.as_u16(), &response).await?;
            Ok(respond(request, status, response, false))
        }
        Err(problem) => {
            idempotency::release(&app.db, actor, &key).await?;
            Err(problem)
        }
    }
}

/// The answer, with the place of what was made: a list that is posted to has its items under their ids.
fn respond(request: &HttpRequest, status: StatusCode, answer: Value, replay: bool) -> HttpResponse {
    let mut response = HttpResponse::build(status);
    let id = answer.get("id").and_then(Value::as_str);
    let of_list = request.match_info().is_empty();
    if let Some(id) = id.filter(|_| of_list && matches!(status, StatusCode::CREATED | StatusCode::ACCEPTED)) {
        response.insert_header((LOCATION, format!("{}/{id}", request.path())));
    }
    if replay {
        response.insert_header(("Idempotent-Replay", "true"));
    }
    response.json(answer)
}

fn key_of(request: &HttpRequest) -> Answer<Option<&str>> {
    let Some(value) = request.headers().get("idempotency-key") else { return Ok(None) };
    let key = value
        .to_str()
        .ok()
        .filter(|k| (1..=128).contains(&k.len()) && k.bytes().all(|b| b.is_ascii_graphic()));
    key.map(Some)
        .ok_or_else(|| Problem::field("Idempotency-Key", "invalid", "1 to 128 visible ASCII characters"))
}
