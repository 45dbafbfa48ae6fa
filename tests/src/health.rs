//! What people do with their health code.

use serde_json::{Value, json};

use crate::client::Reply;
use crate::persona::Citizen;

/// The number of a resident identity card, with its check digit: born on 1990-01-01, the `n`-th of that day.
pub fn resident_number(n: u32) -> String {
    resident_number_of("19900101", n)
}

/// As [`resident_number`], of somebody born on that day.
pub fn resident_number_of(born: &str, n: u32) -> String {
    let body = format!("330106{born}{:03}", n % 1_000);
    let weights = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    let sum: u32 = body.bytes().zip(weights).map(|(digit, weight)| u32::from(digit - b'0') * weight).sum();
    let check = b"10X98765432"[(sum % 11) as usize];
    format!("{body}{}", char::from(check))
}

/// A declaration in which nothing is wrong, with some fields changed.
pub fn declaration(number: &str, changes: &Value) -> Value {
    let mut body = json!({
        "name": "张三丰", "id_type": "resident", "id_number": number, "division_code": "330106",
        "contact_with_case": false, "symptoms": [], "notice_version": "2020-02-11",
        "consent": true, "consent_health_data": true,
    });
    let fields = body.as_object_mut().into_iter().zip(changes.as_object());
    for (body, changes) in fields {
        body.extend(changes.clone());
    }
    body
}

impl Citizen {
    /// Declares, with some fields changed.
    pub async fn declares(&self, number: &str, changes: Value) -> Reply {
        self.post("/me/declarations", declaration(number, &changes)).await
    }

    /// Reports a normal day.
    pub async fn checks_in(&self) -> Reply {
        self.post("/me/check-ins", json!({ "temperature_c": 36.5 })).await
    }

    /// The code as the phone shows it now.
    pub async fn code(&self) -> Value {
        self.get("/me/health-code").await.ok(200)
    }

    pub async fn colour(&self) -> String {
        self.code().await["colour"].as_str().unwrap_or_default().to_owned()
    }
}
