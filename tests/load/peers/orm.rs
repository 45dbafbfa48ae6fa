//! The usual way with these libraries: the handler inserts its row through the ORM.

use actix_web::error::ErrorInternalServerError;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, post, web};
use mashang_domain::time::Timestamp;
use mashang_domain::venue::{Direction, ScanSource};
use mashang_entity::scan;
use sea_orm::{ActiveModelTrait, ActiveValue::Set, DatabaseConnection};
use uuid::Uuid;

use super::request::{Recorded, Scan, address, now, person};
use crate::servers::connect;

/// As many as our own pool has.
const CONNECTIONS: u32 = 16;

pub async fn serve() -> anyhow::Result<()> {
    let db = web::Data::new(connect(&std::env::var("PEER_PG_URL")?, CONNECTIONS).await?);
    let server = HttpServer::new(move || App::new().app_data(db.clone()).service(record)).workers(2);
    Ok(server.bind(address()?)?.run().await?)
}

#[post("/api/v1/scans")]
async fn record(
    db: web::Data<DatabaseConnection>,
    request: HttpRequest,
    body: web::Json<Scan>,
) -> actix_web::Result<HttpResponse> {
    let (id, now) = (Uuid::now_v7(), now());
    let at = Timestamp(now.timestamp_millis());
    let row = scan::ActiveModel {
        id: Set(id),
        person_id: Set(person(&request)),
        venue_id: Set(body.venue_code),
        zone_id: Set(None),
        direction: Set(Direction::In),
        at: Set(at.floor_to_second()),
        client_at: Set(None),
        received_at: Set(at),
        companions: Set(0),
        suspect: Set(false),
        suspect_reason: Set(None),
        repeat: Set(false),
        source: Set(ScanSource::App),
    };
    row.insert(db.get_ref()).await.map_err(ErrorInternalServerError)?;
    Ok(HttpResponse::Created().json(Recorded::of(&body, id, now)))
}
