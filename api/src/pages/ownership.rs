//! The file by which WeChat checks that the links of our posters are ours (ordinary links that open a mini-program).

use actix_web::{HttpResponse, get, web};
use utoipa_actix_web::service_config::ServiceConfig;

use crate::error::{Answer, Code, Problem};
use crate::http::server::ProblemBody;
use crate::state::App;

pub fn configure(config: &mut ServiceConfig<'_>) {
    config.service(ownership_file);
}

/// WeChat's ownership file
///
/// What `wechat.ownership_text` says, under the name of `wechat.ownership_name`; 404 for every other name.
#[utoipa::path(tag = "Venue", params(("name" = String, Path)), responses(
    (status = 200, body = String, content_type = "text/plain"), (status = 404, body = ProblemBody)))]
#[get("/v/{name}.txt")]
async fn ownership_file(app: web::Data<App>, path: web::Path<String>) -> Answer<HttpResponse> {
    let wechat = &app.settings.wechat;
    let known = wechat.ownership_name.strip_suffix(".txt").is_some_and(|stem| stem == path.as_str());
    if !known {
        return Err(Problem::new(Code::NotFound));
    }
    Ok(HttpResponse::Ok().content_type("text/plain; charset=utf-8").body(wechat.ownership_text.clone()))
}
