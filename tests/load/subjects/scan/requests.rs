//! The requests: one scan each, everybody in turn, at places drawn anew.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use uuid::Uuid;

use crate::generator::Requests;
use crate::population::{Person, Place};

/// Scans of a crowd: what stands after `Bearer`, and what stands for a place. Never the same scan twice.
pub struct Scans {
    tokens: Vec<String>,
    codes: Vec<String>,
    next: AtomicU64,
    run: Uuid,
}

impl Scans {
    /// As citizens scan: tokens of sessions, codes of posters.
    pub fn of_citizens(people: &[Person], places: &[Place]) -> Arc<Self> {
        Self::new(
            people.iter().map(|p| p.token.clone()).collect(),
            places.iter().flat_map(|p| [p.code_in.clone(), p.code_out.clone()]).collect(),
        )
    }

    /// The same for peers, which look nothing up: the plain ids of the same people and places.
    pub fn of_ids(people: &[Person], places: &[Place]) -> Arc<Self> {
        Self::new(
            people.iter().map(|p| p.id.to_string()).collect(),
            places.iter().map(|p| p.id.to_string()).collect(),
        )
    }

    fn new(tokens: Vec<String>, codes: Vec<String>) -> Arc<Self> {
        Arc::new(Self { tokens, codes, next: AtomicU64::new(0), run: Uuid::new_v4() })
    }
}

impl Requests for Scans {
    fn write(&self, _connection: usize, _n: usize, buffer: &mut Vec<u8>) {
        let n = self.next.fetch_add(1, Ordering::Relaxed);
        let index = |of: &[String], n: u64| usize::try_from(n % of.len() as u64).unwrap_or(0);
        let token = &self.tokens[index(&self.tokens, n)];
        // Fibonacci hashing: the places of neighbours in the crowd, and of one person's scans, lie far apart.
        let code = &self.codes[index(&self.codes, n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32)];
        let length = r#"{"venue_code":"","client_scan_id":""}"#.len() + code.len() + 49;
        let _ = write!(
            buffer,
            "POST /api/v1/scans HTTP/1.1\r\nhost: load\r\nauthorization: Bearer {token}\r\n\
             content-type: application/json\r\ncontent-length: {length}\r\n\r\n\
             {{\"venue_code\":\"{code}\",\"client_scan_id\":\"{}-{n:016x}\"}}",
            self.run.simple()
        );
    }
}
