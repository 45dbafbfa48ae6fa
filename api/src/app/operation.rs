//! The operation: what citizens are told about it, and its end by two administrators.
//!
//! A confirmed end is carried out by the jobs loop of whichever process comes first (see `jobs`), so that a client that
//! hangs up changes nothing.

use std::time::Duration;

use mashang_domain::person::Actor;
use mashang_domain::protection::audit::Purpose;
use mashang_domain::protection::certificate::{SignedCertificate, key_fingerprint};
use mashang_domain::protection::ending::{EndRefused, EndStep};
use mashang_entity::operation as entity;
use mashang_infra::destruction::Destruction;
use mashang_infra::store::audit::{self, Act};
use mashang_infra::store::operation;
use serde_json::json;
use uuid::Uuid;

use crate::error::{Answer, Code, Problem};
use crate::state::App;

/// How long requests under way get before tables are counted and emptied.
const GRACE: Duration = Duration::from_millis(1_500);

/// The operation of this installation.
pub async fn current(app: &App) -> Answer<entity::Model> {
    operation::current(app.db.conn()).await?.ok_or_else(|| Problem::new(Code::NotFound))
}

/// SHA-256 of the key that certificates are signed with; people note it while the operation runs.
pub fn certificate_key_fingerprint(app: &App) -> String {
    key_fingerprint(app.keys.signing_key().verifying_key().as_bytes())
}

/// Requests or confirms the end.
pub async fn end(app: &App, actor: &Actor, administrator: Uuid, step: EndStep) -> Answer<entity::Model> {
    let now = app.clock.now();
    let tx = app.db.begin_write().await?;
    let row = operation::end(&*tx, step, administrator, now).await?.map_err(refused)?;
    let act = Act {
        actor,
        action: match step {
            EndStep::Request => "operation.request_end",
            EndStep::Confirm => "operation.confirm_end",
        },
        purpose: Purpose::Destruction,
        subject: None,
        object_kind: "operation",
        object_id: row.id.to_string(),
        detail: json!({}),
    };
    audit::append(&*tx, act, now).await?;
    tx.commit().await?;
    match step {
        EndStep::Request => {}
        EndStep::Confirm => app.gate.close(),
    }
    Ok(row)
}

fn refused(why: EndRefused) -> Problem {
    let detail = match why {
        EndRefused::Ended => return Problem::new(Code::OperationEnded),
        EndRefused::AlreadyRequested => {
            "已有人申请结束，等待另一名管理员确认 / the end was requested and waits for another administrator"
        }
        EndRefused::NotRequested => {
            "尚无人申请结束，或申请已超过 24 小时 / nobody has requested the end within 24 hours"
        }
        EndRefused::SamePerson => {
            let detail = "须由另一名管理员确认 / another administrator must confirm";
            return Problem::with_detail(Code::Forbidden, detail);
        }
    };
    Problem::with_detail(Code::WrongState, detail)
}

/// The certificate, once the data is destroyed.
pub async fn certificate(app: &App) -> Answer<SignedCertificate> {
    let row = current(app).await?;
    operation::certificate_of(&row).ok_or_else(|| Problem::new(Code::NotFound))
}

/// The destruction, as this process would carry it out.
pub fn destruction(app: &App) -> Destruction {
    Destruction {
        db: app.db.clone(),
        keys: std::sync::Arc::clone(&app.keys),
        redis: app.redis.clone().map(|pools| (pools, app.settings.redis.key_prefix.clone())),
        retention: app.settings.retention.clone(),
        clock: app.clock.clone(),
        grace: GRACE,
    }
}
