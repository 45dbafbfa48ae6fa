//! A provider that is faster than its customers: takes what looks like a call of Alibaba Cloud, checks nothing, and
//! answers that it was accepted. One thread.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use actix_web::web::{self, Data};
use actix_web::{App, HttpResponse, HttpServer, dev::ServerHandle};

/// Calls so far.
type Calls = AtomicU64;

pub struct Provider {
    pub url: String,
    calls: Arc<Calls>,
    server: ServerHandle,
}

impl Provider {
    pub fn start() -> anyhow::Result<Self> {
        let calls = Arc::new(Calls::new(0));
        let data = Data::from(Arc::clone(&calls));
        let server = HttpServer::new(move || {
            App::new()
                .app_data(data.clone())
                .app_data(web::PayloadConfig::new(1 << 20))
                .route("/", web::post().to(accept))
        })
        .workers(1)
        .disable_signals()
        .bind(("127.0.0.1", 0))?;
        let url = format!("http://{}", server.addrs()[0]);
        let running = server.run();
        let handle = running.handle();
        tokio::spawn(running);
        Ok(Self { url, calls, server: handle })
    }

    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        let server = self.server.clone();
        tokio::spawn(async move { server.stop(false).await });
    }
}

async fn accept(_body: web::Bytes, calls: Data<Calls>) -> HttpResponse {
    let number = calls.fetch_add(1, Ordering::Relaxed);
    HttpResponse::Ok()
        .content_type("application/json")
        .body(format!(r#"{{"Message":"OK","RequestId":"R","Code":"OK","BizId":"{number}^0"}}"#))
}
