//! The demo's staff: an official who finds, an approver who decides, an administrator, a guard.

use mashang_domain::person::{Actor, Division, Role};
use serde_json::json;

use super::Stage;
use crate::app::staff::{self, Appointment};
use crate::client::{Client, text};

/// The password of every demo account. The database lives in the demo's folder and production refuses the demo.
pub(super) const PASSWORD: &str = "demo-password-2020";
/// User names and what they are.
pub(super) const ACCOUNTS: [(&str, Role, &str); 5] = [
    ("official.chen", Role::Official, "疾控流调员 reports cases and traces"),
    ("approver.li", Role::Approver, "审批人 approves alerts"),
    ("auditor.wu", Role::Auditor, "审计员 reads the audit log"),
    ("guard.zhao", Role::Guard, "卡口值守 checks at the gate"),
    ("admin", Role::Administrator, "管理员 manages staff and the operation"),
];

/// Signed-in staff.
pub(super) struct Staff {
    pub(super) official: Client,
    pub(super) approver: Client,
    pub(super) guard: Client,
}

pub(super) async fn appoint(stage: &Stage) -> anyhow::Result<Staff> {
    let now = stage.app.clock.now();
    for (username, role, _) in ACCOUNTS {
        let appointment = Appointment {
            username: username.to_owned(),
            password: PASSWORD.to_owned(),
            role,
            division: Division::everywhere(),
            totp: false,
            email: None,
        };
        let actor = Actor::System("demo");
        let appointed = staff::appoint(&stage.app.db, &stage.app.keys, &actor, appointment, now).await;
        appointed.map_err(|p| anyhow::anyhow!("{p}"))?;
    }
    Ok(Staff {
        official: log_in(stage, "official.chen").await?,
        approver: log_in(stage, "approver.li").await?,
        guard: log_in(stage, "guard.zhao").await?,
    })
}

async fn log_in(stage: &Stage, username: &str) -> anyhow::Result<Client> {
    let client = stage.client();
    let session =
        client.post("/staff/sessions", json!({ "username": username, "password": PASSWORD })).await?;
    Ok(client.signed_in(text(&session, "access_token")?))
}
