//! Lays the layers over each other: compiled-in defaults, a file, the environment, secret files.

use std::path::{Path, PathBuf};

use config::{Config, Environment, File, FileFormat};

use crate::Settings;

/// Every key with its default and comment.
pub const DEFAULT_TOML: &str = include_str!("../default.toml");

#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error("settings: {0}")]
    Invalid(#[from] config::ConfigError),
    #[error("settings: {variable} names {path}, which cannot be read: {source}")]
    SecretFile { variable: String, path: String, source: std::io::Error },
    #[error("settings: both {variable} and {variable}_FILE are set")]
    SecretTwice { variable: String },
    #[error("settings: {0} is no file")]
    NoFile(PathBuf),
}

/// Loads the settings; `file` comes from `--config` or `MASHANG_CONFIG`.
pub fn load(file: Option<&Path>) -> Result<Settings, LoadError> {
    load_with(file, std::env::vars().collect())
}

/// As [`load`], with the environment passed in.
pub fn load_with(file: Option<&Path>, env: Vec<(String, String)>) -> Result<Settings, LoadError> {
    let mut builder = Config::builder().add_source(File::from_str(DEFAULT_TOML, FileFormat::Toml));
    if let Some(path) = file {
        if !path.is_file() {
            return Err(LoadError::NoFile(path.to_owned()));
        }
        builder = builder.add_source(File::from(path.to_owned()).format(FileFormat::Toml));
    }
    let env = with_secret_files(env)?;
    let source = Environment::with_prefix("MASHANG")
        .prefix_separator("__")
        .separator("__")
        .try_parsing(true)
        .list_separator(",")
        .with_list_parse_key("http.trusted_proxies")
        .with_list_parse_key("alerts.ladder_1")
        .with_list_parse_key("alerts.ladder_2")
        .with_list_parse_key("alerts.ladder_3")
        .with_list_parse_key("dispatch.retry_seconds")
        .with_list_parse_key("alipay.picture_hosts")
        .ignore_empty(true)
        .source(Some(env.into_iter().collect()));
    Ok(builder.add_source(source).build()?.try_deserialize()?)
}

/// Replaces `MASHANG__X__KEY_FILE=path` by `MASHANG__X__KEY=<content of path>`.
fn with_secret_files(env: Vec<(String, String)>) -> Result<Vec<(String, String)>, LoadError> {
    let mut out = Vec::with_capacity(env.len());
    for (name, value) in &env {
        // `clock_offset_file` and `keys.file` are keys of their own, not the file of a secret.
        let own_key =
            ["MASHANG__DEVELOPMENT__CLOCK_OFFSET_FILE", "MASHANG__KEYS__FILE"].contains(&name.as_str());
        let secret = name.strip_suffix("_FILE").filter(|n| n.starts_with("MASHANG__") && !own_key);
        match secret {
            Some(variable) if env.iter().any(|(n, _)| n == variable) => {
                return Err(LoadError::SecretTwice { variable: variable.to_owned() });
            }
            Some(variable) => {
                let content = std::fs::read_to_string(value).map_err(|source| LoadError::SecretFile {
                    variable: name.clone(),
                    path: value.clone(),
                    source,
                })?;
                out.push((variable.to_owned(), content.trim_end().to_owned()));
            }
            None => out.push((name.clone(), value.clone())),
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    #[test]
    fn the_defaults_load() {
        let s = load_with(None, vec![]).expect("defaults load");
        assert_eq!(s.limits.code_ttl_seconds, 300);
        assert!(s.notifier_embedded());
        assert_eq!(s.templates.len(), 10);
    }

    #[test]
    fn the_environment_wins_and_wrong_keys_are_named() {
        let s = load_with(
            None,
            env(&[("MASHANG__HTTP__LISTEN", "0.0.0.0:9"), ("MASHANG__LIMITS__CODE_TRIES", "7")]),
        );
        let s = s.expect("loads");
        assert_eq!((s.http.listen.as_str(), s.limits.code_tries), ("0.0.0.0:9", 7));
        for (key, named) in [("MASHANG__HTTP__LISTN", "listn"), ("MASHANG__HTPP__LISTEN", "htpp")] {
            let e = load_with(None, env(&[(key, "1")])).expect_err("refused").to_string();
            assert!(e.contains(named), "{e}");
        }
        let e =
            load_with(None, env(&[("MASHANG__SCANS__GROUP_MAX", "many")])).expect_err("refused").to_string();
        assert!(e.contains("scans.group_max"), "{e}");
    }

    #[test]
    fn secrets_come_from_files() {
        let dir = tempfile::tempdir().expect("dir");
        let path = dir.path().join("url");
        std::fs::write(&path, "postgres://u@h/d\n").expect("written");
        let path = path.to_string_lossy().into_owned();
        let s = load_with(None, env(&[("MASHANG__DATABASE__URL_FILE", &path)])).expect("loads");
        assert_eq!(s.database.url, "postgres://u@h/d");
        let s = load_with(None, env(&[("MASHANG__KEYS__FILE", "/not/there/yet.toml")])).expect("loads");
        assert_eq!(s.keys.file, "/not/there/yet.toml");
        assert!(load_with(None, env(&[("MASHANG__DATABASE__URL_FILE", "/nowhere")])).is_err());
        let keys = load_with(None, env(&[("MASHANG__KEYS__FILE", "/nowhere")])).expect("a path of its own");
        assert_eq!(keys.keys.file, "/nowhere");
    }
}
