//! Queries and forms, as a server reads them.

use std::collections::BTreeMap;

pub(super) type Pairs = BTreeMap<String, String>;

/// Names and values, decoded.
pub(super) fn pairs(text: &str) -> Pairs {
    let parsed = actix_web::web::Query::<Pairs>::from_query(text);
    parsed.map(actix_web::web::Query::into_inner).unwrap_or_default()
}
