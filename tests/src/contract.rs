//! The OpenAPI document of a running server, as tests walk through it.

use serde_json::{Map, Value, json};

use crate::app::TestApp;

/// An id that nothing has.
pub const NOBODY: &str = "01900000-0000-7000-8000-000000000000";

/// One operation of the document.
#[derive(Debug, Clone)]
pub struct Operation {
    /// Upper case.
    pub method: String,
    /// With its variables in braces.
    pub path: String,
    pub secured: bool,
    /// Schema of a JSON body.
    pub body: Option<Value>,
}

/// The document.
pub struct Contract {
    document: Value,
}

impl Contract {
    pub async fn of(app: &TestApp) -> Self {
        Self { document: app.anyone().get("/api/openapi.json").await.ok(200) }
    }

    pub fn operations(&self) -> Vec<Operation> {
        let mut found = Vec::new();
        for (path, item) in self.document["paths"].as_object().into_iter().flatten() {
            for (method, operation) in item.as_object().into_iter().flatten() {
                let body = operation["requestBody"]["content"]["application/json"].get("schema");
                found.push(Operation {
                    method: method.to_uppercase(),
                    path: path.clone(),
                    secured: operation["security"].as_array().is_some_and(|s| !s.is_empty()),
                    body: body.map(|schema| self.resolved(schema)),
                });
            }
        }
        found
    }

    /// The schema that is meant: references followed, "or nothing" dropped.
    pub fn resolved(&self, schema: &Value) -> Value {
        if let Some(name) = schema["$ref"].as_str().and_then(|r| r.rsplit('/').next()) {
            return self.resolved(&self.document["components"]["schemas"][name]);
        }
        let some = |one: &&Value| one["type"] != "null";
        if let Some(one) = schema["oneOf"].as_array().and_then(|all| all.iter().find(some)) {
            return self.resolved(one);
        }
        schema.clone()
    }

    /// A value that fits a schema.
    pub fn sample(&self, schema: &Value) -> Value {
        let schema = self.resolved(schema);
        if let Some(example) = schema.get("example") {
            return example.clone();
        }
        if let Some(first) = schema["enum"].as_array().and_then(|e| e.first()) {
            return first.clone();
        }
        match kinds(&schema).first().map_or("object", String::as_str) {
            "string" => match schema["format"].as_str() {
                Some("uuid") => json!(NOBODY),
                Some("date-time") => json!("2020-02-12T04:00:00Z"),
                Some("date") => json!("2020-02-12"),
                _ => json!("x"),
            },
            "integer" | "number" => schema.get("minimum").cloned().unwrap_or(json!(1)),
            "boolean" => json!(false),
            "array" => json!([self.sample(&schema["items"])]),
            _ => Value::Object(self.members(&schema)),
        }
    }

    fn members(&self, schema: &Value) -> Map<String, Value> {
        let properties = schema["properties"].as_object();
        properties.into_iter().flatten().map(|(name, s)| (name.clone(), self.sample(s))).collect()
    }
}

/// The JSON types a schema allows.
pub fn kinds(schema: &Value) -> Vec<String> {
    let word = |v: &Value| v.as_str().map(str::to_owned);
    match &schema["type"] {
        Value::Array(all) => all.iter().filter_map(word).collect(),
        one => word(one).into_iter().collect(),
    }
}

impl Operation {
    /// The path with its variables replaced by `id`, as the client of the tests takes it.
    pub fn address(&self, id: &str) -> String {
        let mut path = self.path.strip_prefix("/api/v1").unwrap_or(&self.path).to_owned();
        while let Some((head, tail)) = path.split_once('{') {
            path = format!("{head}{id}{}", tail.split_once('}').map_or("", |(_, rest)| rest));
        }
        path
    }
}
