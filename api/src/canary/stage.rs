//! What the self-test has of its own: a person, a venue, an official and an approver; and the sessions of one run.

use actix_web::web;
use anyhow::{Context, anyhow, ensure};
use data_encoding::BASE32_NOPAD;
use mashang_domain::person::{Actor, Division, Phone, Role};
use mashang_infra::store::{person, session as sessions, staff};
use rand::TryRng;
use serde_json::json;
use uuid::Uuid;

use super::{DIVISION, Failed, rows};
use crate::app::session;
use crate::app::staff::{Appointment, appoint};
use crate::client::{Client, text};
use crate::state::App;

pub(super) struct Stage {
    pub(super) phone: Phone,
    pub(super) person: Uuid,
    pub(super) citizen: Client,
    pub(super) official: Client,
    pub(super) approver: Client,
    pub(super) venue: Uuid,
    pub(super) code_in: String,
    pub(super) code_out: String,
    staff: [Uuid; 2],
}

impl Stage {
    /// Finds or makes everything.
    pub(super) async fn set(app: &web::Data<App>, client: &Client) -> Result<Self, Failed> {
        Self::try_set(app, client).await.map_err(Failed::at("stage"))
    }

    async fn try_set(app: &web::Data<App>, client: &Client) -> anyhow::Result<Self> {
        let phone = Phone::parse(&app.settings.canary.phone).map_err(|e| anyhow!("canary.phone: {e}"))?;
        let official = member(app, "canary.official", Role::Official).await?;
        let approver = member(app, "canary.approver", Role::Approver).await?;
        let now = app.clock.now();
        let tx = app.db.begin_write().await?;
        let (person, _) = person::find_or_create(&*tx, &app.keys, &phone, now).await?;
        ensure!(
            !rows::is_elsewhere(&*tx, person.id, DIVISION).await?,
            "canary.phone belongs to a citizen who scans at other venues: give the self-test a number of its own"
        );
        let citizen = session::open_for_person(app, &*tx, person.id, now).await.map_err(problem)?;
        let of_official = session::open_for_staff(app, &*tx, official, now).await.map_err(problem)?;
        let of_approver = session::open_for_staff(app, &*tx, approver, now).await.map_err(problem)?;
        tx.commit().await?;
        let citizen = client.signed_in(&citizen.token);
        let official_client = client.signed_in(&of_official.token);
        let venue = venue(&citizen, &official_client, &phone).await?;
        let codes = citizen.get(&format!("/venues/{venue}/codes")).await.context("codes")?;
        Ok(Self {
            code_in: code(&codes, "in")?,
            code_out: code(&codes, "out")?,
            phone,
            person: person.id,
            citizen,
            official: official_client,
            approver: client.signed_in(&of_approver.token),
            venue,
            staff: [official, approver],
        })
    }

    /// Deletes what the run has left, and ends its sessions.
    pub(super) async fn clear(&self, app: &App) -> Result<(), Failed> {
        let cleared = async {
            let tx = app.db.begin_write().await?;
            let mut hashes = sessions::revoke_of_person(&*tx, self.person, None, app.clock.now()).await?;
            for member in self.staff {
                hashes.extend(sessions::revoke_of_staff(&*tx, member, app.clock.now()).await?);
            }
            rows::clear(&*tx, self.person, &self.staff).await?;
            tx.commit().await?;
            session::forget(app, &hashes).await;
            anyhow::Ok(())
        };
        cleared.await.map_err(Failed::at("stage"))
    }
}

fn problem(problem: crate::error::Problem) -> anyhow::Error {
    anyhow!("{problem}")
}

/// The id of a member of staff of the self-test. The password is random and thrown away: nobody logs in as them.
async fn member(app: &App, username: &str, role: Role) -> anyhow::Result<Uuid> {
    if let Some(member) = staff::by_username(app.db.conn(), username).await? {
        let division = Division::parse_scope(DIVISION)?;
        let same =
            member.role == role && member.division == division.prefix() && member.disabled_at.is_none();
        ensure!(same, "{username} is not what the self-test made: role, division or state were changed");
        return Ok(member.id);
    }
    let mut bytes = [0u8; 40];
    rand::rngs::SysRng.try_fill_bytes(&mut bytes)?;
    let new = Appointment {
        username: username.to_owned(),
        password: BASE32_NOPAD.encode(&bytes),
        role,
        division: Division::parse_scope(DIVISION)?,
        totp: true,
        email: None,
    };
    let appointed = appoint(&app.db, &app.keys, &Actor::System("canary"), new, app.clock.now()).await;
    Ok(appointed.map_err(problem)?.id)
}

/// The venue of the self-test's person, registered and approved the first time.
async fn venue(citizen: &Client, official: &Client, phone: &Phone) -> anyhow::Result<Uuid> {
    let mine = citizen.get("/venues?limit=10").await.context("venues")?;
    let here = |v: &&serde_json::Value| {
        v["division_code"] == DIVISION && matches!(v["state"].as_str(), Some("approved" | "pending"))
    };
    let form = json!({
        "name": "系统自检 Self-test", "category": "other", "division_code": DIVISION,
        "address": "系统自检 Self-test", "contact_phone": phone.reveal(),
    });
    let venue = match mine["items"].as_array().and_then(|items| items.iter().find(here)) {
        Some(venue) => venue.clone(),
        None => citizen.post("/venues", form).await.context("register")?,
    };
    let id = text(&venue, "id")?;
    if venue["state"] == "pending" {
        official.post(&format!("/venues/{id}/approval"), json!({})).await.context("approve")?;
    }
    Ok(id.parse()?)
}

fn code(codes: &serde_json::Value, direction: &str) -> anyhow::Result<String> {
    let live = |c: &&serde_json::Value| c["direction"] == direction && c["state"] != "revoked";
    let found = codes["items"].as_array().and_then(|items| items.iter().find(live));
    Ok(text(found.context("the venue has no code")?, "code")?.to_owned())
}
