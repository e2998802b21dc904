//! What a handler answers, and where that goes.

use super::{
    Body, IntoPayload, Json, Kind, MessageError, MessagingSettings, Payload, PublishError, Request, Result, Text,
};
use crate::model::{Destination, Headers, Publication, SessionId};
use bytestring::ByteString;
use serde::Serialize;

/// What a handler's value becomes: nothing, one message or several.
#[derive(Debug, Clone, Default)]
pub struct Reply(Vec<Part>);

#[derive(Debug, Clone)]
struct Part {
    target: Target,
    payload: Result<Payload, PublishError>,
    headers: Headers,
}

#[derive(Debug, Clone)]
enum Target {
    Usual,
    Destination(ByteString),
    Sender(Option<ByteString>),
    User(ByteString, ByteString),
}

impl Reply {
    /// No answer.
    pub const fn none() -> Self {
        Self(Vec::new())
    }

    /// To where answers go: a SUBSCRIBE's to its subscription, a SEND's to `/topic` and its path.
    pub fn usual(payload: impl IntoPayload) -> Self {
        Self::part(Target::Usual, payload)
    }

    /// To everybody who subscribed `destination`.
    pub fn to(destination: impl Into<ByteString>, payload: impl IntoPayload) -> Self {
        Self::part(Target::Destination(destination.into()), payload)
    }

    /// To the session that the message came from, where it subscribed `/user` + `suffix`, as `/user/queue/errors` for
    /// `/queue/errors`. It need not be signed in.
    pub fn to_sender(suffix: impl Into<ByteString>, payload: impl IntoPayload) -> Self {
        Self::part(Target::Sender(Some(suffix.into())), payload)
    }

    /// To all sessions of a user that subscribed `/user` + `suffix`.
    pub fn to_user(name: impl Into<ByteString>, suffix: impl Into<ByteString>, payload: impl IntoPayload) -> Self {
        Self::part(Target::User(name.into(), suffix.into()), payload)
    }

    /// The same messages, each with this header. A client's own headers are never copied to an answer.
    #[must_use]
    pub fn with_header(mut self, name: impl Into<ByteString>, value: impl Into<ByteString>) -> Self {
        let (name, value) = (name.into(), value.into());
        for part in &mut self.0 {
            part.headers.set(name.clone(), value.clone());
        }
        self
    }

    /// These messages, and then those.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    fn part(target: Target, payload: impl IntoPayload) -> Self {
        Self(vec![Part { target, payload: payload.into_payload(), headers: Headers::new() }])
    }
}

/// To the session that the message came from, where it subscribed `/user/queue` + the message's path: SEND `/app/chat`
/// is answered on `/user/queue/chat`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToSender<P>(pub P);

/// What a handler may return.
///
/// | value | answer |
/// |---|---|
/// | `()`, `None` | none |
/// | [`Json`], [`Text`], [`Body`] | as [`Reply::usual`] says |
/// | [`ToSender`] of one of these | to the sender alone |
/// | [`Reply`] | to where it says |
/// | a tuple, array or `Vec` of values | all of these, in order |
/// | `Result<_, E>` | the value, or the error: see [`MessageError`] |
pub trait IntoReply {
    /// The messages that it stands for.
    fn into_reply(self) -> Result<Reply>;
}

impl IntoReply for Reply {
    fn into_reply(self) -> Result<Reply> {
        Ok(self)
    }
}

impl IntoReply for () {
    fn into_reply(self) -> Result<Reply> {
        Ok(Reply::none())
    }
}

impl<R: IntoReply> IntoReply for Option<R> {
    fn into_reply(self) -> Result<Reply> {
        self.map_or_else(|| Ok(Reply::none()), R::into_reply)
    }
}

impl<R: IntoReply, E: Into<MessageError>> IntoReply for Result<R, E> {
    fn into_reply(self) -> Result<Reply> {
        self.map_err(Into::into)?.into_reply()
    }
}

impl<R: IntoReply> IntoReply for Vec<R> {
    fn into_reply(self) -> Result<Reply> {
        all(self)
    }
}

impl<R: IntoReply, const N: usize> IntoReply for [R; N] {
    fn into_reply(self) -> Result<Reply> {
        all(self)
    }
}

fn all<R: IntoReply>(replies: impl IntoIterator<Item = R>) -> Result<Reply> {
    replies.into_iter().try_fold(Reply::none(), |all, one| Ok(all.and(one.into_reply()?)))
}

impl<T: Serialize> IntoReply for Json<T> {
    fn into_reply(self) -> Result<Reply> {
        Ok(Reply::usual(self))
    }
}

impl IntoReply for Text {
    fn into_reply(self) -> Result<Reply> {
        Ok(Reply::usual(self))
    }
}

impl IntoReply for Body {
    fn into_reply(self) -> Result<Reply> {
        Ok(Reply::usual(self))
    }
}

impl<P: IntoPayload> IntoReply for ToSender<P> {
    fn into_reply(self) -> Result<Reply> {
        Ok(Reply::part(Target::Sender(None), self.0))
    }
}

macro_rules! tuples {
    ($(($($name:ident)*))*) => {$(
        impl<$($name: IntoReply),*> IntoReply for ($($name,)*) {
            #[allow(non_snake_case)]
            fn into_reply(self) -> Result<Reply> {
                let ($($name,)*) = self;
                Ok(Reply::none()$(.and($name.into_reply()?))*)
            }
        }
    )*};
}

tuples! { (A B) (A B C) (A B C D) }

/// What came of a message, for the node to carry out.
#[derive(Debug, Default)]
pub struct Outcome {
    /// What goes out, in this order, each through the [`Outlet`](super::Outlet)'s function of its name.
    pub deliveries: Vec<OutgoingDelivery>,
    /// What the sender is told; nothing is delivered then.
    pub error: Option<MessageError>,
    /// Whether there is a handler for the destination. Without one, [`error`](Self::error) says so.
    pub handled: bool,
}

/// One message that goes out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OutgoingDelivery {
    /// To the broker.
    Publish(Publication),
    /// To all sessions of a user that subscribed the publication's destination, `/user/queue/x`.
    ToUser {
        /// The user's name.
        name: ByteString,
        /// What goes there.
        publication: Publication,
    },
    /// The same for one session.
    ToSession {
        /// The session.
        session: SessionId,
        /// What goes there.
        publication: Publication,
    },
    /// To the session that the message came from, under the id of its SUBSCRIBE. No subscription stays.
    ToSubscription(Publication),
}

impl Reply {
    /// Finds out where each message goes.
    pub(super) fn deliveries(self, request: &Request, settings: &MessagingSettings) -> Result<Vec<OutgoingDelivery>> {
        self.0.into_iter().map(|part| part.delivery(request, settings).map_err(Into::into)).collect()
    }
}

impl Part {
    fn delivery(self, request: &Request, settings: &MessagingSettings) -> Result<OutgoingDelivery, PublishError> {
        let Self { target, payload, headers } = self;
        let (payload, path) = (payload?, request.path());
        let publication = |destination| with_headers(payload.to(destination), headers);
        Ok(match target {
            Target::Usual if request.kind == Kind::Subscribe => {
                OutgoingDelivery::ToSubscription(publication(request.destination.clone()))
            }
            Target::Usual => OutgoingDelivery::Publish(publication(settings.reply_destination(path)?)),
            Target::Destination(text) => OutgoingDelivery::Publish(publication(Destination::parse(text)?)),
            Target::Sender(suffix) => {
                let suffix = suffix.unwrap_or_else(|| format!("/queue{path}").into());
                let publication = publication(settings.user_destination(suffix)?);
                OutgoingDelivery::ToSession { session: request.client.id(), publication }
            }
            Target::User(name, suffix) => {
                OutgoingDelivery::ToUser { name, publication: publication(settings.user_destination(suffix)?) }
            }
        })
    }
}

fn with_headers(mut publication: Publication, headers: Headers) -> Publication {
    for (name, value) in headers.iter() {
        publication.headers.set(name.clone(), value.clone());
    }
    publication
}
