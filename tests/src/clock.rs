//! The clock of a test: the machine's time plus an offset that both processes read from a file.

use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use mashang_domain::time::Timestamp;

/// Longer than the processes believe an offset they have read.
const NOTICED: Duration = Duration::from_millis(45);

pub struct TestClock {
    file: PathBuf,
    offset: AtomicI64,
}

impl TestClock {
    pub fn new(file: PathBuf) -> std::io::Result<Self> {
        std::fs::write(&file, "0")?;
        Ok(Self { file, offset: AtomicI64::new(0) })
    }

    /// Moves the time of all processes of this test, forward or (negative) back, and waits until they have noticed.
    pub async fn advance(&self, millis: i64) {
        let offset = self.offset.fetch_add(millis, Ordering::SeqCst) + millis;
        // Written beside and renamed: nobody reads half a number.
        let fresh = self.file.with_extension("new");
        let written =
            std::fs::write(&fresh, offset.to_string()).and_then(|()| std::fs::rename(&fresh, &self.file));
        assert!(written.is_ok(), "the clock's file cannot be written");
        tokio::time::sleep(NOTICED).await;
    }

    /// What the processes call now.
    pub fn now(&self) -> Timestamp {
        Timestamp(mashang_infra::clock::Clock::system().now().millis() + self.offset.load(Ordering::SeqCst))
    }

    /// An instant so many milliseconds away from now, as RFC 3339.
    pub fn rfc3339(&self, away: i64) -> String {
        let at = chrono::DateTime::from_timestamp_millis(self.now().0 + away).unwrap_or_default();
        at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
    }
}
