//! The gateway of development: sends nothing, keeps the last messages, and can append them to a file.
//!
//! The log line carries the template and the masked number only. Texts, and with them login codes, are to be had through
//! [`LogGateway::messages`] and in the file that the settings name; production refuses this kind.

use std::collections::VecDeque;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use mashang_config::gateway::GatewaySettings;
use mashang_domain::delivery::{Channel, Outcome};
use mashang_domain::person::Address;
use mashang_domain::time::Timestamp;
use serde_json::json;
use tokio::io::AsyncWriteExt;

use super::batch::{Variables, json_text};
use super::registry::BuildError;
use super::{Batch, Gateway, Now, Recipient, TemplateKey, Terms};

/// Messages that are kept, the newest.
const KEPT: usize = 1_000;

/// A message that would have been sent. `Debug` does not show number, variables and text.
#[derive(Clone, PartialEq, Eq)]
pub struct LoggedMessage {
    pub at: Timestamp,
    pub channel: Channel,
    pub template: TemplateKey,
    pub to: Address,
    pub reference: String,
    pub variables: Vec<(String, String)>,
    pub text: String,
}

/// A handle; clones share the kept messages.
#[derive(Clone)]
pub struct LogGateway {
    terms: Terms,
    shared: Arc<Shared>,
}

struct Shared {
    file: Option<PathBuf>,
    /// Held while a batch is appended, so that lines do not mix.
    writing: tokio::sync::Mutex<()>,
    kept: Mutex<VecDeque<LoggedMessage>>,
    now: Now,
}

impl Shared {
    fn new(now: Now) -> Self {
        Self { file: None, writing: tokio::sync::Mutex::default(), kept: Mutex::default(), now }
    }
}

impl LogGateway {
    /// Fails when `endpoint` is neither empty nor an absolute path nor a `file:` URL.
    pub fn new(settings: &GatewaySettings, channel: Channel, now: Now) -> Result<Self, BuildError> {
        let file = match settings.endpoint.as_str() {
            "" => None,
            endpoint => {
                let wrong = || BuildError::Endpoint { gateway: settings.name.clone() };
                Some(file_path(endpoint).ok_or_else(wrong)?)
            }
        };
        let terms = Terms {
            max_batch: settings.max_batch,
            rate_per_second: settings.rate_per_second,
            ..Terms::stub(settings.name.clone(), channel)
        };
        Ok(Self { terms, shared: Arc::new(Shared { file, ..Shared::new(now) }) })
    }

    /// Without a file and without limits worth the name.
    pub fn in_memory(name: String, channel: Channel, now: Now) -> Self {
        Self { terms: Terms::stub(name, channel), shared: Arc::new(Shared::new(now)) }
    }

    /// The same store of messages on another channel, under another name.
    pub fn also(&self, channel: Channel, name: String) -> Self {
        Self { terms: Terms { name, channel, ..self.terms.clone() }, shared: Arc::clone(&self.shared) }
    }

    /// The last messages, oldest first, of this handle and all that share its store.
    pub fn messages(&self) -> Vec<LoggedMessage> {
        self.kept().iter().cloned().collect()
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, VecDeque<LoggedMessage>> {
        self.shared.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep(&self, template: &TemplateKey, recipient: &Recipient) -> LoggedMessage {
        let message = LoggedMessage {
            at: (self.shared.now)(),
            channel: self.terms.channel,
            template: template.clone(),
            to: recipient.to.clone(),
            reference: recipient.reference.clone(),
            variables: recipient.variables.clone(),
            text: recipient.text.clone(),
        };
        let mut kept = self.kept();
        if kept.len() == KEPT {
            kept.pop_front();
        }
        kept.push_back(message.clone());
        message
    }

    /// Appends one JSON line per message. A full disk does not stop a demonstration: the failure is only logged.
    async fn append(&self, lines: &str) {
        let Some(path) = &self.shared.file else { return };
        let _writing = self.shared.writing.lock().await;
        let written = async {
            let mut file = tokio::fs::OpenOptions::new().create(true).append(true).open(path).await?;
            file.write_all(lines.as_bytes()).await?;
            file.flush().await
        };
        if let Err(error) = written.await {
            tracing::warn!(gateway = %self.terms.name, %error, "the message file cannot be written");
        }
    }

    fn line(&self, message: &LoggedMessage) -> String {
        let variables = json_text(&Variables(&message.variables));
        let line = json!({
            "at": message.at, "gateway": self.terms.name, "channel": message.channel, "template": message.template.as_str(),
            "phone": message.to.reveal(), "reference": message.reference, "text": message.text,
            "variables": serde_json::from_str::<serde_json::Value>(&variables).unwrap_or_default(),
        });
        format!("{line}\n")
    }
}

#[async_trait]
impl Gateway for LogGateway {
    fn terms(&self) -> &Terms {
        &self.terms
    }

    async fn send(&self, batch: &Batch) -> Vec<Outcome> {
        let mut lines = String::new();
        let mut outcomes = Vec::with_capacity(batch.recipients.len());
        for recipient in &batch.recipients {
            let template = batch.template.as_str();
            tracing::info!(gateway = %self.terms.name, channel = %self.terms.channel, template, to = %recipient.to, "message");
            lines.push_str(&self.line(&self.keep(&batch.template, recipient)));
            outcomes.push(Outcome::Accepted { provider_id: format!("log-{}", recipient.reference) });
        }
        self.append(&lines).await;
        outcomes
    }

    fn as_log(&self) -> Option<&LogGateway> {
        Some(self)
    }
}

/// An absolute path, or a `file:` URL of one.
fn file_path(endpoint: &str) -> Option<PathBuf> {
    if endpoint.starts_with("file:") {
        return reqwest::Url::parse(endpoint).ok()?.to_file_path().ok();
    }
    endpoint.starts_with('/').then(|| PathBuf::from(endpoint))
}

impl fmt::Debug for LoggedMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoggedMessage")
            .field("at", &self.at)
            .field("channel", &self.channel)
            .field("template", &self.template)
            .field("to", &self.to)
            .field("reference", &self.reference)
            .finish_non_exhaustive()
    }
}
