//! E-mail to staff, through an SMTP server of yours (RFC 5321), over TLS.
//!
//! The Message-ID is made of our reference, so that a resend under the same reference has the same one: mail systems show it
//! once, and whoever looks recognises it. What counts as sent is the server's word after the message; before the message was
//! written nothing was sent, and a connection that is lost after that leaves it unknown.

mod message;
mod replies;
mod session;

use std::collections::BTreeMap;

use async_trait::async_trait;
use lettre::message::Mailbox;
use mashang_config::gateway::GatewaySettings;
use mashang_domain::delivery::{Channel, ErrorClass, Outcome};

use self::message::compose;
use self::session::{Failure, Server};
use super::account::required;
use super::registry::BuildError;
use super::{Batch, Gateway, Now, ReceiptMatch, Recipient, Site, Terms};

/// A mailbox of ours and the server that sends for it.
pub struct Email {
    terms: Terms,
    server: Server,
    sender: Mailbox,
    /// Of templates that have none of their own.
    subject: String,
    subjects: BTreeMap<String, String>,
    now: Now,
}

impl Email {
    /// Fails with an endpoint that is no `smtps://`, `smtp://` or `smtp-plain://` host, without a mailbox as `sender` or a
    /// subject as `sign_name`, and with a `ca_file` that cannot be read.
    pub fn new(settings: &GatewaySettings, site: &Site) -> Result<Self, BuildError> {
        let gateway = || settings.name.clone();
        let sender = required(settings, "sender", &settings.sender)?.parse();
        Ok(Self {
            terms: Terms {
                idempotent: true,
                receipt_match: ReceiptMatch::Never,
                ..Terms::of(settings, Channel::Email)
            },
            server: Server::new(settings)?,
            sender: sender.map_err(|_| BuildError::Sender { gateway: gateway() })?,
            subject: required(settings, "sign_name", &settings.sign_name)?,
            subjects: settings.templates.clone(),
            now: site.now.clone(),
        })
    }

    async fn mail(&self, template: &str, recipient: &Recipient) -> Outcome {
        let subject = self.subjects.get(template).unwrap_or(&self.subject);
        let Some(letter) = compose(&self.sender, subject, recipient, (self.now)()) else {
            return Outcome::rejected(ErrorClass::NumberInvalid, "no_mailbox");
        };
        match self.server.deliver(&letter.envelope, &letter.bytes).await {
            Ok(()) => Outcome::Accepted { provider_id: letter.id },
            Err(Failure::NotSent) => Outcome::rejected(ErrorClass::Retry, "not_sent"),
            Err(Failure::Unfit(code)) => Outcome::rejected(ErrorClass::Configuration, code),
            Err(Failure::Refused(step, reply)) => Outcome::rejected(reply.class(step), reply.to_string()),
            Err(Failure::Lost(how)) => Outcome::unknown(how),
        }
    }
}

#[async_trait]
impl Gateway for Email {
    fn terms(&self) -> &Terms {
        &self.terms
    }

    async fn send(&self, batch: &Batch) -> Vec<Outcome> {
        let mut outcomes = Vec::with_capacity(batch.recipients.len());
        for recipient in &batch.recipients {
            outcomes.push(self.mail(batch.template.as_str(), recipient).await);
        }
        outcomes
    }
}
