//! Devices at gates: their keys, and how they ask.

use serde_json::{Value, json};

use crate::app::TestApp;
use crate::client::{Client, Reply};

/// A device with a key of its own; speaks through its [`Client`].
pub struct Device {
    client: Client,
    pub id: String,
    pub secret: String,
}

impl std::ops::Deref for Device {
    type Target = Client;
    fn deref(&self) -> &Client {
        &self.client
    }
}

impl Device {
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// Asks about what it has read: 1 a card's number, 2 a code.
    pub async fn asks(&self, kind: u8, content: &str, temperature: &str) -> Reply {
        let body = json!({ "cardNoType": kind, "idCardNo": content, "temperature": temperature,
                           "deviceIndexCode": "860000000000001" });
        self.post("/checkpoints/devices/verifications", body).await
    }
}

impl TestApp {
    /// A device with a key of these scopes that stands at the east gate.
    pub async fn device(&self, scopes: &[&str]) -> Device {
        let admin = self.administrator().await;
        self.device_of(&admin, json!({ "name": "东门测温枪", "scopes": scopes, "place": "东门" })).await
    }

    /// A device with the key that this body asks for.
    pub async fn device_of(&self, admin: &Client, body: Value) -> Device {
        let made = admin.post("/api-keys", body).await.ok(201);
        let text = |field: &str| made[field].as_str().unwrap_or_default().to_owned();
        let secret = text("secret");
        Device { client: self.anyone().with_token(&secret), id: text("id"), secret }
    }
}
