//! The last act: the health code, on two phones and at a gate.

use std::time::Duration;

use serde_json::{Value, json};

use super::Stage;
use super::accounts::Staff;
use super::loop_of_scans::{Scene, sign_in};
use super::show::{act, line};
use crate::client::{Client, text};

/// How long a warning may take to become a colour.
const PATIENCE: u32 = 100;

pub(super) async fn play(stage: &Stage, staff: &Staff, scene: &Scene) -> anyhow::Result<()> {
    if !stage.app.settings.health.enabled {
        return Ok(());
    }
    act(8, "健康码：申报、亮码、查验", "The health code: declare, show, check");
    let healthy = sign_in(stage, "+8615499990100").await?;
    let declared = healthy.post("/me/declarations", declaration(stage, "11010519491231002X")).await?;
    line(&format!("新申报 declared: {}", said(&declared)));
    check(staff, &healthy).await?;
    let warned = &scene.citizen;
    warned.post("/me/declarations", declaration(stage, "440524188001010014")).await?;
    let mut code = warned.get("/me/health-code").await?;
    for _ in 0..PATIENCE {
        if code["colour"] == "red" || code["colour"] == "yellow" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        code = warned.get("/me/health-code").await?;
    }
    line(&format!("收到提醒的市民 somebody who was warned: {}", said(&code)));
    check(staff, warned).await?;
    let report = json!({ "temperature_c": 36.5, "symptoms": [] });
    let report = warned.post("/me/check-ins", report).await?;
    line(&format!(
        "每日打卡 daily check-in: {} / {}，最早转绿 green at the earliest on {}",
        report["days_done"],
        report["days_required"],
        report["releasable_on"].as_str().unwrap_or("—")
    ));
    Ok(())
}

fn declaration(stage: &Stage, number: &str) -> Value {
    json!({
        "name": "张三", "id_type": "resident", "id_number": number, "division_code": "530102",
        "contact_with_case": false, "symptoms": [], "consent": true, "consent_health_data": true,
        "notice_version": stage.app.settings.health.notice_version,
    })
}

fn said(code: &Value) -> String {
    let colour = match code["colour"].as_str() {
        Some("green") => "绿码 green",
        Some("yellow") => "黄码 yellow",
        Some("red") => "红码 red",
        _ => "灰码 grey",
    };
    format!("{colour} · {}", code["reason"]["text"].as_str().unwrap_or_default())
}

/// A guard scans what the phone shows.
async fn check(staff: &Staff, citizen: &Client) -> anyhow::Result<()> {
    let code = citizen.get("/me/health-code").await?;
    let body = json!({ "token": text(&code, "token")?, "place": "东门", "temperature_c": 36.4 });
    let told = staff.guard.post("/checkpoints/verifications", body).await?;
    let verdict = if told["result"] == "allow" { "放行 allow" } else { "劝返 deny" };
    line(&format!(
        "  卡口 at the gate: {verdict} · {} · 36.4 ℃ · 码龄 age {} s",
        told["name_masked"].as_str().unwrap_or("—"),
        told["code_age_seconds"]
    ));
    Ok(())
}
