//! The ceiling: what actix-web answers when nothing is recorded.

use actix_web::{App, HttpResponse, HttpServer, post, web};
use uuid::Uuid;

use super::request::{Recorded, Scan, address, now};

pub async fn serve() -> anyhow::Result<()> {
    let server = HttpServer::new(|| App::new().service(record)).workers(2).bind(address()?)?;
    Ok(server.run().await?)
}

#[post("/api/v1/scans")]
async fn record(scan: web::Json<Scan>) -> HttpResponse {
    HttpResponse::Created().json(Recorded::of(&scan, Uuid::now_v7(), now()))
}
