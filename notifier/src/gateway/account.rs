//! What every account at a cloud provider needs: where it is, and a key to sign with.

use std::collections::BTreeMap;

use mashang_config::gateway::GatewaySettings;
use mashang_domain::delivery::{ErrorClass, Outcome};
use reqwest::Client;
use secrecy::{ExposeSecret, SecretString};

use super::Batch;
use super::http::{self, Endpoint};
use super::registry::BuildError;

/// Access of an account: a client with its time-outs, a bare endpoint, a key.
pub(super) struct Account {
    pub(super) http: Client,
    pub(super) endpoint: Endpoint,
    pub(super) key_id: String,
    pub(super) secret: SecretString,
}

impl Account {
    /// Fails without a key, or with an endpoint that has a path.
    pub(super) fn new(settings: &GatewaySettings) -> Result<Self, BuildError> {
        required(settings, "access_key_id", &settings.access_key_id)?;
        required(settings, "access_key_secret", settings.access_key_secret.expose_secret())?;
        let gateway = || settings.name.clone();
        let endpoint = Endpoint::parse(&settings.endpoint).filter(|endpoint| endpoint.url.path() == "/");
        Ok(Self {
            http: http::client(settings).map_err(|source| BuildError::Http { gateway: gateway(), source })?,
            endpoint: endpoint.ok_or_else(|| BuildError::Endpoint { gateway: gateway() })?,
            key_id: settings.access_key_id.clone(),
            secret: settings.access_key_secret.clone(),
        })
    }
}

/// A setting that must not be empty.
pub(super) fn required(
    settings: &GatewaySettings,
    key: &'static str,
    value: &str,
) -> Result<String, BuildError> {
    if value.is_empty() {
        return Err(BuildError::Missing { gateway: settings.name.clone(), key });
    }
    Ok(value.to_owned())
}

/// The provider's codes of our templates.
pub(super) struct Templates(BTreeMap<String, String>);

impl Templates {
    pub(super) fn of(settings: &GatewaySettings) -> Self {
        Self(settings.templates.clone())
    }

    /// The provider's code, or the outcome for everybody of the batch where it has none.
    pub(super) fn code(&self, batch: &Batch) -> Result<&str, Vec<Outcome>> {
        let key = batch.template.as_str();
        self.0.get(key).map(String::as_str).ok_or_else(|| {
            vec![
                Outcome::rejected(ErrorClass::Configuration, format!("no_template_{key}"));
                batch.recipients.len()
            ]
        })
    }
}
