//! The people of the tests: they sign in as people do, and then act.

use std::ops::Deref;

use mashang_domain::person::Role;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::app::TestApp;
use crate::client::{Client, Reply};

/// The password of all staff of the tests.
pub const PASSWORD: &str = "correct horse battery";

/// A signed-in citizen; speaks through their [`Client`].
pub struct Citizen {
    client: Client,
    pub phone: String,
    pub person_id: String,
    pub token: String,
}

/// A logged-in member of staff.
#[derive(Clone)]
pub struct Staff {
    client: Client,
    pub id: String,
    pub username: String,
    pub role: Role,
    pub token: String,
}

/// A venue that is open for scans.
pub struct Venue {
    pub id: String,
    pub name: String,
    pub code_in: String,
    pub code_out: String,
    pub manager: Citizen,
}

impl Deref for Citizen {
    type Target = Client;
    fn deref(&self) -> &Client {
        &self.client
    }
}

impl Deref for Staff {
    type Target = Client;
    fn deref(&self) -> &Client {
        &self.client
    }
}

impl Citizen {
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// Scans now, with a fresh id.
    pub async fn scans(&self, code: &str) -> Reply {
        self.scans_as(code, &Uuid::new_v4().to_string()).await
    }

    pub async fn scans_as(&self, code: &str, client_scan_id: &str) -> Reply {
        self.post("/scans", json!({ "venue_code": code, "client_scan_id": client_scan_id })).await
    }
}

impl Staff {
    pub fn client(&self) -> Client {
        self.client.clone()
    }
}

impl TestApp {
    /// A new citizen, signed in by a code that was sent to their phone.
    pub async fn citizen(&self) -> Citizen {
        self.sign_in(&self.fresh_phone()).await
    }

    /// Asks for a code, reads it from the phone, trades it for a session.
    pub async fn sign_in(&self, phone: &str) -> Citizen {
        let (request_id, code) = self.code_for(phone).await;
        let body = json!({ "request_id": request_id, "code": code });
        let session = self.anyone().post("/auth/sessions", body).await.ok(201);
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let token = text(&session["access_token"]);
        let person_id = text(&session["person"]["id"]);
        Citizen { client: self.anyone().with_token(&token), phone: phone.to_owned(), person_id, token }
    }

    /// As [`TestApp::sign_in`], a minute later: no phone gets two codes a minute.
    pub async fn sign_in_later(&self, phone: &str) -> Citizen {
        self.clock.advance(61_000).await;
        self.sign_in(phone).await
    }

    /// As [`TestApp::code_for`], a minute later.
    pub async fn code_for_later(&self, phone: &str) -> (String, String) {
        self.clock.advance(61_000).await;
        self.code_for(phone).await
    }

    /// Asks for a code; the request's id, and the code as it arrived.
    pub async fn code_for(&self, phone: &str) -> (String, String) {
        let before = self.messages_to(phone).len();
        let asked = self.anyone().post("/auth/codes", json!({ "phone": phone })).await.ok(202);
        let message = self.message_to(phone, before + 1).await;
        let code = message.variables["code"].as_str().unwrap_or_default().to_owned();
        assert_eq!(code.len(), 6, "{message:?}");
        (asked["request_id"].as_str().unwrap_or_default().to_owned(), code)
    }

    /// A new member of staff without a one-time password. An empty division means everywhere.
    pub async fn staff(&self, role: Role, division: &str) -> Staff {
        let username =
            format!("{}-{}", role.as_str().replace('_', "-"), &Uuid::new_v4().simple().to_string()[20..]);
        self.add_staff(&username, role, division, true).await;
        let body = json!({ "username": username, "password": PASSWORD });
        let session = self.anyone().post("/staff/sessions", body).await.ok(201);
        let token = session["access_token"].as_str().unwrap_or_default().to_owned();
        let client = self.anyone().with_token(&token);
        let id = session["staff"]["id"].as_str().unwrap_or_default().to_owned();
        Staff { client, id, username, role, token }
    }

    /// `staff add`; what it printed.
    pub async fn add_staff(&self, username: &str, role: Role, division: &str, no_totp: bool) -> Value {
        let file = self.path("password");
        let written = std::fs::write(&file, format!("{PASSWORD}\n"));
        assert!(written.is_ok(), "the password file cannot be written");
        let (role, file) = (role.as_str(), file.to_string_lossy().into_owned());
        let mut args = vec!["staff", "add", "--username", username, "--role", role, "--password-file", &file];
        if !division.is_empty() {
            args.extend(["--division", division]);
        }
        if no_totp {
            args.push("--no-totp");
        }
        let output = self.command(&args).await;
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let said = String::from_utf8_lossy(&output.stdout);
        serde_json::from_str(said.lines().next().unwrap_or_default()).unwrap_or(Value::Null)
    }

    pub async fn official(&self, division: &str) -> Staff {
        self.staff(Role::Official, division).await
    }

    pub async fn approver(&self, division: &str) -> Staff {
        self.staff(Role::Approver, division).await
    }

    pub async fn administrator(&self) -> Staff {
        self.staff(Role::Administrator, "").await
    }

    pub async fn auditor(&self) -> Staff {
        self.staff(Role::Auditor, "").await
    }

    pub async fn guard(&self) -> Staff {
        self.staff(Role::Guard, "").await
    }

    /// An official of everywhere who is there for what a test needs by the way.
    pub async fn house_official(&self) -> &Staff {
        self.house_official.get_or_init(|| self.official("")).await
    }

    /// A venue, registered by a citizen of its own and approved.
    pub async fn venue(&self, name: &str, category: &str) -> Venue {
        let manager = self.citizen().await;
        self.venue_of(manager, name, category).await
    }

    pub async fn venue_of(&self, manager: Citizen, name: &str, category: &str) -> Venue {
        let made = manager.post("/venues", venue_form(name, category)).await.ok(201);
        let id = made["id"].as_str().unwrap_or_default().to_owned();
        let approval = self.house_official().await.post(&format!("/venues/{id}/approval"), json!({})).await;
        assert!((200..300).contains(&approval.status), "{}", approval.text());
        let (code_in, code_out) = codes_of(&manager, &id).await;
        Venue { id, name: name.to_owned(), code_in, code_out, manager }
    }
}

/// The form a venue fills in, in Kunming.
pub fn venue_form(name: &str, category: &str) -> Value {
    json!({ "name": name, "category": category, "division_code": "530102", "address": "翠湖南路 1 号",
            "contact_phone": "15490000000", "lat": 25.05, "lon": 102.70, "indoor": true })
}

/// The codes of a venue's own in and out poster that are in force.
pub async fn codes_of(client: &Client, venue: &str) -> (String, String) {
    let codes = client.get(&format!("/venues/{venue}/codes")).await.ok(200);
    let empty = Vec::new();
    let items = codes["items"].as_array().unwrap_or(&empty);
    let code = |direction: &str| {
        let of = |c: &&Value| c["direction"] == direction && c["zone"].is_null() && c["state"] != "revoked";
        let found = items.iter().find(of).and_then(|c| c["code"].as_str());
        found.unwrap_or_else(|| panic!("no {direction} code: {codes}")).to_owned()
    };
    (code("in"), code("out"))
}
