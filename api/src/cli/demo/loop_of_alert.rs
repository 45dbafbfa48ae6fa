//! The second half of the loop: the case, the trace, the second official, the warnings, the receipts.

use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::{Value, json};

use super::Stage;
use super::accounts::Staff;
use super::city::World;
use super::loop_of_scans::Scene;
use super::show::{act, bar, line, masked};
use crate::client::text;

pub(super) async fn play(stage: &Stage, staff: &Staff, world: &World, scene: &Scene) -> anyhow::Result<()> {
    let trace = trace(stage, staff, world).await?;
    if trace["counts"]["people"].as_u64() == Some(0) {
        line("没有需要提醒的人 nobody is to be warned");
        return Ok(());
    }
    let alert = approve(staff, &trace).await?;
    let done = follow(staff, &alert, trace["counts"]["people"].as_u64().unwrap_or(0)).await?;
    arrived(stage, &done);
    if world.is_made() {
        let notices = scene.citizen.get("/me/notices").await?;
        let count = notices["items"].as_array().map_or(0, Vec::len);
        line(&format!(
            "其中一位市民在小程序中看到 {count} 条提醒 one of the citizens reads {count} notice(s) in the mini-program"
        ));
    }
    Ok(())
}

async fn trace(stage: &Stage, staff: &Staff, world: &World) -> anyhow::Result<Value> {
    act(4, "报告确诊病例", "A case is reported");
    let (case, phone) = (&world.case, world.phone_of(&world.case.user));
    let report = json!({ "phone": phone, "reported_at": case.end, "window": { "start": case.start, "end": case.end } });
    let reported = staff.official.post("/cases", report).await?;
    let id = text(&reported, "id")?;
    let visits = staff.official.get(&format!("/cases/{id}/visits")).await?;
    let count = visits["items"].as_array().map_or(0, Vec::len);
    line(&format!("{}，传染期 window {} → {}，到访 visits {count}", masked(&phone), case.start, case.end));
    act(5, "追踪：同时在场，以及之后到场", "The trace: who was there then, and after");
    // The window of old check-ins lies in the past; machines among them are doubted and left out.
    let begun = tokio::time::Instant::now();
    let mut trace = staff.official.post("/traces", json!({ "case_ids": [id] })).await?;
    while trace["state"] == "running" {
        tokio::time::sleep(Duration::from_millis(100)).await;
        trace = staff.official.get(&format!("/traces/{}", text(&trace, "id")?)).await?;
    }
    let counts = &trace["counts"];
    line(&format!(
        "用时 {} ms；涉及 people {}，相遇 meetings {}，无法联系 unreachable {}",
        begun.elapsed().as_millis(),
        counts["people"],
        counts["meetings"],
        counts["unreachable"]
    ));
    for (level, what) in [
        ("3", "三级 同场≥15分钟 together ≥ 15 min"),
        ("2", "二级 同场或30分钟内到场 together, or within 30 min"),
        ("1", "一级 其他 others"),
    ] {
        line(&format!("  {what}: {}", counts["by_level"][level]));
    }
    for venue in trace["by_venue"].as_array().into_iter().flatten().take(6) {
        let name = venue["name"].as_str().or(venue["venue_name"].as_str()).unwrap_or_default();
        line(&format!("  {:>5} 人 people  {name}", venue["people"].to_string()));
    }
    line(&format!("结果已冻结 frozen, SHA-256 {}…", &text(&trace, "sha256")?[..16]));
    tracing::debug!(base = stage.base, "traced");
    Ok(trace)
}

async fn approve(staff: &Staff, trace: &Value) -> anyhow::Result<Value> {
    act(6, "拟稿、提交、另一人审批", "Draft, submission, approval by another person");
    let draft = staff.official.post("/alerts", json!({ "trace_id": trace["id"], "urgent": true })).await?;
    let path = format!("/alerts/{}", text(&draft, "id")?);
    staff.official.post(&format!("{path}/submission"), json!({})).await?;
    let approval = json!({ "trace_sha256": trace["sha256"] });
    if staff.official.post(&format!("{path}/approval"), approval.clone()).await.is_ok() {
        bail!("the submitter could approve their own alert");
    }
    line("提交人自己审批：被拒绝 the submitter may not approve: refused");
    staff.approver.post(&format!("{path}/approval"), approval).await?;
    line("审批人核对哈希后通过 approved by a second official on the hash");
    Ok(draft)
}

/// Watches the alert until every receipt is there, for two minutes at most.
async fn follow(staff: &Staff, alert: &Value, people: u64) -> anyhow::Result<Value> {
    act(7, "发送与回执", "Sending and receipts");
    let path = format!("/alerts/{}", text(alert, "id")?);
    let (progress, mut now) = (bar(people, "条 messages"), Value::Null);
    for _ in 0..600 {
        now = staff.official.get(&path).await?;
        let count = |key: &str| now["counts"][key].as_u64().unwrap_or(0);
        let settled = count("delivered") + count("undelivered");
        progress.set_length((settled + count("pending") + count("sending") + count("accepted")).max(people));
        progress.set_position(settled);
        let open = count("pending") + count("sending") + count("accepted") + count("unknown");
        if settled > 0 && open == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    progress.finish_and_clear();
    (!now.is_null()).then_some(now).context("the alert was followed")
}

fn arrived(stage: &Stage, alert: &Value) {
    let messages = stage.phones.arrived();
    let warnings: Vec<_> = messages.iter().filter(|m| !m.text.contains("验证码")).collect();
    for message in [warnings.iter().find(|m| !m.voice), warnings.iter().find(|m| m.voice), warnings.last()]
        .into_iter()
        .flatten()
    {
        line(&format!(
            "{} {}: {}",
            if message.voice { "电话 call" } else { "短信 SMS " },
            masked(&message.phone),
            message.text
        ));
    }
    let calls = warnings.iter().filter(|m| m.voice).count();
    line(&format!(
        "短信 SMS {}，电话 calls {calls}；状态 counts {}",
        warnings.len() - calls,
        alert["counts"]
    ));
    let seconds = |key: &str| alert[key].as_f64().map_or_else(|| "—".to_owned(), |s| format!("{s:.1}"));
    line(&format!(
        "从审批到最后一条被受理 approval → last accepted: {} s",
        seconds("seconds_to_last_accepted")
    ));
    line(&format!(
        "从审批到最后一条回执   approval → last receipt:  {} s",
        seconds("seconds_to_last_receipt")
    ));
}
