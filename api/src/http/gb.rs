//! Which of our operations offers what the interface standard for personal health codes (GB/T 38963-2020) names.
//!
//! The extension `x-gb-operation` of the OpenAPI document says so. Clauses and Chinese names are the standard's; fields are
//! our own (docs/health-code.md), and no conformance is claimed.

use serde_json::json;
use utoipa::openapi::extensions::Extensions;
use utoipa::openapi::path::Operation;

/// Name of the extension.
const EXTENSION: &str = "x-gb-operation";

/// One operation of ours under a clause of the standard.
pub(super) struct GbOperation {
    pub method: &'static str,
    /// Below `/api/v1`.
    pub path: &'static str,
    pub clause: &'static str,
    pub name: &'static str,
}

const fn op(
    clause: &'static str,
    name: &'static str,
    method: &'static str,
    path: &'static str,
) -> GbOperation {
    GbOperation { method, path, clause, name }
}

/// The seven operations, in the order of the clauses.
pub(super) const OPERATIONS: &[GbOperation] = &[
    op("6.2", "用户健康信息申报", "post", "/me/declarations"),
    op("6.2", "用户健康信息申报", "post", "/me/check-ins"),
    op("6.3", "用户行程申报", "post", "/me/trips"),
    op("6.4", "用户健康信息查询", "get", "/me/quarantine"),
    op("6.4", "用户健康信息查询", "get", "/me/declarations"),
    op("6.5", "健康码调用申请", "post", "/api-keys"),
    op("6.6", "健康码制码请求", "get", "/me/health-code"),
    op("6.7", "健康码验码请求", "post", "/checkpoints/verifications"),
    op("6.7", "健康码验码请求", "post", "/checkpoints/devices/verifications"),
    op("6.8", "用户健康信息纠错", "post", "/me/appeals"),
];

/// Says in an operation which one of the standard it is, if it is one.
pub(super) fn name(path: &str, method: &str, operation: &mut Operation) {
    let Some(short) = path.strip_prefix("/api/v1") else { return };
    let found = OPERATIONS.iter().find(|known| known.path == short && known.method == method);
    if let Some(known) = found {
        let value = json!({ "standard": "GB/T 38963-2020", "clause": known.clause, "name": known.name });
        let extensions = operation.extensions.get_or_insert_with(Extensions::default);
        extensions.insert(EXTENSION.to_owned(), value);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;
    use crate::http::server::openapi;

    #[test]
    fn the_seven_operations_of_the_standard_are_named() {
        let clauses: BTreeSet<&str> = OPERATIONS.iter().map(|known| known.clause).collect();
        assert_eq!(clauses, BTreeSet::from(["6.2", "6.3", "6.4", "6.5", "6.6", "6.7", "6.8"]));
        let document: Value = serde_json::to_value(openapi()).expect("serialises");
        for known in OPERATIONS {
            let operation = &document["paths"][format!("/api/v1{}", known.path)][known.method];
            assert!(!operation.is_null(), "{} {}: no such route", known.method, known.path);
            let said = &operation[EXTENSION];
            let named = (said["clause"].as_str(), said["name"].as_str());
            assert_eq!(named, (Some(known.clause), Some(known.name)), "{} {}", known.method, known.path);
        }
        let text = document.to_string();
        let there = OPERATIONS
            .iter()
            .filter(|known| document["paths"][format!("/api/v1{}", known.path)][known.method].is_object());
        assert_eq!(text.matches(EXTENSION).count(), there.count(), "nothing else says so");
    }
}
