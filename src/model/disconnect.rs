//! Every way in which a session can end, as one table.

use bytestring::ByteString;
use std::fmt;

/// How a session ended: the same code and reason on every transport, in the log and in the metric.
///
/// Codes below 3000 are those of RFC 6455, section 7.4.1, and of the IANA registry; 3000 and up are SockJS's or the
/// application's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disconnect {
    code: u16,
    reason: ByteString,
    reconnect: bool,
    label: &'static str,
}

/// One row of the table: name, code, reason, whether the client should come back, metric label, when.
macro_rules! table {
    ($($(#[$when:meta])* $name:ident = $code:literal, $reason:literal, $reconnect:literal, $label:literal;)*) => {
        impl Disconnect {
            $($(#[$when])*
            pub const $name: Self = Self {
                code: $code,
                reason: ByteString::from_static($reason),
                reconnect: $reconnect,
                label: $label,
            };)*

            /// The labels that [`label`](Self::label) can answer, for metrics.
            pub const LABELS: &[&str] = &[$($label,)* "application", "client"];
        }
    };
}

table! {
    /// The application closed the session and gave no reason.
    NORMAL = 1000, "Normal closure", false, "normal";
    /// The server stops; another may serve already.
    GOING_AWAY = 1001, "Server shutting down", true, "going_away";
    /// The client broke RFC 6455.
    PROTOCOL_ERROR = 1002, "Protocol error", false, "protocol_error";
    /// The receiving connection broke off, or its peer went away without a word.
    INTERRUPTED = 1002, "Connection interrupted", true, "interrupted";
    /// A binary message on, or for, a session that can carry only text.
    NOT_TEXT = 1003, "Only text messages are supported", false, "not_text";
    /// Text that is not UTF-8, or compressed data that does not inflate.
    INVALID_DATA = 1007, "Invalid message data", false, "invalid_data";
    /// The client reads too slowly: its queue is full, or its socket took nothing for too long.
    SLOW_CONSUMER = 1008, "Slow consumer", true, "slow_consumer";
    /// Too many control frames, too many fragments, or a message that does not finish.
    FLOOD = 1008, "Policy violation", false, "flood";
    /// A feed's stream has lasted, or carried, as much as one may: its reader takes a new one.
    STREAM_LIMIT = 1000, "Stream limit reached", true, "stream_limit";
    /// A message or frame over the limit.
    MESSAGE_TOO_BIG = 1009, "Message too big", false, "message_too_big";
    /// A handler panicked.
    INTERNAL_ERROR = 1011, "Internal error", true, "internal_error";
    /// No receiver came within the disconnect delay.
    ABSENT = 1002, "Connection timed out", true, "absent";
    /// The client answers no heartbeat.
    NO_HEARTBEAT = 3000, "No response from heartbeat", true, "no_heartbeat";
    /// A SockJS client sent something that is not SockJS.
    BROKEN_FRAMING = 3000, "Broken framing.", false, "broken_framing";
    /// The client broke STOMP.
    STOMP_PROTOCOL_ERROR = 1002, "STOMP protocol error", false, "stomp_protocol_error";
    /// A STOMP frame that is right in itself, but not now: before CONNECT, behind DISCONNECT, a second CONNECT, an id that
    /// is in use or that nothing has.
    STOMP_SEQUENCE = 1008, "STOMP frame out of sequence", false, "stomp_sequence";
    /// What the client asked for cannot be done, such as a message that its handler does not understand.
    REFUSED = 4400, "Refused", false, "refused";
    /// The server has too much to do for this; later it may be possible.
    OVERLOADED = 1013, "Try again later", true, "overloaded";
    /// The application's backend does not answer; later it may.
    BACKEND_UNAVAILABLE = 1013, "Backend unavailable", true, "backend_unavailable";
    /// More STOMP subscriptions, or more or larger transactions, than a client may have.
    STOMP_LIMIT = 1008, "STOMP limit exceeded", false, "stomp_limit";
    /// The client did not say who it is within the time that it had.
    CONNECT_TIMEOUT = 1008, "No CONNECT in time", true, "connect_timeout";
    /// Whether the client is who it says cannot be told at present: keys cannot be fetched.
    AUTHENTICATION_UNAVAILABLE = 1013, "Authentication unavailable", true, "authentication_unavailable";
    /// The client did not say who it is, or did not show it.
    AUTHENTICATION_FAILED = 4401, "Authentication failed", false, "authentication_failed";
    /// The client's token has expired. With a new one it may come back.
    TOKEN_EXPIRED = 4401, "Token expired", true, "token_expired";
    /// The user, the token or the session was revoked.
    REVOKED = 4401, "Revoked", false, "revoked";
    /// The client did what it may not do, such as becoming somebody else.
    FORBIDDEN = 4403, "Forbidden", false, "forbidden";
    /// The client sent more than its limits allow.
    RATE_LIMITED = 4429, "Too many messages", true, "rate_limited";
    /// Clients of this address have begun more than it may hold, and ended too little of it.
    ADDRESS_FULL = 1013, "Too much unfinished of this address", true, "address_full";
    /// Too many clients of this address failed to show who they are.
    TOO_MANY_FAILURES = 4429, "Too many failed attempts", true, "too_many_failures";
    /// A second receiver while one is attached. It ends that receiver, not the session.
    ANOTHER_CONNECTION = 2010, "Another connection still open", false, "another_connection";
}

/// A close code or reason that an application may not send (RFC 6455, section 7.4.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseCodeError {
    /// The code is neither 1000 nor from 3000 to 4999.
    Code(u16),
    /// The reason has more than 123 bytes, which is what a close frame can carry.
    ReasonTooLong(usize),
}

impl fmt::Display for CloseCodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "close code {code}: an application may use 1000 and 3000 to 4999"),
            Self::ReasonTooLong(len) => write!(f, "a close reason has at most 123 bytes, this one has {len}"),
        }
    }
}

impl std::error::Error for CloseCodeError {}

impl Disconnect {
    /// The longest reason in bytes: what a WebSocket close frame can carry beside the code.
    pub const MAX_REASON: usize = 123;

    /// The application's own ending: code 1000 or 3000 to 4999, at most 123 bytes of reason.
    pub fn application(code: u16, reason: impl Into<ByteString>) -> Result<Self, CloseCodeError> {
        let reason = reason.into();
        if code != 1000 && !(3000..=4999).contains(&code) {
            return Err(CloseCodeError::Code(code));
        }
        if reason.len() > Self::MAX_REASON {
            return Err(CloseCodeError::ReasonTooLong(reason.len()));
        }
        Ok(Self { code, reason, reconnect: false, label: "application" })
    }

    /// The client's own ending: what its close frame said, 1005 where it said nothing (RFC 6455, section 7.1.5).
    pub fn client(code: u16, reason: ByteString) -> Self {
        Self { code, reason, reconnect: false, label: "client" }
    }

    /// The close code.
    pub fn code(&self) -> u16 {
        self.code
    }

    /// The reason, for people.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// Whether a client should connect again.
    pub fn reconnect(&self) -> bool {
        self.reconnect
    }

    /// Whether the session was lost rather than ended: neither side meant it, and the client may not know.
    pub fn is_loss(&self) -> bool {
        *self == Self::INTERRUPTED || *self == Self::ABSENT
    }

    /// Whether what the client had sent before is carried out all the same: a connection broke off, the client left or was too
    /// slow, the server stops. Otherwise somebody decided over the session, the application or a rule, and what they have not
    /// seen yet is of no use to them.
    pub fn keeps_input(&self) -> bool {
        let kept = [Self::GOING_AWAY, Self::SLOW_CONSUMER, Self::NO_HEARTBEAT];
        self.is_loss() || kept.contains(self) || self.label == "client"
    }

    /// The metric label: one of [`LABELS`](Self::LABELS).
    pub fn label(&self) -> &'static str {
        self.label
    }
}

impl fmt::Display for Disconnect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.code, self.reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_ending_has_a_label_of_its_own() {
        let mut labels = Disconnect::LABELS.to_vec();
        labels.sort_unstable();
        labels.dedup();
        assert_eq!(labels.len(), Disconnect::LABELS.len());
    }

    #[test]
    fn an_application_may_use_1000_and_3000_to_4999_with_a_reason_that_fits_a_close_frame() {
        for code in [1000, 3000, 4999] {
            assert!(Disconnect::application(code, "bye").is_ok());
        }
        for code in [0, 999, 1001, 1005, 2999, 5000] {
            assert_eq!(Disconnect::application(code, ""), Err(CloseCodeError::Code(code)));
        }
        assert_eq!(Disconnect::application(3000, "x".repeat(124)), Err(CloseCodeError::ReasonTooLong(124)));
    }
}
