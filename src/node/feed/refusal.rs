//! Why a feed was not opened.

use crate::broker::{DirectoryFull, PatternError};
use crate::messaging::{AddressError, ErrorKind, MessageError, TooManySessions};
use crate::model::Disconnect;
use crate::node::OpenError;
use crate::policy::{AuthError, Decision};
use http::StatusCode;
use std::time::Duration;

/// What the client is told, and what the metrics count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FeedRefusal {
    pub(crate) status: StatusCode,
    /// The reason in [`Stats::refused`](crate::Stats::refused).
    pub(crate) label: &'static str,
    /// What is wrong, and what would be right; no full stop.
    pub(crate) text: String,
    /// When the same could work.
    pub(crate) retry_after: Option<Duration>,
}

/// After how long those come back whom the server cannot serve at present.
const SOON: Duration = Duration::from_secs(5);

impl FeedRefusal {
    fn new(status: StatusCode, label: &'static str, text: impl Into<String>) -> Self {
        Self { status, label, text: text.into(), retry_after: None }
    }

    pub(crate) fn bad_request(text: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "feed_request", text)
    }

    pub(super) fn forbidden(text: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "feed_forbidden", text)
    }

    pub(super) fn not_found(text: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "feed_not_found", text)
    }

    pub(super) fn too_many(text: impl Into<String>, retry_after: Duration) -> Self {
        let refusal = Self::new(StatusCode::TOO_MANY_REQUESTS, "feed_rate", text);
        Self { retry_after: Some(retry_after), ..refusal }
    }

    pub(super) fn unavailable(label: &'static str, text: impl Into<String>) -> Self {
        Self { retry_after: Some(SOON), ..Self::new(StatusCode::SERVICE_UNAVAILABLE, label, text) }
    }
}

impl From<OpenError> for FeedRefusal {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Full => Self::unavailable("sessions_full", "no more sessions now"),
            OpenError::AddressFull => Self::unavailable("address_full", "this address has as many sessions as it may"),
            OpenError::Draining => Self::unavailable("draining", "the server stops"),
        }
    }
}

/// The session of a poll ended before there was an answer.
impl From<Disconnect> for FeedRefusal {
    fn from(disconnect: Disconnect) -> Self {
        match disconnect.code() {
            4401 => Self::new(StatusCode::UNAUTHORIZED, "feed_ended", disconnect.reason()),
            _ if disconnect.reconnect() => Self::unavailable("feed_ended", disconnect.reason()),
            _ => Self::new(StatusCode::FORBIDDEN, "feed_ended", disconnect.reason()),
        }
    }
}

impl From<AuthError> for FeedRefusal {
    fn from(error: AuthError) -> Self {
        match error {
            AuthError::Unavailable => Self::unavailable("feed_unauthorized", error.to_string()),
            error => Self::new(StatusCode::UNAUTHORIZED, "feed_unauthorized", error.to_string()),
        }
    }
}

impl FeedRefusal {
    /// Why nobody is let in whom a decision of the policies' keeps out.
    pub(super) fn denied(decision: Decision, destination: &str) -> Self {
        match decision {
            Decision::Refuse(why) => Self::forbidden(why),
            Decision::Unavailable => {
                Self::unavailable("feed_unavailable", "whether this is allowed cannot be told at present")
            }
            Decision::Allow | Decision::Deny => Self::forbidden(format!("the rules do not allow {destination}")),
        }
    }
}

impl From<AddressError> for FeedRefusal {
    fn from(error: AddressError) -> Self {
        Self::bad_request(error.to_string())
    }
}

impl From<PatternError> for FeedRefusal {
    fn from(error: PatternError) -> Self {
        match error {
            PatternError::Nowhere => Self::not_found(error.to_string()),
            PatternError::QueueWildcard => Self::bad_request(error.to_string()),
        }
    }
}

impl From<TooManySessions> for FeedRefusal {
    fn from(error: TooManySessions) -> Self {
        Self::too_many(error.to_string(), SOON)
    }
}

impl From<DirectoryFull> for FeedRefusal {
    fn from(error: DirectoryFull) -> Self {
        Self::unavailable("feed_overloaded", error.to_string())
    }
}

impl From<MessageError> for FeedRefusal {
    fn from(error: MessageError) -> Self {
        let text = error.to_string();
        match error.kind() {
            ErrorKind::BadRequest => Self::bad_request(text),
            ErrorKind::Unauthorized => Self::new(StatusCode::UNAUTHORIZED, "feed_unauthorized", text),
            ErrorKind::Forbidden => Self::forbidden(text),
            ErrorKind::NotFound => Self::not_found(text),
            ErrorKind::Overloaded => Self::unavailable("feed_overloaded", text),
            ErrorKind::Unavailable => Self::unavailable("feed_unavailable", text),
            ErrorKind::Internal => Self::new(StatusCode::INTERNAL_SERVER_ERROR, "feed_failed", text),
        }
    }
}
