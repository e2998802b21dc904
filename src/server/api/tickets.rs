//! Tickets, for backends' signed-in users.

use super::problem::Refusal;
use crate::policy::{TicketError, TicketRequest};
use http::StatusCode;
use poem_openapi::Object;
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

/// A ticket that is asked for.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub(super) struct NewTicket {
    /// Whose it is: who shows it comes in as this user.
    #[oai(validator(min_length = 1, max_length = 256))]
    user: String,
    /// What is claimed of the user, as a token would; rules can ask for it. At most 2 KiB of JSON.
    #[oai(default)]
    claims: BTreeMap<String, Value>,
    /// For how many seconds it is good: 30 if nothing is said, at most as `auth.tickets.max_time` allows.
    #[oai(validator(minimum(value = "1"), maximum(value = "86400")))]
    expires_in: Option<u32>,
    /// How often it can be used.
    #[oai(default = "once", validator(minimum(value = "1"), maximum(value = "100")))]
    uses: u32,
    /// After how many seconds from now sessions end that come in with it. If nothing is said they do not.
    #[oai(validator(minimum(value = "1"), maximum(value = "4294967295")))]
    session_expires_in: Option<u32>,
}

/// A ticket.
#[derive(Debug, Object)]
pub(super) struct Ticket {
    /// What the client shows: `?ticket=` in a URL, or the header `ticket` of CONNECT.
    pub(super) ticket: String,
    /// What takes it back, and its sessions: `token` of `/revocations`.
    pub(super) id: String,
    /// By when it has to be used (RFC 3339).
    pub(super) expires_at: String,
}

fn once() -> u32 {
    1
}

impl From<NewTicket> for TicketRequest {
    fn from(new: NewTicket) -> Self {
        let seconds = |seconds: u32| Duration::from_secs(seconds.into());
        Self {
            user: new.user.into(),
            claims: new.claims.into_iter().collect(),
            expires_in: new.expires_in.map(seconds),
            uses: new.uses,
            session_expires_in: new.session_expires_in.map(seconds),
        }
    }
}

impl From<crate::policy::Ticket> for Ticket {
    fn from(ticket: crate::policy::Ticket) -> Self {
        Self {
            ticket: ticket.ticket.expose().to_owned(),
            id: ticket.id.into(),
            expires_at: humantime::format_rfc3339_millis(ticket.expires_at).to_string(),
        }
    }
}

impl From<TicketError> for Refusal {
    fn from(error: TicketError) -> Self {
        match error {
            TicketError::Full(_) => Self::new(StatusCode::SERVICE_UNAVAILABLE, "tickets_full", error.to_string()),
            TicketError::Unavailable => Self::unavailable(error.to_string()),
            _ => Self::bad_request("invalid_request", error.to_string()),
        }
    }
}
