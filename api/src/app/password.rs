//! Passwords of staff: argon2id, slow and large by intent, so off the async threads and few at a time.
//!
//! Anybody may ask for a log-in, and each check takes 19 MiB: without turns, a few hundred at once would take the machine.

use argon2::password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::Semaphore;

use crate::error::{Answer, Problem};

/// Passwords in work at once, in this process.
static TURNS: Semaphore = Semaphore::const_new(8);

/// argon2id of a random password nobody knows, with the same parameters.
pub const NOBODYS_HASH: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$UWVJpVvSnWBGAxdBUjqW7o4PKtsQjOyXTrMFGDB4hlM";

/// OWASP's first choice for argon2id: 19 MiB, two passes.
fn hasher() -> Argon2<'static> {
    Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::default())
}

/// Hashes a new password.
pub async fn hash(password: String) -> Answer<String> {
    check(&password)?;
    let work = move || hasher().hash_password(password.as_bytes()).map(|h| h.to_string());
    in_turn(work).await?.map_err(Problem::internal)
}

fn check(password: &str) -> Answer<()> {
    let length = password.chars().count();
    if (12..=128).contains(&length) {
        Ok(())
    } else {
        Err(Problem::field("password", "out_of_range", "12 to 128 characters"))
    }
}

/// Whether a password has this hash.
pub async fn verify(hash: String, password: String) -> Answer<bool> {
    let right = move || {
        PasswordHash::new(&hash).is_ok_and(|h| hasher().verify_password(password.as_bytes(), &h).is_ok())
    };
    in_turn(right).await
}

async fn in_turn<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Answer<T> {
    let turn = TURNS.acquire().await.map_err(Problem::internal)?;
    let work = move || {
        // Held by the work and not by who waits for it: a client that hangs up frees no memory.
        let _turn = turn;
        work()
    };
    tokio::task::spawn_blocking(work).await.map_err(Problem::internal)
}
