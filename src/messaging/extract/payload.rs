use super::json_path::path_at;
use super::{FromRequest, OptionalFromRequest};
use crate::messaging::{MessageError, PublishError, Request, Result};
use crate::model::{Destination, Message, Publication};
use bytes::Bytes;
use bytestring::ByteString;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// JSON: of a message, or as an answer.
///
/// What does not fit `T` is refused, and the sender is told where: `text: invalid type: integer `5`, expected a string`.
/// A `content-type` that says that it is something else is refused too; none is taken for JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Json<T>(pub T);

/// The content as text: of a message, where it is UTF-8; or as an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text(pub ByteString);

/// The content as bytes: of any message; or as an answer, which only plain WebSockets can carry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Body(pub Bytes);

impl<T: DeserializeOwned> FromRequest for Json<T> {
    async fn from_request(request: &Request) -> Result<Self> {
        check_content_type(request)?;
        match request.body.is_empty() {
            true => Err(MessageError::bad_request("the message is empty; expected JSON")),
            false => parse(request.body.as_bytes()),
        }
    }
}

/// `None` for a message without content.
impl<T: DeserializeOwned> OptionalFromRequest for Json<T> {
    async fn from_request(request: &Request) -> Result<Option<Self>> {
        match request.body.is_empty() {
            true => Ok(None),
            false => <Self as FromRequest>::from_request(request).await.map(Some),
        }
    }
}

fn parse<T: DeserializeOwned>(json: &[u8]) -> Result<Json<T>> {
    serde_json::from_slice(json).map(Json).map_err(|error| {
        let path = if error.is_data() { path_at(json, error.line(), error.column()) } else { String::new() };
        let place = if path.is_empty() { "the message" } else { &*path };
        MessageError::bad_request(format!("{place}: {error}")).with_source(error)
    })
}

fn check_content_type(request: &Request) -> Result {
    let Some(said) = request.headers.get("content-type") else { return Ok(()) };
    let media = said.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match media.ends_with("/json") || media.ends_with("+json") {
        true => Ok(()),
        false => Err(MessageError::bad_request(format!("the content-type is {media:?}; expected application/json"))),
    }
}

impl FromRequest for Text {
    async fn from_request(request: &Request) -> Result<Self> {
        match &request.body {
            Message::Text(text) => Ok(Self(text.clone())),
            Message::Binary(bytes) => ByteString::try_from(bytes.clone())
                .map(Self)
                .map_err(|_| MessageError::bad_request("the message is not UTF-8; expected text")),
        }
    }
}

impl FromRequest for Body {
    async fn from_request(request: &Request) -> Result<Self> {
        Ok(Self(match &request.body {
            Message::Text(text) => text.clone().into_bytes(),
            Message::Binary(bytes) => bytes.clone(),
        }))
    }
}

/// Content, with the word for what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payload {
    /// What goes into the header `content-type`.
    pub content_type: &'static str,
    /// The content.
    pub body: Message,
}

impl Payload {
    /// A publication of it.
    pub fn to(self, destination: Destination) -> Publication {
        Publication::new(destination, self.body).with_header("content-type", ByteString::from_static(self.content_type))
    }
}

/// What can be sent as a message.
pub trait IntoPayload {
    /// The content in the form in which it travels.
    fn into_payload(self) -> Result<Payload, PublishError>;
}

impl IntoPayload for Payload {
    fn into_payload(self) -> Result<Payload, PublishError> {
        Ok(self)
    }
}

/// `application/json`.
impl<T: Serialize> IntoPayload for Json<T> {
    fn into_payload(self) -> Result<Payload, PublishError> {
        let text = serde_json::to_string(&self.0).map_err(|error| PublishError::NotJson(error.to_string()))?;
        Ok(Payload { content_type: "application/json", body: text.into() })
    }
}

/// `text/plain`.
impl IntoPayload for Text {
    fn into_payload(self) -> Result<Payload, PublishError> {
        Ok(Payload { content_type: "text/plain", body: self.0.into() })
    }
}

/// `application/octet-stream`.
impl IntoPayload for Body {
    fn into_payload(self) -> Result<Payload, PublishError> {
        Ok(Payload { content_type: "application/octet-stream", body: Message::Binary(self.0) })
    }
}
