//! `Idempotency-Key`: the same key and body get the same answer, whatever happened in between.
//!
//! The key is claimed before the work and its answer kept after it. All of that is a task of its own: a client that hangs
//! up in the middle drops its request, and must find the answer when it asks again. A claim that was left behind by a
//! crash may be taken over after a minute.

use actix_web::http::StatusCode;
use actix_web::http::header::LOCATION;
use actix_web::{HttpRequest, HttpResponse, web};
use mashang_infra::store::idempotency::{self, Claim, Name};
use serde::Serialize;
use serde_json::Value;
use tokio::sync::oneshot;
use tracing::Instrument;

use super::body::Sent;
use super::context;
use crate::error::{Answer, Code, Problem};
use crate::state::App;

/// What a key is answered with.
struct Kept {
    status: StatusCode,
    response: Value,
    replay: bool,
}

/// Runs `work` once per key of this actor. Without the header it simply runs.
pub async fn once<T, F>(
    app: web::Data<App>,
    request: &HttpRequest,
    actor: &str,
    body: &Sent,
    work: impl FnOnce(web::Data<App>) -> F,
) -> Answer<HttpResponse>
where
    T: Serialize + Send + 'static,
    F: Future<Output = Answer<(StatusCode, T)>> + Send + 'static,
{
    let Some(key) = key_of(request)? else {
        let (status, answer) = work(app).await?;
        let response = serde_json::to_value(&answer).map_err(Problem::internal)?;
        return Ok(respond(request, Kept { status, response, replay: false }));
    };
    // The same key on another route is another request.
    let key = format!("{} {} {key}", request.method(), request.path());
    let (name, body_hash) = (Name { actor: actor.to_owned(), key }, body.hash());
    let (tell, told) = oneshot::channel();
    let work = claimed(app.clone(), name, body_hash, work(app.clone()));
    // Nobody may be left to hear it.
    let task = async move { drop(tell.send(work.await)) };
    app.lifecycle.spawn("idempotent request", context::current().scope(task).in_current_span());
    let kept = told.await.map_err(|_| Problem::internal("an idempotent request was dropped"))??;
    Ok(respond(request, kept))
}

/// The work under its claim.
async fn claimed<T: Serialize + Send>(
    app: web::Data<App>,
    name: Name,
    body_hash: [u8; 32],
    work: impl Future<Output = Answer<(StatusCode, T)>>,
) -> Answer<Kept> {
    match idempotency::claim(&app.db, &app.keys, &name, &body_hash, app.clock.now()).await? {
        Claim::Mine => {}
        Claim::OtherBody => return Err(Problem::new(Code::IdempotencyMismatch)),
        Claim::InWork => return Err(Problem::retry(Code::InProgress, 1000)),
        Claim::Answered { status, response } => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
            return Ok(Kept { status, response, replay: true });
        }
    }
    match work.await {
        Ok((status, answer)) => {
            let response = serde_json::to_value(&answer).map_err(Problem::internal)?;
            idempotency::answer(&app.db, &app.keys, &name, status.as_u16(), &response).await?;
            Ok(Kept { status, response, replay: false })
        }
        Err(problem) => {
            idempotency::release(&app.db, &name).await?;
            Err(problem)
        }
    }
}

/// The answer, with the place of what was made: a list that is posted to has its items under their ids.
fn respond(request: &HttpRequest, kept: Kept) -> HttpResponse {
    let Kept { status, response: answer, replay } = kept;
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
