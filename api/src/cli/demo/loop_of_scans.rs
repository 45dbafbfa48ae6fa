//! The first half of the loop: venues, posters, sign-in by code, scans, and the visits of the whole city.

use anyhow::Context;
use mashang_domain::person::Actor;
use mashang_domain::time::{MINUTE, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

use super::accounts::Staff;
use super::city::World;
use super::show::{act, bar, line, masked};
use super::{Stage, show};
use crate::app::import::{self, BadLine, ImportContext, ImportFormat, ImportOptions, ImportProgress};
use crate::client::{Client, text};

/// What the second half needs to know.
pub(super) struct Scene {
    /// A citizen who was at the market while the case was there.
    pub(super) citizen: Client,
}

/// Minutes before now at which the eight citizens enter the market; the case is there from 50 to 20 minutes ago.
const ENTERED: [i64; 8] = [45, 44, 40, 38, 22, 15, 10, 5];

pub(super) async fn play(stage: &Stage, staff: &Staff, world: &World) -> anyhow::Result<Scene> {
    act(1, "场所入驻与海报", "Venues register and print their posters");
    if let Some(csv) = &world.venues_csv {
        let report = staff.official.post_csv("/venues/imports", csv.clone()).await?;
        line(&format!("批量导入场所 imported venues: {}", report["created"]));
    }
    let manager = sign_in(stage, "+8615499990000").await?;
    let venue = register(&manager, staff).await?;
    posters(stage, &manager, &venue).await?;
    act(2, "短信验证码登录", "Citizens sign in by a code");
    let progress = bar(ENTERED.len() as u64, "人 people");
    let mut citizens = Vec::new();
    for n in 1..=ENTERED.len() {
        citizens.push(sign_in(stage, &format!("+861549999{n:04}")).await?);
        progress.inc(1);
    }
    progress.finish_and_clear();
    let sample = stage.phones.arrived().pop().context("a code arrived")?;
    line(&format!("{} 收到 received: {}", masked(&sample.phone), sample.text));
    line(&format!(
        "登录成功 signed in: {}；此后扫码不再需要验证码 no scan needs a code from here on",
        citizens.len()
    ));
    act(3, "扫码登记", "Scans");
    scan_market(stage, world, &manager, &venue, &citizens).await?;
    import_city(stage, world).await?;
    Ok(Scene { citizen: citizens.swap_remove(0) })
}

/// Signs a phone in: asks for a code, reads it on the phone, trades it for a session.
pub(super) async fn sign_in(stage: &Stage, phone: &str) -> anyhow::Result<Client> {
    let client = stage.client();
    let asked = client.post("/auth/codes", json!({ "phone": phone })).await?;
    let code = stage.phones.code_on(phone).await?;
    let session =
        client.post("/auth/sessions", json!({ "request_id": asked["request_id"], "code": code })).await?;
    Ok(client.signed_in(text(&session, "access_token")?))
}

async fn register(manager: &Client, staff: &Staff) -> anyhow::Result<Value> {
    let form = json!({
        "name": "翠湖农贸市场", "category": "market", "division_code": "530102",
        "address": "昆明市五华区示例路88号", "contact_phone": "15499990000", "indoor": true,
    });
    let venue = manager.post("/venues", form).await?;
    staff.official.post(&format!("/venues/{}/approval", text(&venue, "id")?), json!({})).await?;
    line("商户自助登记“翠湖农贸市场”，官员审核通过 a market registered itself and was approved");
    Ok(venue)
}

/// Two posters into the folder: PDF, or SVG where the machine has no Chinese font.
async fn posters(stage: &Stage, manager: &Client, venue: &Value) -> anyhow::Result<()> {
    let id = text(venue, "id")?;
    for direction in ["in", "out"] {
        let path =
            |format: &str| format!("/venues/{id}/poster.{format}?direction={direction}&size=a4&lang=both");
        let (bytes, format) = match manager.file(&path("pdf")).await? {
            Some(pdf) => (pdf, "pdf"),
            None => (manager.file(&path("svg")).await?.context("a poster as SVG")?, "svg"),
        };
        let file = stage.dir.join("posters").join(format!("翠湖农贸市场-{direction}.{format}"));
        std::fs::write(&file, bytes)?;
        line(&format!("海报 poster: {}", file.display()));
    }
    Ok(())
}

async fn code_of(manager: &Client, venue: &Value, direction: &str) -> anyhow::Result<String> {
    let codes = manager.get(&format!("/venues/{}/codes", text(venue, "id")?)).await?;
    let found = codes["items"].as_array().into_iter().flatten().find(|c| c["direction"] == direction);
    Ok(text(found.context("the venue has both codes")?, "code")?.to_owned())
}

/// In the made city the case was at the market too: their scans come up later, from a phone that was offline.
async fn scan_market(
    stage: &Stage,
    world: &World,
    manager: &Client,
    venue: &Value,
    citizens: &[Client],
) -> anyhow::Result<()> {
    let (way_in, way_out) = (code_of(manager, venue, "in").await?, code_of(manager, venue, "out").await?);
    let now = stage.app.clock.now();
    let scan = |code: &str, at: Timestamp| json!({ "venue_code": code, "client_scan_id": Uuid::now_v7(), "scanned_at": at });
    if world.is_made() {
        let case = sign_in(stage, &world.phone_of(&world.case.user)).await?;
        let scans = [scan(&way_in, now - 50 * MINUTE), scan(&way_out, now - 20 * MINUTE)];
        case.post("/scans/batch", json!({ "scans": scans })).await?;
    }
    let mut answer = Value::Null;
    for (citizen, minutes) in citizens.iter().zip(ENTERED) {
        answer = citizen.post("/scans", scan(&way_in, now - minutes * MINUTE)).await?;
    }
    let name = answer["venue"]["name"].as_str().unwrap_or_default();
    line(&format!(
        "扫码成功 scanned: {name} {} {}",
        answer["direction"].as_str().unwrap_or_default(),
        answer["scanned_at"].as_str().unwrap_or_default()
    ));
    Ok(())
}

async fn import_city(stage: &Stage, world: &World) -> anyhow::Result<()> {
    let app = &stage.app;
    let context = ImportContext {
        db: app.db.clone(),
        keys: app.keys.clone(),
        settings: app.settings.clone(),
        clock: app.clock.clone(),
    };
    let mut options = ImportOptions::new(ImportFormat::Checkins, Actor::System("demo"));
    options.create_venues = !world.is_made();
    let mut progress = Bar(show::bar(world.rows as u64, "扫码 scans"));
    let report = import::import_visits(&context, world.open()?, options, &mut progress).await?;
    progress.0.finish_and_clear();
    line(&format!(
        "全城扫码 scans of the city: {} 行 lines，记录 recorded {}，两分钟内重复 repeats {}，可疑 suspect {}，人员 people {}，场所 venues {}",
        report.lines, report.recorded, report.repeats, report.suspect, report.people_made, report.venues_made
    ));
    Ok(())
}

struct Bar(indicatif::ProgressBar);

impl ImportProgress for Bar {
    fn advanced(&mut self, lines: u64, _: u64) {
        self.0.set_position(lines);
    }
    fn rejected(&mut self, line: &BadLine) {
        tracing::debug!(line = line.line, code = ?line.code, "left out");
    }
    fn settled(&mut self, _: u64) {}
}
