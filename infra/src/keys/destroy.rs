//! Destroying the keys: what makes the data of an ended operation unreadable, backups included.
//!
//! A file with the signing key alone takes the place of the key file in one rename, so that there is no instant with
//! half a file; then the old content is overwritten. Whoever repeats an interrupted destruction finishes it. Processes
//! that have the ring open look at the file twice a second and drop their keys when they see it destroyed.

use std::fs::{File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use zeroize::Zeroizing;

use super::{KeyFileError, KeyFileSecrets, KeyRing};

/// How long a look at the file is believed, in milliseconds.
const LOOK_AGAIN_AFTER: u64 = 500;

/// The file of an open ring.
pub(super) struct WatchedFile {
    path: PathBuf,
    opened: Instant,
    /// Milliseconds since `opened` at which the file is looked at again.
    look_at: AtomicU64,
}

impl WatchedFile {
    pub(super) fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), opened: Instant::now(), look_at: AtomicU64::new(LOOK_AGAIN_AFTER) }
    }

    /// Whether it is time, for one of those who ask at once.
    fn due(&self) -> bool {
        let now = u64::try_from(self.opened.elapsed().as_millis()).unwrap_or(u64::MAX);
        let at = self.look_at.load(Ordering::Acquire);
        let next = now.saturating_add(LOOK_AGAIN_AFTER);
        now >= at && self.look_at.compare_exchange(at, next, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
}

impl KeyRing {
    /// Destroys all keys but the signing key, in the file and in this process. Answers the fingerprints of what was
    /// destroyed, also when it had been destroyed before. Blocks for a few file operations.
    ///
    /// # Errors
    /// When the file cannot be replaced or overwritten. The keys in memory are kept then, so that the fingerprints can
    /// still be told; call again.
    pub fn destroy(&self) -> Result<Vec<String>, KeyFileError> {
        let fingerprints = self.destructible_fingerprints();
        let destroyed = match &self.file {
            Some(file) => destroy_file(&file.path, &fingerprints)?,
            None => fingerprints,
        };
        self.forget();
        Ok(destroyed)
    }

    /// Whether the keys were destroyed.
    pub fn is_destroyed(&self) -> bool {
        self.with_data(|_| ()).is_none()
    }

    /// Drops the keys from memory; they are overwritten.
    fn forget(&self) {
        self.data.write().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// Drops the keys when the file says that they were destroyed.
    pub(super) fn look_at_file(&self) {
        let Some(file) = self.file.as_ref().filter(|f| f.due()) else { return };
        if self.data.read().unwrap_or_else(PoisonError::into_inner).is_none() {
            return;
        }
        let text = std::fs::read_to_string(&file.path).map(Zeroizing::new);
        if text.is_ok_and(|t| KeyFileSecrets::is_destroyed(&t)) {
            tracing::warn!(
                "the key file was destroyed: this process refuses to seal and to open from now on"
            );
            self.forget();
        }
    }
}

/// Replaces the file at `path` and overwrites what it held.
fn destroy_file(path: &Path, fingerprints: &[String]) -> Result<Vec<String>, KeyFileError> {
    let io = |source| KeyFileError::Io { path: path.to_owned(), source };
    let invalid = |reason| KeyFileError::Invalid { path: path.to_owned(), reason };
    let path = path.canonicalize().map_err(io)?;
    // One at a time, or the one who cleans up overwrites what another has just put in place. Held until it is dropped.
    let folder = File::open(path.parent().unwrap_or(Path::new("/"))).map_err(io)?;
    folder.lock().map_err(io)?;
    let old = beside(&path, "destroying");
    let text = Zeroizing::new(std::fs::read_to_string(&path).map_err(io)?);
    if KeyFileSecrets::is_destroyed(&text) {
        shred(&old).map_err(io)?;
        return Ok(KeyFileSecrets::parse(&text).map_err(invalid)?.destroyed.unwrap_or_default());
    }
    let remains = KeyFileSecrets::remains_of(&text, fingerprints).map_err(invalid)?;
    replace(&path, &old, remains.as_bytes()).and_then(|()| shred(&old)).map_err(io)?;
    Ok(fingerprints.to_vec())
}

/// Puts `content` in the place of `path`; the old content is reachable as `old` until it is shredded.
fn replace(path: &Path, old: &Path, content: &[u8]) -> io::Result<()> {
    let new = beside(path, "new");
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&new)?;
    file.write_all(content)?;
    file.sync_all()?;
    match std::fs::hard_link(path, old) {
        Err(e) if e.kind() != io::ErrorKind::AlreadyExists => return Err(e),
        Ok(()) | Err(_) => {}
    }
    std::fs::rename(&new, path)?;
    sync_folder(path)
}

/// Overwrites and removes a file; nothing to do when there is none.
fn shred(path: &Path) -> io::Result<()> {
    let mut file = match OpenOptions::new().write(true).open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(e),
    };
    let length = usize::try_from(file.metadata()?.len()).unwrap_or(0);
    file.seek(SeekFrom::Start(0))?;
    file.write_all(&vec![0; length])?;
    file.sync_all()?;
    std::fs::remove_file(path)?;
    sync_folder(path)
}

fn sync_folder(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(suffix);
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use mashang_domain::person::Phone;
    use mashang_domain::protection::audit::Purpose;
    use uuid::Uuid;

    use super::*;
    use crate::keys::{Field, Label, SealError};

    const ROW: Uuid = Uuid::from_u128(1);

    struct Bench {
        path: PathBuf,
        ring: KeyRing,
        sealed: Vec<u8>,
        _dir: tempfile::TempDir,
    }

    fn bench() -> Bench {
        let dir = tempfile::tempdir().expect("dir");
        let path = dir.path().join("keys.toml");
        let ring = KeyRing::open(&path, true).expect("opened");
        let phone = Phone::parse("13800138000").expect("parses");
        let sealed = ring.seal_phone(Field::PersonPhone, ROW, &phone).expect("sealed");
        Bench { path, ring, sealed, _dir: dir }
    }

    fn opens(ring: &KeyRing, b: &Bench) -> Result<Phone, SealError> {
        ring.open_phone(Field::PersonPhone, ROW, 1, &b.sealed, Purpose::Alert)
    }

    #[test]
    fn a_destroyed_ring_opens_nothing_and_still_signs() {
        let b = bench();
        let (before, key) = (b.ring.destructible_fingerprints(), b.ring.signing_key().verifying_key());
        assert_eq!(b.ring.destroy().expect("destroyed"), before);
        assert_eq!(opens(&b.ring, &b), Err(SealError::Destroyed));
        assert_eq!(b.ring.seal(Field::CaseNote, ROW, b"x"), Err(SealError::Destroyed));
        assert!(b.ring.keyed_hash(Label::Phone, b"x").is_empty());
        let again = KeyRing::open(&b.path, false).expect("the remains open");
        assert!(again.is_destroyed());
        assert_eq!(opens(&again, &b), Err(SealError::Destroyed));
        assert_eq!(again.signing_key().verifying_key(), key);
        assert_eq!(again.destroy().expect("harmless twice"), before);
    }

    #[test]
    fn another_process_refuses_within_a_second() {
        let b = bench();
        let other = KeyRing::open(&b.path, false).expect("opened");
        b.ring.destroy().expect("destroyed");
        std::thread::sleep(Duration::from_millis(LOOK_AGAIN_AFTER + 50));
        assert_eq!(opens(&other, &b), Err(SealError::Destroyed));
    }

    #[test]
    fn many_may_destroy_at_once() {
        let b = bench();
        let (prints, key) = (b.ring.destructible_fingerprints(), b.ring.signing_key().verifying_key());
        let rings: Vec<_> = (0..8).map(|_| KeyRing::open(&b.path, false).expect("opened")).collect();
        std::thread::scope(|scope| {
            let work: Vec<_> =
                rings.iter().map(|ring| scope.spawn(|| ring.destroy().expect("destroyed"))).collect();
            assert!(work.into_iter().all(|w| w.join().expect("joined") == prints));
        });
        assert_eq!(KeyRing::open(&b.path, false).expect("opened").signing_key().verifying_key(), key);
    }

    #[test]
    fn nothing_of_the_secrets_is_left_in_the_folder() {
        let b = bench();
        let before = std::fs::read_to_string(&b.path).expect("read");
        b.ring.destroy().expect("destroyed");
        let secrets: Vec<&str> = before.lines().filter(|l| l.starts_with("secret")).collect();
        assert_eq!(secrets.len(), 4);
        let files: Vec<_> = std::fs::read_dir(b.path.parent().expect("folder")).expect("listed").collect();
        assert_eq!(files.len(), 1, "{files:?}");
        let after = std::fs::read_to_string(&b.path).expect("read");
        assert_eq!(secrets.iter().filter(|s| after.contains(**s)).count(), 1, "the signing key alone");
    }

    #[test]
    fn an_interrupted_destruction_is_finished_by_the_next() {
        let b = bench();
        let text = std::fs::read_to_string(&b.path).expect("read");
        let prints = b.ring.destructible_fingerprints();
        // Died after the new file was written, and again after the rename.
        std::fs::write(beside(&b.path, "new"), "half").expect("written");
        let remains = KeyFileSecrets::remains_of(&text, &prints).expect("made");
        let old = beside(&b.path, "destroying");
        replace(&b.path, &old, remains.as_bytes()).expect("replaced");
        assert!(old.exists());
        let ring = KeyRing::open(&b.path, false).expect("opened");
        assert_eq!(ring.destroy().expect("finished"), prints);
        assert!(!old.exists());
    }
}
