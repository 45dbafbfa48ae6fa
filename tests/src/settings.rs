//! The settings of a test, as an operator would write them: one file for the api, one with the gateways for the notifier.

use std::path::Path;

use crate::fake_provider::{KEY_ID, KEY_SECRET};
use crate::place::{Form, Place};

/// Last path segment of the addresses that receipts go to.
pub const RECEIPT_SECRET: &str = "receipts-of-this-test";

/// What both processes read. Limits per address and block are wide: all people of a test live at one address.
pub fn common(form: Form, place: &Place, folder: &Path, notifier_port: u16) -> String {
    let (folder, embedded) = (folder.display(), form == Form::Sqlite);
    format!(
        r#"environment = "development"
[http]
listen = "127.0.0.1:0"
workers = 2
[database]
url = "{}"
max_connections = 8
[redis]
url = "{}"
key_prefix = "{}"
[notifier]
listen = "127.0.0.1:{notifier_port}"
embedded = {embedded}
sweep_ms = 250
[dispatch]
voice_from_hour = 0
voice_until_hour = 24
[keys]
file = "{folder}/keys.toml"
[limits]
code_per_address_hour = 1000000
code_per_prefix_hour = 1000000
code_per_day = 1000000
[development]
clock_offset_file = "{folder}/offset"
[log]
format = "json"
"#,
        place.database_url, place.redis_url, place.redis_prefix
    )
}

/// The two gateways of the fake provider.
pub fn gateways(endpoint: &str) -> String {
    gateway("sms", "aliyun_sms", endpoint, "") + &gateway("voice", "aliyun_voice", endpoint, "")
}

/// One gateway, with more lines for its table.
pub fn gateway(name: &str, kind: &str, endpoint: &str, more: &str) -> String {
    format!(
        r#"[[gateways]]
name = "{name}"
kind = "{kind}"
endpoint = "{endpoint}"
access_key_id = "{KEY_ID}"
access_key_secret = "{KEY_SECRET}"
sign_name = "码上"
called_show_number = "4000000000"
receipt_secret = "{RECEIPT_SECRET}"
rate_per_second = 500
templates = {{ login = "T_LOGIN", alert_1 = "T_1", alert_2 = "T_2", alert_3 = "T_3", correction = "T_C" }}
{more}
"#
    )
}

/// `limits.code_tries` as the environment has it: `MASHANG__LIMITS__CODE_TRIES`.
pub fn variable(setting: &str) -> String {
    format!("MASHANG__{}", setting.to_ascii_uppercase().replace('.', "__"))
}
