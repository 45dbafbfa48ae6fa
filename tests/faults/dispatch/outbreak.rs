//! An alert that waits for its approval, made once by the api itself and copied for every scenario.

use std::time::Duration;

use anyhow::{Context, ensure};
use mashang_infra::clock::Clock;
use mashang_infra::db::Db;
use mashang_tests::Client;
use mashang_tests::client::Reply;
use mashang_tests::persona::PASSWORD;
use mashang_tests::process::command;
use reqwest::Method;
use sea_orm::{EntityTrait, IntoActiveModel};
use serde_json::{Value, json};

use crate::api::Api;
use crate::crowd::shop;
use crate::stage::settings;
use crate::world::{World, migrate, settings_of};

/// The database that every scenario of dispatch gets a copy of.
pub(super) const TEMPLATE: &str = "template_dispatch";
const DIVISION: &str = "530100";
/// People who stayed at the venue long before the case came; nobody may tell them anything.
const OTHERS: usize = 200;

/// Who was exposed, and how their alert is approved.
pub struct Outbreak {
    /// Numbers as people write them, eleven digits.
    pub exposed: Vec<String>,
    /// Those of the exposed, of who is ill, and of the others.
    pub numbers: Vec<String>,
    /// `/alerts/{id}`.
    pub alert: String,
    pub trace_sha256: String,
}

impl Outbreak {
    pub(crate) async fn make(world: &mut World) -> anyhow::Result<Self> {
        world.postgres.psql("postgres", &[&format!("CREATE DATABASE {TEMPLATE}")])?;
        let url = world.postgres.url(world.postgres.port, TEMPLATE);
        migrate(&url, world.dir())?;
        let venue = venue(&url).await?;
        let config = world.dir().join("outbreak.toml");
        std::fs::write(&config, settings(mashang_tests::Form::Service, &url, world, &[]))?;
        for role in ["official", "approver"] {
            add_staff(&config, role)?;
        }
        let mut api = Api::start(&config, "outbreak", Vec::new())?;
        let made = Self::of_api(&api, &venue, if world.short { 800 } else { 5_000 }).await;
        // Nobody may be connected to a template.
        api.signal("TERM");
        ensure!(api.wait(Duration::from_secs(20)).is_some(), "the api of the template does not end");
        made
    }

    /// Twenty minutes with somebody who is a case now, for everybody: a warning of the third level.
    async fn of_api(api: &Api, venue: &str, people: usize) -> anyhow::Result<Self> {
        let official = signed_in(api.port, "official").await?;
        let exposed: Vec<String> = (0..people).map(phone).collect();
        let ill = phone(people);
        let mut csv = "phone,venue_ref,direction,scanned_at\n".to_owned();
        let mut stay = |phone: &str, from: i64, to: i64| {
            let (from, to) = (minutes_ago(from), minutes_ago(to));
            csv.push_str(&format!("{phone},{venue},in,{from}\n{phone},{venue},out,{to}\n"));
        };
        stay(&ill, 90, 60);
        exposed.iter().for_each(|phone| stay(phone, 85, 65));
        (0..OTHERS).for_each(|n| stay(&phone(people + 1 + n), 300, 280));
        let import = ("text/csv", csv.into_bytes());
        let report = official.try_send_raw(Method::POST, "/imports/visits", Some(import)).await?.text();
        let summary: Value = serde_json::from_str(report.lines().last().unwrap_or_default())?;
        ensure!(summary["recorded"] == 2 * (people + 1 + OTHERS), "the import: {summary}");
        let case = json!({ "phone": ill, "reported_at": minutes_ago(0), "onset_at": minutes_ago(60) });
        let case = posted(&official, "/cases", case).await?;
        let trace = posted(&official, "/traces", json!({ "case_ids": [case["id"]] })).await?;
        ensure!(trace["counts"]["people"] == people, "the trace: {}", trace["counts"]);
        let draft = posted(&official, "/alerts", json!({ "trace_id": trace["id"], "urgent": true })).await?;
        let alert = format!("/alerts/{}", draft["id"].as_str().context("an alert")?);
        posted(&official, &format!("{alert}/submission"), json!({})).await?;
        let trace_sha256 = trace["sha256"].as_str().context("a digest")?.to_owned();
        let numbers = (0..=people + OTHERS).map(phone).collect();
        Ok(Self { exposed, numbers, alert, trace_sha256 })
    }

    /// A number like the others', that nobody has.
    pub fn mark() -> String {
        phone(99_999)
    }

    /// The one who may approve, signed in at the api on this port.
    pub async fn approver(&self, port: u16) -> anyhow::Result<Client> {
        signed_in(port, "approver").await
    }
}

/// Alike in their first six digits, as [`mashang_tests::search`] wants it, and allocated to nobody.
fn phone(n: usize) -> String {
    format!("154300{n:05}")
}

fn minutes_ago(minutes: i64) -> String {
    let at = Clock::system().now().millis() - minutes * 60_000;
    let at = chrono::DateTime::from_timestamp_millis(at).unwrap_or_default();
    at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}

async fn venue(url: &str) -> anyhow::Result<String> {
    let db = Db::connect(&settings_of(url)).await?;
    let model = shop(0, Clock::system().now());
    let id = model.id.to_string();
    let tx = db.begin_write().await?;
    mashang_entity::venue::Entity::insert(model.into_active_model()).exec_without_returning(&*tx).await?;
    tx.commit().await?;
    db.unbounded().close().await?;
    Ok(id)
}

fn add_staff(config: &std::path::Path, role: &str) -> anyhow::Result<()> {
    let file = config.with_file_name("password");
    std::fs::write(&file, format!("{PASSWORD}\n"))?;
    let (config, file) = (config.display().to_string(), file.display().to_string());
    let args = ["--config", &config, "staff", "add", "--username", role, "--role", role];
    let more = ["--password-file", &file, "--division", DIVISION, "--no-totp"];
    let output = command("mashang-api", &[args.as_slice(), &more].concat(), &[])?.output()?;
    ensure!(output.status.success(), "staff add: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

async fn signed_in(port: u16, username: &str) -> anyhow::Result<Client> {
    let client = Client::new(&format!("http://127.0.0.1:{port}"));
    let body = json!({ "username": username, "password": PASSWORD });
    let session = posted(&client, "/staff/sessions", body).await?;
    Ok(client.with_token(session["access_token"].as_str().context("a session")?))
}

async fn posted(client: &Client, path: &str, body: Value) -> anyhow::Result<Value> {
    let body = Some(("application/json", body.to_string().into_bytes()));
    let reply: Reply = client.try_send_raw(Method::POST, path, body).await?;
    ensure!((200..300).contains(&reply.status), "{path}: {} {}", reply.status, reply.text());
    Ok(reply.json())
}
