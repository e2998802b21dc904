//! What goes wrong with a message, and how much of it its sender is told.

use super::{AddressError, PublishError, TooManySessions};
use bytestring::ByteString;
use std::error::Error;
use std::fmt;
use std::sync::Arc;

/// What a handler, an extractor or an interceptor answers.
pub type Result<T = (), E = MessageError> = std::result::Result<T, E>;

/// What kind of thing went wrong; clients may act on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The message cannot be understood.
    BadRequest,
    /// Nobody is signed in.
    Unauthorized,
    /// Whoever is signed in may not do this.
    Forbidden,
    /// There is no such thing.
    NotFound,
    /// Too much waits already; later it may work.
    Overloaded,
    /// Whoever handles it does not answer; later it may work.
    Unavailable,
    /// The server's own fault. The client is told no more than that; the log has the rest.
    Internal,
}

impl ErrorKind {
    /// The kind's one name, in answers and in metrics.
    pub const fn label(self) -> &'static str {
        match self {
            Self::BadRequest => "bad_request",
            Self::Unauthorized => "unauthorized",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not_found",
            Self::Overloaded => "overloaded",
            Self::Unavailable => "unavailable",
            Self::Internal => "internal",
        }
    }
}

/// Why a message was not handled. Its [`Display`](fmt::Display) is what its sender is told.
///
/// Any [`std::error::Error`] becomes one by `?`: of kind [`Internal`](ErrorKind::Internal), so that its text goes to the
/// log and not to a stranger. What a client should read is said by name:
///
/// ```
/// use byway::messaging::{MessageError, Result};
///
/// fn seats(text: &str) -> Result<u8> {
///     match text.parse::<u8>()? {
///         0 => Err(MessageError::bad_request("no seats asked for")),
///         seats => Ok(seats),
///     }
/// }
///
/// assert_eq!(seats("0").unwrap_err().to_string(), "no seats asked for");
/// assert_eq!(seats("x").unwrap_err().to_string(), "internal error");
/// ```
#[derive(Clone)]
pub struct MessageError {
    kind: ErrorKind,
    text: ByteString,
    source: Option<Arc<dyn Error + Send + Sync>>,
}

impl MessageError {
    /// The longest text in bytes. What is longer is cut: a text may repeat what the client sent.
    pub const MAX_TEXT: usize = 512;

    /// The message cannot be understood, and the client reads why.
    pub fn bad_request(text: impl Into<ByteString>) -> Self {
        Self::new(ErrorKind::BadRequest, text)
    }

    /// Nobody is signed in, and the client reads what to do.
    pub fn unauthorized(text: impl Into<ByteString>) -> Self {
        Self::new(ErrorKind::Unauthorized, text)
    }

    /// Whoever is signed in may not do this.
    pub fn forbidden(text: impl Into<ByteString>) -> Self {
        Self::new(ErrorKind::Forbidden, text)
    }

    /// There is no such thing.
    pub fn not_found(text: impl Into<ByteString>) -> Self {
        Self::new(ErrorKind::NotFound, text)
    }

    /// Too much waits already.
    pub fn overloaded(text: impl Into<ByteString>) -> Self {
        Self::new(ErrorKind::Overloaded, text)
    }

    /// Whoever handles it does not answer.
    pub fn unavailable(text: impl Into<ByteString>) -> Self {
        Self::new(ErrorKind::Unavailable, text)
    }

    /// The server's own fault: the client reads "internal error", the log has `source`, an error or a text.
    pub fn internal(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        let text = ByteString::from_static("internal error");
        Self { kind: ErrorKind::Internal, text, source: Some(Arc::from(source.into())) }
    }

    fn new(kind: ErrorKind, text: impl Into<ByteString>) -> Self {
        Self { kind, text: cut(text.into()), source: None }
    }

    /// The same, with the error that it comes from, for [`downcast_ref`](Self::downcast_ref) and the log.
    #[must_use]
    pub fn with_source(self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { source: Some(Arc::from(source.into())), ..self }
    }

    /// What kind of thing went wrong.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// What the client is told: at most [`MAX_TEXT`](Self::MAX_TEXT) bytes.
    pub fn text(&self) -> &ByteString {
        &self.text
    }

    /// The error that it comes from. It is not for clients.
    pub fn source(&self) -> Option<&(dyn Error + Send + Sync + 'static)> {
        self.source.as_deref()
    }

    /// The error that it comes from, if that is an `E`.
    pub fn downcast_ref<E: Error + 'static>(&self) -> Option<&E> {
        self.source()?.downcast_ref()
    }
}

impl fmt::Display for MessageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for MessageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut fields = f.debug_struct("MessageError");
        fields.field("kind", &self.kind).field("text", &self.text);
        if let Some(source) = self.source() {
            fields.field("source", &source.to_string());
        }
        fields.finish()
    }
}

/// Byway's own errors know what a client may read of them; of others nobody knows.
impl<E: Error + Send + Sync + 'static> From<E> for MessageError {
    fn from(error: E) -> Self {
        let own = own(&error);
        own.unwrap_or_else(|| Self::internal("")).with_source(error)
    }
}

fn own(error: &(dyn Error + 'static)) -> Option<MessageError> {
    if let Some(error) = error.downcast_ref::<PublishError>() {
        return match error {
            PublishError::Overloaded | PublishError::QueueFull | PublishError::ShareReached => {
                Some(MessageError::overloaded(error.to_string()))
            }
            PublishError::InvalidDestination(_) => Some(MessageError::bad_request(error.to_string())),
            PublishError::NotPublishable(_) | PublishError::NotJson(_) => None,
        };
    }
    if let Some(error) = error.downcast_ref::<AddressError>() {
        return Some(match error {
            AddressError::Malformed(_) => MessageError::bad_request(error.to_string()),
            _ => MessageError::forbidden(error.to_string()),
        });
    }
    error.downcast_ref::<TooManySessions>().map(|error| MessageError::forbidden(error.to_string()))
}

fn cut(text: ByteString) -> ByteString {
    if text.len() <= MessageError::MAX_TEXT {
        return text;
    }
    let end = text.floor_char_boundary(MessageError::MAX_TEXT - "…".len());
    format!("{}…", &text[..end]).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::DestinationError;

    #[test]
    fn a_foreign_error_is_told_to_nobody_and_kept_for_the_log() {
        let error = MessageError::from(std::io::Error::other("the password is canary"));
        assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::Internal, "internal error"));
        assert_eq!(error.source().map(ToString::to_string).as_deref(), Some("the password is canary"));
        assert!(error.downcast_ref::<std::io::Error>().is_some());
        assert!(error.downcast_ref::<PublishError>().is_none());
    }

    #[test]
    fn an_error_of_publishing_is_told_where_the_client_can_do_something() {
        let kind = |error| MessageError::from(error).kind();
        assert_eq!(kind(PublishError::Overloaded), ErrorKind::Overloaded);
        assert_eq!(kind(PublishError::QueueFull), ErrorKind::Overloaded);
        assert_eq!(kind(PublishError::InvalidDestination(DestinationError::EmptySegment)), ErrorKind::BadRequest);
        assert_eq!(kind(PublishError::NotJson("a map with keys that are no texts".into())), ErrorKind::Internal);
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        assert_eq!(MessageError::bad_request("x".repeat(512)).text().len(), 512);
        let cut = MessageError::bad_request("ä".repeat(300));
        assert!(cut.text().len() <= MessageError::MAX_TEXT && cut.text().ends_with("ä…"), "{cut}");
    }
}
