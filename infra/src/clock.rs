//! The one place that reads the system's time.
//!
//! Rules, stores and jobs are handed `now`; services ask a [`Clock`] for it. In development a clock may follow an offset
//! file, so that fourteen days of check-ins pass in a test of a second without anybody touching the machine's time.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::Instant;

use chrono::Utc;
use mashang_domain::time::Timestamp;

/// How long an offset that was read from its file is believed, in milliseconds.
const REREAD_AFTER: u64 = 20;

/// Tells the time. Clones are cheap and agree with each other.
#[derive(Clone)]
pub struct Clock(Arc<Source>);

enum Source {
    System,
    Offset(OffsetFile),
    Hand(AtomicI64),
}

impl Clock {
    /// The time of the machine.
    pub fn system() -> Self {
        Self(Arc::new(Source::System))
    }

    /// The time of the machine plus the milliseconds that the file at `path` holds as a decimal number, such as
    /// `86400000` for one day ahead. The file is read again after 20 ms at the earliest. No file means no offset; a
    /// file that cannot be understood leaves the last offset in force. For development and tests only.
    pub fn with_offset_file(path: impl Into<PathBuf>) -> Self {
        Self(Arc::new(Source::Offset(OffsetFile::new(path.into()))))
    }

    /// A clock that has stopped at `at`.
    pub fn fixed(at: Timestamp) -> Self {
        Self::manual(at).0
    }

    /// A clock that moves only when its hand is moved.
    pub fn manual(at: Timestamp) -> (Self, ClockHand) {
        let source = Arc::new(Source::Hand(AtomicI64::new(at.millis())));
        (Self(source.clone()), ClockHand(source))
    }

    /// The present instant, in whole milliseconds.
    pub fn now(&self) -> Timestamp {
        match &*self.0 {
            Source::System => system_now(),
            Source::Offset(file) => system_now() + file.offset(),
            Source::Hand(at) => Timestamp(at.load(Ordering::SeqCst)),
        }
    }
}

impl std::fmt::Debug for Clock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Clock({})", self.now())
    }
}

/// Moves the clock that [`Clock::manual`] made it with.
pub struct ClockHand(Arc<Source>);

impl ClockHand {
    /// Moves the clock by `millis`; a negative number moves it back.
    pub fn advance(&self, millis: i64) {
        if let Source::Hand(at) = &*self.0 {
            at.fetch_add(millis, Ordering::SeqCst);
        }
    }

    pub fn set(&self, to: Timestamp) {
        if let Source::Hand(at) = &*self.0 {
            at.store(to.millis(), Ordering::SeqCst);
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place that reads the system's time")]
fn system_now() -> Timestamp {
    Timestamp(Utc::now().timestamp_millis())
}

struct OffsetFile {
    path: PathBuf,
    started: Instant,
    /// Milliseconds since `started` from which on the file is read again.
    reread_at: AtomicU64,
    offset: AtomicI64,
    complained: AtomicBool,
}

impl OffsetFile {
    fn new(path: PathBuf) -> Self {
        Self {
            path,
            started: Instant::now(),
            reread_at: AtomicU64::new(0),
            offset: AtomicI64::new(0),
            complained: AtomicBool::new(false),
        }
    }

    fn offset(&self) -> i64 {
        let uptime = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        if uptime >= self.reread_at.load(Ordering::Acquire) {
            self.read();
            self.reread_at.store(uptime.saturating_add(REREAD_AFTER), Ordering::Release);
        }
        self.offset.load(Ordering::Acquire)
    }

    fn read(&self) {
        let text = match std::fs::read_to_string(&self.path) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => String::from("0"),
            Err(e) => return self.complain(&e),
        };
        match text.trim().parse() {
            Ok(offset) => self.offset.store(offset, Ordering::Release),
            Err(e) => self.complain(&e),
        }
    }

    /// Once is enough: the clock is asked thousands of times a second.
    fn complain(&self, error: &dyn std::fmt::Display) {
        if !self.complained.swap(true, Ordering::AcqRel) {
            tracing::warn!(path = %self.path.display(), %error, "the clock's offset file cannot be used");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use mashang_domain::time::{DAY, HOUR};

    use super::*;

    fn past_the_reread() {
        std::thread::sleep(Duration::from_millis(REREAD_AFTER + 5));
    }

    #[test]
    fn clones_of_a_manual_clock_move_together() {
        let (clock, hand) = Clock::manual(Timestamp::from_secs(100));
        let clone = clock.clone();
        hand.advance(DAY);
        assert_eq!(clone.now(), Timestamp::from_secs(100) + DAY);
        hand.set(Timestamp::from_secs(5));
        assert_eq!(clock.now(), Timestamp::from_secs(5));
    }

    #[test]
    fn a_fixed_clock_stands_still() {
        let clock = Clock::fixed(Timestamp::from_secs(7));
        assert_eq!((clock.now(), clock.now()), (Timestamp::from_secs(7), Timestamp::from_secs(7)));
    }

    #[test]
    fn the_offset_file_moves_the_time_of_the_machine() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("offset");
        let clock = Clock::with_offset_file(&path);
        let ahead = || clock.now() - system_now();
        assert!(ahead().abs() < HOUR, "no file, no offset");

        std::fs::write(&path, format!("{DAY}\n")).expect("written");
        past_the_reread();
        assert!((ahead() - DAY).abs() < HOUR);

        std::fs::write(&path, "tomorrow").expect("written");
        past_the_reread();
        assert!((ahead() - DAY).abs() < HOUR, "nonsense leaves the last offset");
    }

    #[test]
    fn the_file_is_not_read_at_every_call() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("offset");
        let file = OffsetFile::new(path.clone());
        assert_eq!(file.offset(), 0);
        file.reread_at.store(u64::MAX, Ordering::Release);
        std::fs::write(&path, "5").expect("written");
        assert_eq!(file.offset(), 0);
    }
}
