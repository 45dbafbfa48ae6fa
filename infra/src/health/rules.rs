//! The rules in force: those of the settings' file, or those that are shipped.

use std::borrow::Cow;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use mashang_domain::health::{RuleSet, RuleSetError};

/// Why there are no rules to start with.
#[derive(Debug, thiserror::Error)]
pub enum RulesError {
    #[error("the rules of the health code, {0}: {1}")]
    Unreadable(String, std::io::Error),
    #[error("the rules of the health code, {0}: {1}")]
    Invalid(String, RuleSetError),
}

/// The rules that everything is judged by from now on; clones share them.
#[derive(Debug, Clone)]
pub struct Rules(Arc<RwLock<Arc<RuleSet>>>);

impl Rules {
    pub fn new(rules: RuleSet) -> Self {
        Self(Arc::new(RwLock::new(Arc::new(rules))))
    }

    /// Reads `health.rules_file`; empty: the shipped ones.
    ///
    /// # Errors
    /// When the file cannot be read or is no rule set.
    pub fn load(file: &str) -> Result<Self, RulesError> {
        let text = text_of(file)?;
        RuleSet::parse(&text).map(Self::new).map_err(|e| RulesError::Invalid(file.to_owned(), e))
    }

    pub fn current(&self) -> Arc<RuleSet> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts other rules into force in this process.
    pub fn replace(&self, rules: RuleSet) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(rules);
    }
}

/// The text of a rules file; of the shipped rules where none is named.
///
/// # Errors
/// When the file cannot be read.
pub fn text_of(file: &str) -> Result<Cow<'static, str>, RulesError> {
    if file.is_empty() {
        return Ok(Cow::Borrowed(RuleSet::shipped_text()));
    }
    let text = std::fs::read_to_string(Path::new(file));
    text.map(Cow::Owned).map_err(|e| RulesError::Unreadable(file.to_owned(), e))
}
