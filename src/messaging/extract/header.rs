use super::{FromRequest, OptionalFromRequest};
use crate::messaging::{MessageError, Request, Result};
use std::fmt;
use std::str::FromStr;

/// One header of the message, by its type:
///
/// ```
/// use byway::messaging::{Header, NamedHeader};
///
/// struct Priority(u8);
///
/// impl NamedHeader for Priority {
///     const NAME: &str = "priority";
///     type Value = u8;
///
///     fn from_value(value: u8) -> Self {
///         Self(value)
///     }
/// }
///
/// async fn order(Header(Priority(priority)): Header<Priority>) {}
/// ```
///
/// Ask for `Option<Header<Priority>>` where it may be absent.
#[derive(Debug, Clone)]
pub struct Header<T>(pub T);

/// A header that [`Header`] can take.
pub trait NamedHeader: Sized {
    /// The header's name. Names are case-sensitive (STOMP 1.2).
    const NAME: &str;

    /// What the header's text is parsed as. Its error is told to the sender.
    type Value: FromStr<Err: fmt::Display>;

    /// The header with this value.
    fn from_value(value: Self::Value) -> Self;
}

impl<T: NamedHeader> FromRequest for Header<T> {
    async fn from_request(request: &Request) -> Result<Self> {
        let missing = || MessageError::bad_request(format!("the header {} is missing", T::NAME));
        named(request)?.ok_or_else(missing)
    }
}

impl<T: NamedHeader> OptionalFromRequest for Header<T> {
    async fn from_request(request: &Request) -> Result<Option<Self>> {
        named(request)
    }
}

fn named<T: NamedHeader>(request: &Request) -> Result<Option<Header<T>>> {
    let Some(text) = request.headers.get(T::NAME) else { return Ok(None) };
    let wrong = |error| MessageError::bad_request(format!("the header {}: {error}", T::NAME));
    Ok(Some(Header(T::from_value(text.parse().map_err(wrong)?))))
}
