//! The file of the key ring.

use std::io::Write;
use std::path::{Path, PathBuf};

use data_encoding::BASE64;
use rand::TryRng;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    #[error(
        "the key file {0} does not exist; production does not make one by itself (see docs/deployment.md)"
    )]
    Missing(PathBuf),
    #[error("the key file {path}: {source}")]
    Io { path: PathBuf, source: std::io::Error },
    #[error("the key file {path}: {reason}")]
    Invalid { path: PathBuf, reason: String },
}

/// The secrets of a key file, as read.
pub struct KeyFileSecrets {
    pub(super) index: Zeroizing<[u8; 32]>,
    pub(super) seal: Vec<(i32, Zeroizing<[u8; 32]>)>,
    pub(super) venue_code: Vec<(u8, Zeroizing<[u8; 32]>)>,
    pub(super) signing: Zeroizing<[u8; 32]>,
    /// Fingerprints of the keys that the end of the operation destroyed; the file then holds the signing key only.
    pub(super) destroyed: Option<Vec<String>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Layout {
    index: Single,
    seal: Vec<Versioned>,
    venue_code: Vec<Versioned>,
    signing: Single,
}

/// What is left of a file when the operation has ended.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Remains {
    destroyed: Fingerprints,
    signing: Single,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fingerprints {
    fingerprints: Vec<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Single {
    secret: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Versioned {
    version: i32,
    secret: String,
}

impl KeyFileSecrets {
    /// Reads and checks a file: every secret 32 bytes, all distinct, versions unique.
    pub fn read(path: &Path) -> Result<Self, KeyFileError> {
        let io = |source| KeyFileError::Io { path: path.to_owned(), source };
        let text = Zeroizing::new(std::fs::read_to_string(path).map_err(io)?);
        Self::parse(&text).map_err(|reason| KeyFileError::Invalid { path: path.to_owned(), reason })
    }

    /// Makes a file with fresh secrets, readable by its owner only.
    pub fn create(path: &Path) -> Result<Self, KeyFileError> {
        let io = |source| KeyFileError::Io { path: path.to_owned(), source };
        let layout = Layout {
            index: Single { secret: fresh()? },
            seal: vec![Versioned { version: 1, secret: fresh()? }],
            venue_code: vec![Versioned { version: 1, secret: fresh()? }],
            signing: Single { secret: fresh()? },
        };
        let invalid = |reason| KeyFileError::Invalid { path: path.to_owned(), reason };
        let text = Zeroizing::new(toml::to_string(&layout).map_err(|e| invalid(e.to_string()))?);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(io)?;
        }
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(path).map_err(io)?;
        file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(io)?;
        Self::parse(&text).map_err(invalid)
    }

    /// The text of a file that keeps the signing key of `text` and, of all others, the fingerprints.
    pub(super) fn remains_of(text: &str, fingerprints: &[String]) -> Result<Zeroizing<String>, String> {
        let layout: Layout = toml::from_str(text).map_err(|e| e.message().to_owned())?;
        let destroyed = Fingerprints { fingerprints: fingerprints.to_vec() };
        let remains = Remains { destroyed, signing: layout.signing };
        toml::to_string(&remains).map(Zeroizing::new).map_err(|e| e.to_string())
    }

    /// Whether `text` is what a destruction has left.
    pub(super) fn is_destroyed(text: &str) -> bool {
        text.lines().any(|line| line.trim() == "[destroyed]")
    }

    fn parse_remains(text: &str) -> Result<Self, String> {
        let remains: Remains = toml::from_str(text).map_err(|e| e.message().to_owned())?;
        let bytes = Zeroizing::new(
            BASE64.decode(remains.signing.secret.as_bytes()).map_err(|_| "signing: no base64")?,
        );
        let signing: [u8; 32] = bytes.as_slice().try_into().map_err(|_| "signing: 32 bytes are wanted")?;
        Ok(Self {
            index: Zeroizing::new([0; 32]),
            seal: Vec::new(),
            venue_code: Vec::new(),
            signing: Zeroizing::new(signing),
            destroyed: Some(remains.destroyed.fingerprints),
        })
    }

    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if Self::is_destroyed(text) {
            return Self::parse_remains(text);
        }
        let layout: Layout = toml::from_str(text).map_err(|e| e.message().to_owned())?;
        let mut seen = Vec::new();
        let mut secret = |name: &str, s: &str| -> Result<Zeroizing<[u8; 32]>, String> {
            let bytes =
                Zeroizing::new(BASE64.decode(s.as_bytes()).map_err(|_| format!("{name}: no base64"))?);
            let key: [u8; 32] =
                bytes.as_slice().try_into().map_err(|_| format!("{name}: 32 bytes are wanted"))?;
            if seen.contains(&key) {
                return Err(format!("{name}: the same secret stands twice"));
            }
            seen.push(key);
            Ok(Zeroizing::new(key))
        };
        let index = secret("index", &layout.index.secret)?;
        let signing = secret("signing", &layout.signing.secret)?;
        let mut seal: Vec<(i32, Zeroizing<[u8; 32]>)> = Vec::new();
        for v in &layout.seal {
            if v.version < 1 || seal.iter().any(|(n, _)| *n == v.version) {
                return Err(format!("seal: version {} is taken or below 1", v.version));
            }
            seal.push((v.version, secret("seal", &v.secret)?));
        }
        let mut venue_code: Vec<(u8, Zeroizing<[u8; 32]>)> = Vec::new();
        for v in &layout.venue_code {
            let version =
                u8::try_from(v.version).ok().filter(|n| *n < 16).ok_or("venue_code: versions are 0 to 15")?;
            if venue_code.iter().any(|(n, _)| *n == version) {
                return Err(format!("venue_code: version {version} stands twice"));
            }
            venue_code.push((version, secret("venue_code", &v.secret)?));
        }
        if seal.is_empty() || venue_code.is_empty() {
            return Err("at least one [[seal]] and one [[venue_code]] are wanted".to_owned());
        }
        Ok(Self { index, seal, venue_code, signing, destroyed: None })
    }
}

fn fresh() -> Result<String, KeyFileError> {
    let mut bytes = Zeroizing::new([0u8; 32]);
    rand::rngs::SysRng.try_fill_bytes(bytes.as_mut_slice()).map_err(|e| KeyFileError::Invalid {
        path: PathBuf::from("(system random source)"),
        reason: e.to_string(),
    })?;
    Ok(BASE64.encode(bytes.as_slice()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fresh_file_reads_back_and_is_private() {
        let dir = tempfile::tempdir().expect("dir");
        let path = dir.path().join("sub/keys.toml");
        KeyFileSecrets::create(&path).expect("made");
        KeyFileSecrets::read(&path).expect("read");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(std::fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
        }
        assert!(KeyFileSecrets::create(&path).is_err(), "an existing ring is never overwritten");
    }

    #[test]
    fn weak_and_doubled_secrets_are_refused() {
        let a = BASE64.encode(&[1; 32]);
        let text = |index: &str, seal: &str| {
            format!(
                "[index]\nsecret='{index}'\n[[seal]]\nversion=1\nsecret='{seal}'\n[[venue_code]]\nversion=1\nsecret='{}'\n[signing]\nsecret='{}'\n",
                BASE64.encode(&[3; 32]),
                BASE64.encode(&[4; 32])
            )
        };
        assert!(KeyFileSecrets::parse(&text(&a, &BASE64.encode(&[2; 32]))).is_ok());
        assert!(KeyFileSecrets::parse(&text(&a, &a)).is_err_and(|e| e.contains("twice")));
        assert!(
            KeyFileSecrets::parse(&text(&a, &BASE64.encode(&[2; 16]))).is_err_and(|e| e.contains("32 bytes"))
        );
    }
}
