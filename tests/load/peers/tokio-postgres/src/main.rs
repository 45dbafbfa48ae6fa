//! actix-web and tokio-postgres: one prepared insert a request, 16 connections that the workers share.

use std::sync::atomic::{AtomicUsize, Ordering};

use actix_web::error::ErrorInternalServerError;
use actix_web::http::header::AUTHORIZATION;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, post, web};
use serde::{Deserialize, Serialize};
use tokio_postgres::{Client, Config, NoTls, Statement};
use uuid::Uuid;

const CONNECTIONS: usize = 16;
const INSERT: &str = "INSERT INTO scan (id, person_id, venue_id, direction, at, received_at, companions, suspect, \
                      repeat, source) VALUES ($1, $2, $3, 'in', $4, $5, 0, false, false, 'app')";

struct Pool {
    clients: Vec<(Client, Statement)>,
    next: AtomicUsize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Scan {
    venue_code: Uuid,
    client_scan_id: String,
}

#[derive(Serialize)]
struct Recorded {
    scan_id: Uuid,
    venue: Venue,
    direction: &'static str,
    scanned_at: String,
    health: Option<()>,
    suspect: bool,
}

#[derive(Serialize)]
struct Venue {
    id: Uuid,
    name: &'static str,
}

#[post("/api/v1/scans")]
async fn record(
    pool: web::Data<Pool>,
    request: HttpRequest,
    scan: web::Json<Scan>,
) -> actix_web::Result<HttpResponse> {
    let header = request.headers().get(AUTHORIZATION).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let person: Uuid = header.strip_prefix("Bearer ").and_then(|id| id.parse().ok()).unwrap_or_default();
    let (id, now) = (Uuid::now_v7(), chrono::Utc::now());
    let (client, insert) = &pool.clients[pool.next.fetch_add(1, Ordering::Relaxed) % CONNECTIONS];
    let at = now.timestamp() * 1000;
    client
        .execute(insert, &[&id, &person, &scan.venue_code, &at, &now.timestamp_millis()])
        .await
        .map_err(ErrorInternalServerError)?;
    Ok(HttpResponse::Created().json(Recorded {
        scan_id: id,
        venue: Venue { id: scan.venue_code, name: "翠湖餐厅" },
        direction: "in",
        scanned_at: now.to_rfc3339_opts(chrono::SecondsFormat::Secs, true),
        health: None,
        suspect: scan.client_scan_id.is_empty(),
    }))
}

async fn pool() -> Result<Pool, Box<dyn std::error::Error>> {
    let mut config = Config::new();
    config.host_path(std::env::var("PEER_PG_SOCKET")?).user("postgres").dbname(std::env::var("PEER_PG_DATABASE")?);
    let mut clients = Vec::new();
    for _ in 0..CONNECTIONS {
        let (client, connection) = config.connect(NoTls).await?;
        actix_web::rt::spawn(connection);
        let insert = client.prepare(INSERT).await?;
        clients.push((client, insert));
    }
    Ok(Pool { clients, next: AtomicUsize::new(0) })
}

#[actix_web::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let port: u16 = std::env::var("PEER_PORT")?.parse()?;
    let pool = web::Data::new(pool().await?);
    let server = HttpServer::new(move || App::new().app_data(pool.clone()).service(record)).workers(2);
    Ok(server.bind(("127.0.0.1", port))?.run().await?)
}
