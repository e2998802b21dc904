//! What handlers ask for, by the types of their arguments.

mod header;
mod json_path;
mod params;
mod payload;

pub use header::{Header, NamedHeader};
pub use params::Path;
pub use payload::{Body, IntoPayload, Json, Payload, Text};

use super::request::States;
use super::{Client, MessageError, Messenger, Request, Result};
use crate::model::{Destination, Headers, Message, Principal};
use std::any::type_name;
use std::fmt;
use std::future::Future;

/// What can be taken of a message: the types that a handler's arguments may have.
///
/// An application's own need one function. What it refuses is told to the message's sender; it may wait, while that
/// sender's next message waits for it:
///
/// ```
/// use byway::messaging::{FromRequest, MessageError, Request, Result};
///
/// /// The tenant that the sender belongs to.
/// struct Tenant(String);
///
/// impl FromRequest for Tenant {
///     async fn from_request(request: &Request) -> Result<Self> {
///         let principal = request.client.principal();
///         let tenant = principal.as_ref().and_then(|principal| principal.claim("tenant")?.as_str());
///         tenant.map(|name| Self(name.to_owned())).ok_or_else(|| MessageError::forbidden("you belong to no tenant"))
///     }
/// }
/// ```
pub trait FromRequest: Sized {
    /// Takes it.
    fn from_request(request: &Request) -> impl Future<Output = Result<Self>> + Send;

    /// Whether it could ever be taken in an application with these states: asked once, by
    /// [`Messages::build`](super::Messages::build). Default: it could.
    fn check(states: &States) -> Result<(), MissingState> {
        let _ = states;
        Ok(())
    }
}

/// What may be absent from a message: `Option<X>` is `None` then. What is there and wrong is refused all the same.
pub trait OptionalFromRequest: Sized {
    /// Takes it, if it is there.
    fn from_request(request: &Request) -> impl Future<Output = Result<Option<Self>>> + Send;
}

impl<T: OptionalFromRequest> FromRequest for Option<T> {
    async fn from_request(request: &Request) -> Result<Self> {
        T::from_request(request).await
    }
}

/// For a handler that answers by itself what is refused.
impl<T: FromRequest> FromRequest for Result<T> {
    async fn from_request(request: &Request) -> Result<Self> {
        Ok(T::from_request(request).await)
    }

    fn check(states: &States) -> Result<(), MissingState> {
        T::check(states)
    }
}

/// A handler asks for a [`State`] that was not given to [`Messages::with`](super::Messages::with). The type's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MissingState(pub &'static str);

impl fmt::Display for MissingState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "State<{}> is not given; expected .with(..) of that type", self.0)
    }
}

impl std::error::Error for MissingState {}

/// A value that was given to [`Messages::with`](super::Messages::with). It is found by its type.
#[derive(Debug, Clone)]
pub struct State<T>(pub T);

impl<T: Clone + Send + Sync + 'static> FromRequest for State<T> {
    async fn from_request(request: &Request) -> Result<Self> {
        let value = request.states().get::<T>().cloned();
        value.map(Self).ok_or_else(|| MissingState(type_name::<T>()).into())
    }

    fn check(states: &States) -> Result<(), MissingState> {
        states.get::<T>().map(|_| ()).ok_or(MissingState(type_name::<T>()))
    }
}

/// A value that was remembered with the session by [`Client::set_attribute`]. Where there may be none, ask for
/// `Option<Attribute<T>>`: without the `Option`, none is the server's own fault.
#[derive(Debug, Clone)]
pub struct Attribute<T>(pub T);

impl<T: Clone + Send + Sync + 'static> FromRequest for Attribute<T> {
    async fn from_request(request: &Request) -> Result<Self> {
        let missing = || MessageError::internal(format!("the session has no attribute {}", type_name::<T>()));
        request.client.attribute().map(Self).ok_or_else(missing)
    }
}

impl<T: Clone + Send + Sync + 'static> OptionalFromRequest for Attribute<T> {
    async fn from_request(request: &Request) -> Result<Option<Self>> {
        Ok(request.client.attribute().map(Self))
    }
}

/// Who sent it; refused where nobody is signed in.
impl FromRequest for Principal {
    async fn from_request(request: &Request) -> Result<Self> {
        request.client.principal().ok_or_else(|| MessageError::unauthorized("not signed in"))
    }
}

impl OptionalFromRequest for Principal {
    async fn from_request(request: &Request) -> Result<Option<Self>> {
        Ok(request.client.principal())
    }
}

/// What every message has, cheap to clone.
macro_rules! always {
    ($($(#[$doc:meta])* $type:ty: $field:ident;)*) => {$(
        $(#[$doc])*
        impl FromRequest for $type {
            async fn from_request(request: &Request) -> Result<Self> {
                Ok(request.$field.clone())
            }
        }
    )*};
}

always! {
    /// The session that it came from.
    Client: client;
    /// How to publish.
    Messenger: messenger;
    /// Where it was sent, with the application's prefix.
    Destination: destination;
    /// What its sender says of it.
    Headers: headers;
    /// The content as it came.
    Message: body;
}
