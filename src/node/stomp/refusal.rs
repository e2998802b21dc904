//! What a client is told when it does not get what it asked for.

use crate::broker::{DirectoryFull, PatternError, SubscribeError, UnknownTag};
use crate::messaging::{AddressError, ErrorKind, MessageError, PublishError};
use crate::model::Disconnect;
use crate::policy::Decision;
use crate::protocol::stomp::Failure;
use bytestring::ByteString;
use std::fmt::Display;

/// Why a frame was not carried out.
#[derive(Debug)]
pub(super) enum Refusal {
    /// The session ends over it.
    Fatal(Failure),
    /// The client is told; whether the session ends is a setting.
    Told(Failure),
    /// The client was told already, and nothing more comes of it: no receipt either.
    KnownToClient,
}

impl Refusal {
    /// Something that this client may not do.
    pub(super) fn forbidden(detail: impl Display) -> Self {
        Self::told(Disconnect::FORBIDDEN, "Forbidden", detail)
    }

    /// Something that a decision of the policies' keeps this client from.
    pub(super) fn denied(decision: Decision) -> Self {
        match decision {
            Decision::Refuse(why) => Self::forbidden(why),
            Decision::Unavailable => {
                let detail = "Whether this is allowed cannot be told at present; try again";
                Self::told(Disconnect::BACKEND_UNAVAILABLE, "Unavailable", detail)
            }
            Decision::Allow | Decision::Deny => Self::forbidden("The rules do not allow it"),
        }
    }

    fn told(disconnect: Disconnect, message: &'static str, detail: impl Display) -> Self {
        Self::Told(Failure::new(disconnect, message, format!("{detail}.")))
    }

    /// The same, with what it is about: `SEND /topic/a`.
    pub(super) fn about(self, command: &str, destination: &str) -> Self {
        self.map(|failure| failure.about(command, destination))
    }

    pub(super) fn with_receipt(self, receipt: Option<ByteString>) -> Self {
        self.map(|failure| failure.with_receipt(receipt))
    }

    /// The same, whatever the setting.
    pub(super) fn fatal(self) -> Self {
        match self {
            Self::Told(failure) => Self::Fatal(failure),
            refusal => refusal,
        }
    }

    fn map(self, change: impl FnOnce(Failure) -> Failure) -> Self {
        match self {
            Self::Fatal(failure) => Self::Fatal(change(failure)),
            Self::Told(failure) => Self::Told(change(failure)),
            Self::KnownToClient => Self::KnownToClient,
        }
    }
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        Self::Fatal(failure)
    }
}

impl From<AddressError> for Refusal {
    fn from(error: AddressError) -> Self {
        Self::forbidden(error)
    }
}

impl From<PatternError> for Refusal {
    fn from(error: PatternError) -> Self {
        Self::forbidden(error)
    }
}

impl From<DirectoryFull> for Refusal {
    fn from(error: DirectoryFull) -> Self {
        Self::told(Disconnect::OVERLOADED, "Too many destinations", error)
    }
}

impl From<SubscribeError> for Refusal {
    fn from(error: SubscribeError) -> Self {
        Self::told(Disconnect::OVERLOADED, "Too many consumers", error)
    }
}

impl From<UnknownTag> for Refusal {
    fn from(error: UnknownTag) -> Self {
        Self::told(Disconnect::STOMP_PROTOCOL_ERROR, "Unknown message", error)
    }
}

impl From<PublishError> for Refusal {
    fn from(error: PublishError) -> Self {
        match error {
            PublishError::Overloaded | PublishError::QueueFull | PublishError::ShareReached => {
                Self::told(Disconnect::OVERLOADED, "Overloaded", error)
            }
            error => Self::forbidden(error),
        }
    }
}

impl From<MessageError> for Refusal {
    fn from(error: MessageError) -> Self {
        let (disconnect, message) = match error.kind() {
            ErrorKind::BadRequest => (Disconnect::REFUSED, "Bad request"),
            ErrorKind::NotFound => (Disconnect::REFUSED, "Not found"),
            ErrorKind::Unauthorized => (Disconnect::FORBIDDEN, "Unauthorized"),
            ErrorKind::Forbidden => (Disconnect::FORBIDDEN, "Forbidden"),
            ErrorKind::Overloaded => (Disconnect::OVERLOADED, "Overloaded"),
            ErrorKind::Unavailable => (Disconnect::BACKEND_UNAVAILABLE, "Unavailable"),
            ErrorKind::Internal => (Disconnect::INTERNAL_ERROR, "Internal error"),
        };
        Self::told(disconnect, message, error)
    }
}
