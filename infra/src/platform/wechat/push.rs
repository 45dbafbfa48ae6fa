//! Message push: WeChat's calls to us, signed with a token of the console, plain JSON or XML.
//!
//! The signature covers token, time and a random number, not the body: whoever sees one pushed address may push bodies of
//! their own to it for a while. So a push is good for minutes only, and what it may change is only whom we write to.

use std::collections::BTreeMap;

use data_encoding::HEXLOWER;
use mashang_domain::person::{Consent, OpenId};
use mashang_domain::time::{MINUTE, Timestamp};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use sha1::{Digest, Sha1};
use subtle::ConstantTimeEq;

use crate::bugs::{self, Bug};

mod xml;

/// How far a push may be from our clock.
const TOLERANCE: i64 = 10 * MINUTE;

/// What stands in the query of a push.
#[derive(Debug, Clone, Copy)]
pub struct Signed<'a> {
    pub signature: &'a str,
    pub timestamp: &'a str,
    pub nonce: &'a str,
}

/// SHA-1 of token, time and random number, in the order of their characters, hexadecimal.
pub fn signature(token: &str, timestamp: &str, nonce: &str) -> String {
    let mut parts = [token, timestamp, nonce];
    parts.sort_unstable();
    HEXLOWER.encode(&Sha1::digest(parts.concat()))
}

/// Whether pushes are taken at all.
pub fn is_set(token: &SecretString) -> bool {
    !token.expose_secret().is_empty()
}

/// Whether a push comes from WeChat, and lately.
pub fn is_genuine(token: &SecretString, signed: Signed<'_>, now: Timestamp) -> bool {
    let token = token.expose_secret();
    let right = signature(token, signed.timestamp, signed.nonce);
    let same: bool = right.as_bytes().ct_eq(signed.signature.as_bytes()).into();
    let at = signed.timestamp.parse::<u32>().map(|s| Timestamp::from_secs(i64::from(s)));
    let same = same || bugs::has(Bug::AnyPush);
    !token.is_empty() && same && at.is_ok_and(|at| (now - at).abs() <= TOLERANCE)
}

/// What a push tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    pub from: OpenId,
    /// WeChat's time.
    pub at: Timestamp,
    pub news: News,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// What a person said to these templates, when asked or in the settings of the mini-program.
    Said(Vec<(String, Consent)>),
    /// Messages by these templates arrived.
    Sent(Vec<String>),
    /// Something we do not use.
    Other,
}

/// Why a push cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    #[error("neither JSON nor XML of a message")]
    Malformed,
    #[error("encrypted: message push has to be in plain mode")]
    Encrypted,
}

/// Names and values of one element of `List`.
type Fields = BTreeMap<String, String>;

/// A message as either notation has it.
#[derive(Debug, Default)]
struct Message {
    fields: Fields,
    list: Vec<Fields>,
}

/// Reads a push.
///
/// # Errors
/// When it is no message, or an encrypted one.
pub fn read(body: &[u8]) -> Result<Event, Unreadable> {
    let text = std::str::from_utf8(body).map_err(|_| Unreadable::Malformed)?.trim();
    let message = if text.starts_with('<') { xml::message(text) } else { from_json(text) };
    let message = message.ok_or(Unreadable::Malformed)?;
    let get = |name: &str| message.fields.get(name).map(String::as_str);
    if get("Encrypt").is_some() {
        return Err(Unreadable::Encrypted);
    }
    let from = get("FromUserName").and_then(OpenId::parse).ok_or(Unreadable::Malformed)?;
    let at = get("CreateTime").and_then(|t| t.parse::<u32>().ok()).ok_or(Unreadable::Malformed)?;
    let news = match get("Event").unwrap_or_default() {
        "subscribe_msg_popup_event" | "subscribe_msg_change_event" => {
            News::Said(message.list.iter().filter_map(said).collect())
        }
        "subscribe_msg_sent_event" => News::Sent(message.list.iter().filter_map(arrived).collect()),
        _ => News::Other,
    };
    Ok(Event { from, at: Timestamp::from_secs(i64::from(at)), news })
}

/// `accept`; everything else (`reject`, `ban`, `filter`) is no consent.
fn said(entry: &Fields) -> Option<(String, Consent)> {
    let word = entry.get("SubscribeStatusString")?;
    let consent = if word == "accept" { Consent::Accepted } else { Consent::Refused };
    Some((template(entry)?, consent))
}

/// The template of a message that arrived: its error is 0.
fn arrived(entry: &Fields) -> Option<String> {
    (entry.get("ErrorCode")? == "0").then(|| template(entry))?
}

/// Longest id of a template that is noted down; WeChat's have 43 characters.
const TEMPLATE: usize = 64;

fn template(entry: &Fields) -> Option<String> {
    let id = entry.get("TemplateId")?;
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    ((1..=TEMPLATE).contains(&id.len()) && id.bytes().all(plain)).then(|| id.clone())
}

fn from_json(text: &str) -> Option<Message> {
    let value: Value = serde_json::from_str(text).ok()?;
    let object = value.as_object()?;
    let list = match object.get("List") {
        Some(Value::Array(entries)) => entries.iter().filter_map(Value::as_object).map(fields).collect(),
        Some(Value::Object(entry)) => vec![fields(entry)],
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) | None => Vec::new(),
    };
    Some(Message { fields: fields(object), list })
}

/// Texts, and numbers as texts: WeChat writes both.
fn fields(object: &serde_json::Map<String, Value>) -> Fields {
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    };
    object.iter().filter_map(|(name, value)| Some((name.clone(), text(value)?))).collect()
}

#[cfg(test)]
mod tests;
