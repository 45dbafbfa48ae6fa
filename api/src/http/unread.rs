//! Reading to its end what nobody wants.
//!
//! A request that is answered before its body was read costs the client its connection: what follows could be anything.
//! When many are sent away, each would come again on a new connection, and making those takes more than the refusals.

use std::time::Duration;

use actix_web::HttpMessage as _;
use actix_web::dev::ServiceRequest;
use actix_web::http::header::CONTENT_LENGTH;
use futures_util::StreamExt as _;

/// The longest body that is read for that, in bytes: as a rule it is there already, in the packet of its head.
const SMALL: usize = 16_384;
/// How long it may take to come.
const PATIENCE: Duration = Duration::from_secs(1);

/// Reads a small body to its end, so that the connection can be kept.
pub async fn read_to_the_end(request: &mut ServiceRequest) {
    let length = request.headers().get(CONTENT_LENGTH).and_then(|n| n.to_str().ok()?.parse::<usize>().ok());
    if !length.is_some_and(|n| (1..=SMALL).contains(&n)) {
        return;
    }
    let mut body = request.take_payload();
    let _ = tokio::time::timeout(PATIENCE, async { while let Some(Ok(_)) = body.next().await {} }).await;
}
