//! What a client is told when a platform does not do its part, and what an operator is.

use mashang_domain::person::Platform;
use mashang_infra::platform::Failure;

use crate::error::{Code, Problem};

/// Milliseconds after which a client may come again: a platform that is away, one that we have to be set up for, a minute
/// that is used up.
const AWAY: i64 = 3_000;
const NOT_SET_UP: i64 = 60_000;
const USED_UP: i64 = 60_000;

/// The problem of a failure. Settings that are wrong are one ERROR, which names the setting.
pub(super) fn problem(platform: Platform, failure: Failure) -> Problem {
    metrics::counter!("mashang_platform_failures_total", "platform" => platform.as_str(), "kind" => kind(&failure))
        .increment(1);
    match failure {
        Failure::Code(code) => {
            tracing::info!(%platform, code, "what a client brought from the platform is not good");
            Problem::new(Code::PlatformCodeInvalid)
        }
        Failure::Blocked => Problem::new(Code::AccountBlocked),
        Failure::TooOften(code) => {
            tracing::warn!(%platform, code, "the platform wants fewer calls");
            Problem::retry(Code::RateLimited, USED_UP)
        }
        Failure::Overloaded => Problem::retry(Code::Overloaded, 1_000),
        Failure::Busy(_) | Failure::NotSent | Failure::Lost(_) => {
            tracing::warn!(%platform, failure = %failure, "the platform is out of reach");
            Problem::retry(Code::PlatformUnavailable, AWAY)
        }
        Failure::Settings { .. } | Failure::Refused(_) => {
            tracing::error!(%platform, failure = %failure, "the platform does not accept us");
            Problem::retry(Code::PlatformUnavailable, NOT_SET_UP)
        }
    }
}

const fn kind(failure: &Failure) -> &'static str {
    match failure {
        Failure::Code(_) => "code",
        Failure::Blocked => "blocked",
        Failure::TooOften(_) => "too_often",
        Failure::Overloaded => "overloaded",
        Failure::Busy(_) => "busy",
        Failure::NotSent => "not_sent",
        Failure::Lost(_) => "lost",
        Failure::Settings { .. } => "settings",
        Failure::Refused(_) => "refused",
    }
}
